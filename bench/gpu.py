"""What a card makes of a model: reading, writing, many conversations at once, packed weights, and whether texts agree.

    python bench/gpu.py [MODEL] [--contexts 100,1000,1800] [--conversations 1,8,32] [--quantize none,int8,int4]

MODEL is mini, a folder, a name on the model hub, or `random-moss`: MOSS in full size with random weights, without any
download. "generate" is the function of transformers, one conversation; "ours" is this package's backend. Writing is
measured at each context for one conversation, then at the second context for several at once, all together in tokens
per second.

Below each table: how far greedy texts of `generate`, of ours alone and of ours in company agree, and the largest
relative difference of the logits. In 16 bits two tokens that are nearly as likely may change places, in company too.

Also runs on a CPU (`--device cpu`), where only small models make sense.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable, Sequence

import torch
from decode import tokens_per_second
from transformers import PreTrainedModel

from moss_agent.checkpoints import moss
from moss_agent.checkpoints.hub import fetch
from moss_agent.checkpoints.mini import prepare
from moss_agent.checkpoints.moss.configuration import MossConfig
from moss_agent.checkpoints.moss.modeling import MossForCausalLM
from moss_agent.cli.options import silence_libraries
from moss_agent.engine.attention import leaves_attention
from moss_agent.engine.backends.batched import BatchedBackend
from moss_agent.engine.backends.transformers import TransformersBackend
from moss_agent.engine.loading import choose_device, choose_dtype, load
from moss_agent.engine.sequence import Backend

RANDOM = "random-moss"
PUBLISHED = {"n_embd": 6144, "n_layer": 34, "n_head": 24, "rotary_dim": 64, "vocab_size": 107_008}
WRITTEN = 32  # tokens that are compared, and that `generate` is timed with
LENGTHS = (40, 7, 300, 120)  # of the texts that are compared


def opened(name: str, device: str, dtype: str, quantize: str) -> PreTrainedModel:
    if name != RANDOM:
        folder = prepare() if name == "mini" else fetch(name)
        return load(str(folder), device=device, dtype=dtype, quantize=quantize)[0]
    target = choose_device(device)
    torch.set_default_dtype(choose_dtype(dtype, target))
    with target:
        model = MossForCausalLM(MossConfig(**PUBLISHED)).eval()
    torch.set_default_dtype(torch.float32)
    return model


def generated(model: PreTrainedModel, ids: Sequence[int], count: int) -> list[int]:
    """Return so many tokens of transformers' own greedy `generate`."""
    prompt = torch.tensor([list(ids)], device=model.device)
    options = {"do_sample": False, "max_new_tokens": count, "min_new_tokens": count, "repetition_penalty": 1.0}
    whole = model.generate(prompt, attention_mask=torch.ones_like(prompt), pad_token_id=0, **options)
    return whole[0, len(ids) :].tolist()


def generate_speed(model: PreTrainedModel, context: int) -> tuple[float, float]:
    """Return the tokens per second that `generate` reads and writes."""
    ids = tokens(model, context)
    generated(model, ids, 2)
    first, all_of_it = (seconds(lambda count=count: generated(model, ids, count)) for count in (1, 1 + WRITTEN))
    return context / first, WRITTEN / (all_of_it - first)


def seconds(step: Callable[[], object]) -> float:
    started = time.perf_counter()
    step()
    return time.perf_counter() - started


def tokens(model: PreTrainedModel, count: int) -> list[int]:
    drawn = random.Random(count)
    return [drawn.randrange(3, model.config.vocab_size) for _ in range(count)]


def written(backend: Backend, texts: Sequence[Sequence[int]], ends: set[int]) -> list[list[int]]:
    """Return what follows each text, greedily, all of them in one pass at each step; an end is passed over."""
    caches = [backend.new_cache() for _ in texts]
    rows = backend.forward(caches, texts)
    made: list[list[int]] = [[] for _ in texts]
    for _ in range(WRITTEN):
        for row, text in zip(rows, made, strict=True):
            row[list(ends)] = -float("inf")  # as `generate` does with a least number of tokens
            text.append(int(row.argmax()))
        rows = backend.forward(caches, [[text[-1]] for text in made])
    return made


def same(one: Sequence[Sequence[int]], other: Sequence[Sequence[int]]) -> str:
    """Return how many tokens of both texts are the same before the first that differs, for each text."""
    counts = [
        next((place for place, (a, b) in enumerate(zip(x, y, strict=True)) if a != b), len(x))
        for x, y in zip(one, other, strict=True)
    ]
    return " ".join(f"{count}/{WRITTEN}" for count in counts)


def compare(model: PreTrainedModel, backend: Callable[[], Backend]) -> None:
    """Print how far the texts and the logits agree."""
    configured = model.generation_config.eos_token_id if model.generation_config else None
    ends = set(configured if isinstance(configured, list) else [configured]) - {None}
    texts = [tokens(model, length) for length in LENGTHS]
    with torch.inference_mode():
        want = [model(torch.tensor([text], device=model.device)).logits[0, -1].float().cpu() for text in texts]
    library = [generated(model, text, WRITTEN) for text in texts]
    ours = backend()
    alone = [written(ours, [text], ends)[0] for text in texts]
    together = written(ours, texts, ends)
    rows = [torch.from_numpy(row) for row in ours.forward([ours.new_cache() for _ in texts], texts)]
    error = max(float((row - goal).norm() / goal.norm()) for row, goal in zip(rows, want, strict=True))
    print(f"  same as generate: {same(alone, library)}; in company: {same(alone, together)}; logits: {error:.1e}")


def report(arguments: argparse.Namespace, quantize: str) -> None:
    begun = time.perf_counter()
    model = opened(arguments.model, arguments.device, arguments.dtype, quantize)
    loading = time.perf_counter() - begun
    backend = BatchedBackend if leaves_attention(model) else TransformersBackend
    contexts = [int(context) for context in arguments.contexts.split(",")]
    counts = [int(count) for count in arguments.conversations.split(",")]
    dtype = str(model.dtype).removeprefix("torch.")
    print(f"\n{arguments.model}, {quantize or dtype}, {model.device}: loaded in {loading:.0f} s, {backend.__name__}")
    cells = "".join(f"{f'{context} deep':>11}" for context in contexts) + "".join(
        f"{f'{n} at once':>12}" for n in counts
    )
    print(f"{'':10}{'read':>8}{cells}")
    own = [generate_speed(model, context) for context in contexts]
    print(f"{'generate':10}{own[-1][0]:8.0f}" + "".join(f"{writing:11.1f}" for _, writing in own), flush=True)
    attention = model.config._attn_implementation
    ours = backend(model)
    vocabulary = model.config.vocab_size
    alone = [tokens_per_second(ours, context, 1, vocabulary) for context in contexts]
    deep = contexts[min(1, len(contexts) - 1)]
    several = [tokens_per_second(ours, deep, count, vocabulary)[1] for count in counts]
    speeds = "".join(f"{writing:11.1f}" for _, writing in alone) + "".join(f"{speed:12.1f}" for speed in several)
    print(f"{'ours':10}{alone[-1][0]:8.0f}{speeds}", flush=True)
    if torch.cuda.is_available():
        peak = torch.cuda.max_memory_allocated() / 1e9
        print(f"  at most {peak:.1f} GB of the card")
        torch.cuda.reset_peak_memory_stats()
    model.set_attn_implementation(attention)
    compare(model, lambda: backend(model))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", default="mini", metavar="MODEL")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--contexts", default="100,1000,1800")
    parser.add_argument("--conversations", default="1,8,32")
    parser.add_argument("--quantize", default="none,int8,int4")
    arguments = parser.parse_args()
    silence_libraries()
    moss.register()
    kinds = ["none"] if arguments.model == RANDOM else arguments.quantize.split(",")  # packed are files
    for quantize in kinds:
        report(arguments, "" if quantize == "none" else quantize)
        torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
