"""How fast tokens are written on the CPU, by the length of the context and the number of conversations.

    python bench/decode.py [--contexts 100,1000,1800] [--conversations 1,4,16] [--busy N]

mini in three ways: "transformers" is the model's own forward pass with a DynamicCache, one conversation after another,
"batched" this package's pass over several conversations, both in the precision that the processor suggests;
"onnx_llama" is how mini is computed unless something else is asked for. `--busy N` keeps N processors busy meanwhile.
If llama-bench is on the PATH, its figures for the base weights, in 4 bits and without the adapter, follow. Medians of
steps; ratios carry over to other machines, tokens per second do not.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from moss_agent.checkpoints.mini import ONNX_MANIFEST, base_gguf, prepare, prepare_onnx
from moss_agent.engine.backends.batched import BatchedBackend
from moss_agent.engine.backends.onnx_llama import OnnxLlama
from moss_agent.engine.backends.transformers import TransformersBackend
from moss_agent.engine.loading import load
from moss_agent.engine.sequence import Backend

STEPS = 12


def on_torch(backend: Callable[..., Backend]) -> Backend:
    model, _ = load(str(prepare()), device="cpu")
    return backend(model)


BACKENDS: dict[str, Callable[[], Backend]] = {
    "transformers": lambda: on_torch(TransformersBackend),
    "batched": lambda: on_torch(BatchedBackend),
    "onnx_llama": lambda: OnnxLlama(prepare_onnx() / ONNX_MANIFEST),
}


def tokens_per_second(
    backend: Backend, context: int, conversations: int, vocabulary: int = 40_000
) -> tuple[float, float]:
    """Return the speed of reading the context and of writing, for all conversations together."""
    tokens = random.Random(1)
    ids = [tokens.randrange(vocabulary) for _ in range(context)]
    cache = backend.new_cache()
    begun = time.perf_counter()
    for start in range(0, context, 512):
        backend.forward([cache], [ids[start : start + 512]])
    reading = context / (time.perf_counter() - begun)
    caches = [cache.copy() for _ in range(conversations)]
    taken = []
    for _ in range(STEPS):
        begun = time.perf_counter()
        backend.forward(caches, [[tokens.randrange(vocabulary)] for _ in caches])
        taken.append(time.perf_counter() - begun)
    return reading, conversations / statistics.median(taken)


def _spin() -> None:
    while True:
        pass


@contextmanager
def busy(count: int) -> Iterator[None]:
    """Keep so many processors busy."""
    processes = [multiprocessing.Process(target=_spin, daemon=True) for _ in range(count)]
    for process in processes:
        process.start()
    try:
        yield
    finally:
        for process in processes:
            process.kill()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contexts", default="100,1000,1800")
    parser.add_argument("--conversations", default="1,4,16")
    parser.add_argument("--busy", type=int, default=0)
    arguments = parser.parse_args()
    print(f"{'':14}{'context':>8}{'read, tok/s':>12}" + "".join(f"{n + ' at once':>12}" for n in counts(arguments)))
    with busy(arguments.busy):
        for name, opened in BACKENDS.items():
            backend = opened()
            for context in map(int, arguments.contexts.split(",")):
                measured = [tokens_per_second(backend, context, int(n)) for n in counts(arguments)]
                cells = [measured[0][0], *(writing for _, writing in measured)]
                print(f"{name:14}{context:>8}" + "".join(f"{cell:>12.1f}" for cell in cells), flush=True)
        if program := shutil.which("llama-bench"):
            contexts = [flag for context in arguments.contexts.split(",") for flag in ("-d", context)]
            subprocess.run([program, "-m", str(base_gguf()), "-p", "400", "-n", "32", *contexts], check=True)


def counts(arguments: argparse.Namespace) -> list[str]:
    return list(arguments.conversations.split(","))


if __name__ == "__main__":
    main()
