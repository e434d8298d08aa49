"""A model of the Llama shape with an adapter, computed for training on a few CPU cores.

Before each step the adapter is added to the weights instead of being computed beside them, so that a step is a few
large matrix products; its gradients follow from the same inputs and outputs. A layer is compiled, which joins what is
no product: once for each shape of a batch, in about twenty seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from peft import PeftModel
from torch import nn
from torch.nn.functional import silu
from transformers import LlamaConfig

from .batches import PREAMBLE, SHAPES, Batch

AT_ONCE = 128  # targets whose logits are in memory together
SAME_INPUT = (  # linear layers of a layer that are computed as one
    ("self_attn", ("q_proj", "k_proj", "v_proj")),
    ("self_attn", ("o_proj",)),
    ("mlp", ("gate_proj", "up_proj")),
    ("mlp", ("down_proj",)),
)


class Learner(nn.Module):
    """The model with its loss, as `moss_agent.training.run.Run` trains it: computed in the base's precision."""

    def __init__(self, model: PeftModel) -> None:
        super().__init__()
        self.model = model
        base = model.get_base_model()
        config = base.config
        self.eps = config.rms_norm_eps
        self.embedding, self.last_norm = base.model.embed_tokens.weight, base.model.norm.weight
        for weight in (self.embedding, self.last_norm):
            weight.requires_grad_(False)
        self.norms = [(each.input_layernorm.weight, each.post_attention_layernorm.weight) for each in base.model.layers]
        self.linears = [
            [[getattr(getattr(layer, room), name) for name in names] for room, names in SAME_INPUT]
            for layer in base.model.layers
        ]
        self.scale = self.linears[0][0][0].scaling["default"]
        self.cosines, self.sines = rotary(config, PREAMBLE + max(SHAPES), self.embedding.dtype)
        self.layer = torch.compile(_layer, dynamic=False)

    @property
    def device(self) -> torch.device:
        return self.embedding.device

    @property
    def trained(self) -> dict[str, nn.Parameter]:
        """The adapter's parameters, by name."""
        return {name: each for name, each in self.model.named_parameters() if each.requires_grad}

    def forward(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the sum of the targets' cross entropies, and how many of them are the likeliest token."""
        losses, right = self.losses(batch)
        return losses.sum(), right

    def losses(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the cross entropy of each target, and how many of them are the likeliest token."""
        count, length = batch.ids.shape
        positions = torch.cat([torch.arange(PREAMBLE), batch.shared + torch.arange(length).repeat(count)])
        turns = self.cosines[positions], self.sines[positions]
        padding = torch.zeros(PREAMBLE)
        padding[batch.shared :] = -torch.inf
        masks = tuple(mask.to(self.embedding.dtype) for mask in (_unseen(PREAMBLE), padding, _unseen(length)))
        states = self.embedding[torch.cat([batch.preamble, batch.ids.flatten()])].requires_grad_()
        for norms, linears in zip(self.norms, self.linears, strict=True):
            adapted = [_adapted(group, self.scale) for group in linears]
            states = self.layer(states, norms, adapted, turns, masks, count, self.scale, self.eps)
        last = rms_norm(states[PREAMBLE + batch.sources], self.last_norm, self.eps)
        return _CrossEntropy.apply(last, self.embedding, batch.targets)


def rotary(config: LlamaConfig, positions: int, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    """Return cosines and sines of rotary positions. Shape: (positions, 1, size of a head)."""
    size = config.head_dim
    speeds = config.rope_parameters["rope_theta"] ** -(torch.arange(0, size, 2) / size)
    angles = torch.outer(torch.arange(positions), speeds).repeat(1, 2)[:, None]
    return angles.cos().to(dtype), angles.sin().to(dtype)


def _unseen(tokens: int) -> torch.Tensor:
    """Return what is added to scores so that no token sees those behind it."""
    return torch.full((tokens, tokens), -torch.inf).triu(1)


def _adapted(group: Sequence[Any], scale: float) -> tuple[torch.Tensor, ...]:
    """Return the weights of linear layers with their adapters added, one below the other, and the adapters' factors."""
    bases = [each.base_layer.weight for each in group]
    downs = [each.lora_A["default"].weight.to(bases[0].dtype) for each in group]
    ups = [each.lora_B["default"].weight.to(bases[0].dtype) for each in group]
    with torch.no_grad():
        weights = [torch.addmm(*parts, alpha=scale) for parts in zip(bases, ups, downs, strict=True)]
    return torch.cat(weights), torch.cat(downs), *ups


class _Linear(torch.autograd.Function):
    """states @ weight.T, where the weight holds scale * `ups` @ `down` already, which get the gradients.

    Shapes: down (ups * rank, inputs), each of ups (its outputs, rank).
    """

    @staticmethod
    def forward(
        ctx: Any, states: torch.Tensor, scale: float, weight: torch.Tensor, down: torch.Tensor, *ups: Any
    ) -> Any:
        ctx.save_for_backward(states, weight, down, *ups)
        ctx.scale = scale
        return states @ weight.t()

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        states, weight, down, *ups = ctx.saved_tensors
        parts = gradient.split([len(up) for up in ups], 1)
        inner = (states @ down.t() * ctx.scale).chunk(len(ups), 1)
        up_gradients = [part.t() @ each for part, each in zip(parts, inner, strict=True)]
        outer = torch.cat([part @ up for part, up in zip(parts, ups, strict=True)], 1) * ctx.scale
        return gradient @ weight, None, None, outer.t() @ states, *up_gradients


def _layer(
    states: torch.Tensor,
    norms: Sequence[torch.Tensor],
    linears: Sequence[Sequence[torch.Tensor]],
    turns: tuple[torch.Tensor, torch.Tensor],
    masks: Sequence[torch.Tensor],
    count: int,
    scale: float,
    eps: float,
) -> torch.Tensor:
    """One layer of the Llama shape. Shape of states: (PREAMBLE + count * length, width)."""
    joined, out, gate_and_up, down = linears
    normalised = rms_norm(states, norms[0], eps)
    attended = _attend(_Linear.apply(normalised, scale, *joined), joined[2:], turns, masks, count)
    states = states + _Linear.apply(attended, scale, *out)
    gate, up = _Linear.apply(rms_norm(states, norms[1], eps), scale, *gate_and_up).chunk(2, -1)
    return states + _Linear.apply(silu(gate) * up, scale, *down)


def _attend(
    joined: torch.Tensor,
    ups: Sequence[torch.Tensor],
    turns: tuple[torch.Tensor, torch.Tensor],
    masks: Sequence[torch.Tensor],
    count: int,
) -> torch.Tensor:
    """Attend within the preamble, and from each conversation to the preamble and to itself.

    joined: queries, keys and values of all heads, whose numbers follow from `ups`. Letters of shapes: k key heads, g
    query heads of each, c conversations, t tokens of one, p tokens of the preamble, d size of a head.
    """
    first, size = len(masks[0]), turns[0].shape[-1]
    heads, keys = len(ups[0]) // size, len(ups[1]) // size
    rows = joined.view(len(joined), -1, size)
    turned, values = rotate(rows[:, : heads + keys], *turns), rows[:, heads + keys :]
    queries, keyed = turned[:, :heads] * size**-0.5, turned[:, heads:]
    first_queries = queries[:first].transpose(0, 1).reshape(keys, -1, size)  # k (g p) d
    first_keys, first_values = keyed[:first].permute(1, 2, 0), values[:first].transpose(0, 1)  # k d p, k p d
    scores = torch.bmm(first_queries, first_keys).view(keys, -1, first, first) + masks[0]
    ahead = torch.bmm(scores.softmax(-1).view(keys, -1, first), first_values)  # k (g p) d
    ahead = ahead.view(heads, first, size).transpose(0, 1).reshape(first, -1)

    length = (len(joined) - first) // count
    own = queries[first:].view(count, length, keys, -1, size).permute(2, 0, 3, 1, 4)  # k c g t d
    own_keys = keyed[first:].view(count, length, keys, size).permute(2, 0, 3, 1).reshape(keys * count, size, length)
    own_values = values[first:].view(count, length, keys, size).permute(2, 0, 1, 3).reshape(keys * count, length, size)
    to_first = torch.bmm(own.reshape(keys, -1, size), first_keys).view(*own.shape[:4], first) + masks[1]
    to_own = torch.bmm(own.reshape(keys * count, -1, size), own_keys).view(*own.shape[:4], length) + masks[2]
    first_powers, own_powers, total = exponentials(to_first, to_own)
    from_first = torch.bmm(first_powers.reshape(keys, -1, first), first_values).view(own.shape)
    from_own = torch.bmm(own_powers.reshape(keys * count, -1, length), own_values).view(own.shape)
    attended = ((from_first + from_own) / total).to(joined.dtype).permute(1, 3, 0, 2, 4)  # c t k g d
    return torch.cat([ahead, attended.reshape(count * length, -1)])


def exponentials(first: torch.Tensor, own: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return e to the power of both scores, and the sum of each row of both: divided by it they are a softmax.

    If the scores were joined first, they and their gradients would be copied there and back.
    """
    with torch.no_grad():
        most = torch.maximum(first.amax(-1, keepdim=True), own.amax(-1, keepdim=True))
    powers = (first - most).exp(), (own - most).exp()
    sums = [each.sum(-1, keepdim=True, dtype=torch.float32) for each in powers]
    return *powers, sums[0] + sums[1]


def rms_norm(states: torch.Tensor, weight: torch.Tensor, eps: float) -> torch.Tensor:
    wide = states.float()
    return (wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + eps)).to(states.dtype) * weight


def rotate(states: torch.Tensor, cosines: torch.Tensor, sines: torch.Tensor) -> torch.Tensor:
    left, right = states.chunk(2, -1)
    return states * cosines + torch.cat([-right, left], -1) * sines


class _CrossEntropy(torch.autograd.Function):
    """The targets' losses and how many are guessed right, with the gradient: all logits are never in memory."""

    @staticmethod
    def forward(ctx: Any, states: torch.Tensor, embedding: torch.Tensor, targets: torch.Tensor) -> Any:
        missing = -len(targets) % AT_ONCE
        padded = torch.cat([states, states.new_zeros(missing, states.shape[1])]).split(AT_ONCE)
        wanted = torch.cat([targets, targets.new_full((missing,), -1)]).split(AT_ONCE)
        parts = [_cross_entropy(part @ embedding.t(), own) for part, own in zip(padded, wanted, strict=True)]
        ctx.save_for_backward(torch.cat([gradient @ embedding for _, _, gradient in parts])[: len(targets)])
        losses = torch.cat([losses for losses, _, _ in parts])[: len(targets)]
        right = torch.stack([right for _, right, _ in parts]).sum()
        ctx.mark_non_differentiable(right)
        return losses, right

    @staticmethod
    def backward(ctx: Any, factors: torch.Tensor, _: torch.Tensor) -> Any:
        (gradient,) = ctx.saved_tensors
        return gradient * factors[:, None].to(gradient.dtype), None, None


@torch.compile(dynamic=False)
def _cross_entropy(logits: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return cross entropies, how many guesses are right, and the former's gradients. Targets below 0 are none."""
    wide, counts, wanted = logits.float(), targets >= 0, targets.clamp_min(0)[:, None]
    most = wide.amax(-1, keepdim=True)
    powers = (wide - most).exp()
    total, own = powers.sum(-1, keepdim=True), wide.gather(1, wanted)
    losses = (total.log() + most - own)[:, 0] * counts
    is_wanted = torch.arange(wide.shape[1]) == wanted
    gradient = (powers / total - is_wanted.float()) * counts[:, None]
    right = ((own == most)[:, 0] & counts).sum()
    return losses, right, gradient.to(logits.dtype)
