"""What a training run will take on this machine, estimated before anything is loaded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from moss_agent.checkpoints.plan import size_text
from moss_agent.errors import UsageError

if TYPE_CHECKING:
    import torch

    from moss_agent.checkpoints.needs import Needs

BYTES_TRAINED = 16  # of a parameter: weight, gradient and two moments, in fp32; a copy in 16 bits comes on top
BYTES_LOGIT = 12  # of the output layer: the logit twice in fp32, its gradient and its low precision
WRITTEN = 0.4  # of the tokens of a row the model has to write about so many
ATTENDING = 2  # matrices of scores that one layer has at once besides those that are kept
KEPT_WIDTHS, KEPT_INNER = 36, 12  # of a layer, so many activations of each width are kept for the way back (measured)
JOINED_LAYERS = 3  # of a model that is shared out: the one that computes, the next and the last one
BYTES_GRADIENT = 4
BYTES_SAVED = 12  # of a trained parameter in the state
ROWS = (2048, 1024, 512, 256)  # tokens of a row that are tried


@dataclass(frozen=True)
class Shape:
    """How a model is to be trained. row: tokens that are computed at once; longest: of the longest conversation.

    on_cpu: attention keeps its scores there, see `attention.py`. processes: that train together; shard: whether each
    has a part of the weights only.
    """

    dtype: torch.dtype
    quantize: str = ""
    rank: int = 16
    full: bool = False
    row: int = 2048
    checkpointing: bool = False
    longest: int = 0
    on_cpu: bool = False
    processes: int = 1
    shard: bool = False

    @property
    def at_once(self) -> int:
        return max(self.row, self.longest)

    @property
    def flags(self) -> str:
        """The options of the command line that ask for it."""
        parts = ["--full" * self.full, "--shard" * self.shard, f"--quantize {self.quantize}" * bool(self.quantize)]
        parts += [f"--row-tokens {self.row}", "--checkpointing" * self.checkpointing]
        return " ".join(filter(None, parts))


@dataclass(frozen=True)
class Memory:
    """Bytes of a process: the weights that stay, what is trained with its optimizer, what computing a row takes."""

    weights: int
    trained: int
    row: int

    @property
    def whole(self) -> int:
        return self.weights + self.trained + self.row


def trained_parameters(needs: Needs, shape: Shape) -> int:
    """Return how many numbers are trained."""
    if shape.full:
        return needs.parameters
    linear = needs.linear_weights()
    sizes = (parameter.shape for name, parameter in needs.model.named_parameters() if name in linear)
    return shape.rank * sum(sum(size) for size in sizes)


def memory_of(needs: Needs, shape: Shape) -> Memory:
    """Return what training takes at most, about. Models of the usual shape are assumed: it is an estimate."""
    import torch

    config = needs.model.config.get_text_config()
    inner = getattr(config, "intermediate_size", None) or getattr(config, "n_inner", None) or 4 * config.hidden_size
    layers, size = config.num_hidden_layers, shape.dtype.itemsize
    layer = size * (KEPT_WIDTHS * config.hidden_size + KEPT_INNER * inner)
    kept = size * config.hidden_size * layers + layer if shape.checkpointing else layers * layer
    head = int(WRITTEN * config.vocab_size * BYTES_LOGIT)
    stored = torch.float32 if shape.quantize else shape.dtype  # peft casts what is not packed
    weights = 0 if shape.full else sum(needs.weights(stored, shape.quantize).values())
    row = shape.at_once * (kept + head) + _scores(needs, shape)
    trained = BYTES_TRAINED * trained_parameters(needs, shape)
    if shape.shard:
        return Memory(weights // shape.processes, trained // shape.processes, row + _joined(needs, shape))
    copies = size * trained_parameters(needs, shape) if shape.dtype != torch.float32 else 0
    return Memory(weights, trained + copies, row)


def _joined(needs: Needs, shape: Shape) -> int:
    """Return the bytes of what is whole for a time of a model that is shared out: some layers, and what is in none."""
    from moss_agent.training.sharding import layers_of

    layers = [sum(each.numel() for each in layer.parameters()) for layer in layers_of(needs.model)]
    numbers = needs.parameters - sum(layers) + JOINED_LAYERS * max(layers, default=0)
    return numbers * (shape.dtype.itemsize + (BYTES_GRADIENT if shape.full else 0))


def _scores(needs: Needs, shape: Shape) -> int:
    """Return the bytes of attention's scores: of each token with each one of the longest conversation."""
    from moss_agent.engine.attention import leaves_attention

    if not shape.on_cpu or not leaves_attention(needs.model):
        return 0
    config = needs.model.config.get_text_config()
    layers = ATTENDING + (1 if shape.checkpointing else config.num_hidden_layers)
    columns, heads = shape.longest or shape.at_once, int(config.num_attention_heads)
    return layers * heads * shape.at_once * columns * shape.dtype.itemsize


def check_memory(needs: Needs, shape: Shape, free: int) -> Memory:
    """Return what training takes. Raises UsageError, naming options that would fit, if that is more than is free."""
    memory = memory_of(needs, shape)
    if memory.whole <= free:
        return memory
    for other in _smaller(shape):
        if memory_of(needs, other).whole <= free:
            remedy = f"it would fit with {other.flags}"
            break
    else:
        remedy = "none of this program's options would make it fit"
    raise UsageError(f"training needs about {size_text(memory.whole)}, {size_text(free)} are free: {remedy}")


def check_loading(needs: Needs, shape: Shape, processes: int, free: int) -> None:
    """Raise UsageError if the CPU's memory is too small to share a model out: each process loads it whole.

    processes, free: on this machine, and its bytes. The first process holds the whole state when it writes it.
    """
    size = needs.model.dtype.itemsize if shape.full else shape.dtype.itemsize
    loaded, state = needs.parameters * size * processes, BYTES_SAVED * trained_parameters(needs, shape)
    if max(loaded, state) > free:
        wanted, there = size_text(max(loaded, state)), size_text(free)
        raise UsageError(f"sharing out takes {wanted} of the CPU's memory, {there} are free: start fewer processes")


def _smaller(shape: Shape) -> Iterator[Shape]:
    """Yield ways to train that need less, the best of them first."""
    for way in [shape, replace(shape, full=False)] if shape.full else [shape]:
        for shard, quantize in _ways_to_keep(way):
            for row in (way.row, *(row for row in ROWS if row < way.row)):
                for checkpointing in (way.checkpointing, True):
                    yield replace(way, shard=shard, quantize=quantize, row=row, checkpointing=checkpointing)


def _ways_to_keep(shape: Shape) -> list[tuple[bool, str]]:
    """Return whether the weights may be shared out, and how they may be packed, which cannot be both."""
    if shape.quantize:
        return [(False, shape.quantize)]
    shared = [(True, "")] if shape.processes > 1 and not shape.shard else []
    packed = [] if shape.full else [(False, "int8"), (False, "int4")]
    return [(shape.shard, ""), *shared, *packed]
