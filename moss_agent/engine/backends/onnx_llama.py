"""A Llama on the CPU, computed by ONNX Runtime from weights of 8 bits: several sequences in one pass.

Rows are rounded to 8 bits too, each by itself, so that a sequence gives the same in any company. How much of it is read
at once changes the last bits of attention, and with them, now and then, how something is rounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from itertools import accumulate
from pathlib import Path

import numpy as np

from moss_agent.engine.backends.failures import failures_at, finite
from moss_agent.engine.backends.onnx_step import Graph, Rows, Step
from moss_agent.engine.sampling import Logits
from moss_agent.engine.sequence import Cache, last_rows

BLOCK = 256  # tokens by which a cache grows
SPARE = 1024  # tokens that a cut cache keeps room for


class OnnxCache:
    """Keys and values, (layers, 2, 1, heads, capacity, head size), of which the first `length` tokens are filled."""

    def __init__(self, filled: Rows) -> None:
        self.stored = filled
        self.length = filled.shape[4]

    def cut(self, length: int) -> None:
        if length > self.length:
            return
        self.length = max(0, length)
        if not self.length or self.stored.shape[4] > self.length + SPARE:
            with suppress(MemoryError):
                self.stored = self._filled().copy()  # frees the memory

    def copy(self) -> OnnxCache:
        with failures_at(self.length):
            return OnnxCache(self._filled().copy())

    def reserve(self, length: int) -> None:
        """Make room for that many tokens."""
        capacity = -(-length // BLOCK) * BLOCK
        if capacity > self.stored.shape[4]:
            grown = np.zeros((*self.stored.shape[:4], capacity, self.stored.shape[5]), np.float32)
            grown[:, :, :, :, : self.length] = self._filled()
            self.stored = grown

    def _filled(self) -> Rows:
        return self.stored[:, :, :, :, : self.length]


class OnnxLlama:
    """Computes one step of several sequences as one batch of rows.

    longest: most tokens of a sequence. end_token: ends a text.
    manifest: JSON that has the shape of the model and names the files with the parts of its graph.
    """

    guesses_pay = False  # measured: as fast without, and a text is the same in any company then

    def __init__(self, manifest: Path) -> None:
        self._graph = Graph(manifest)
        self._step: Step | None = None  # the last one, which the next one often equals
        shape = self._graph.shape
        self._cache_shape = (shape["layers"], 2, 1, shape["key_heads"], 0, shape["head_size"])
        self.longest, self.end_token = shape["positions"], shape["end_token"]

    def new_cache(self) -> OnnxCache:
        return OnnxCache(np.zeros(self._cache_shape, np.float32))

    @property
    def token_bytes(self) -> int:
        """Bytes that a cache takes for each token."""
        layers, two, _, heads, _, size = self._cache_shape
        return int(4 * layers * two * heads * size)

    def forward(
        self, caches: Sequence[Cache], ids: Sequence[Sequence[int]], wanted: Sequence[int] | None = None
    ) -> list[Logits]:
        own = [cache for cache in caches if isinstance(cache, OnnxCache)]
        counts = [len(part) for part in ids]
        lengths = [cache.length + count for cache, count in zip(own, counts, strict=True)]
        with failures_at(max(lengths)):
            for cache, length in zip(own, lengths, strict=True):
                cache.reserve(length)
            step = self._prepared(own, counts)
            last = last_rows(list(accumulate(counts)), wanted)
            logits = step.logits([token for part in ids for token in part], lengths, last)
            for cache, length in zip(own, lengths, strict=True):
                cache.length = length
            return [finite(row) for row in logits]

    def close(self) -> None:
        self._step = None

    def _prepared(self, caches: Sequence[OnnxCache], counts: Sequence[int]) -> Step:
        """Return a step that computes so many tokens of each cache, the last one if it suits."""
        step = self._step
        if step is None or not step.suits(caches, counts):
            self._step = step = None  # frees its memory
            self._step = step = Step(self._graph, caches, counts)
        return step
