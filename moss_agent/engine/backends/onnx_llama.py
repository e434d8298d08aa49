"""A Llama on the CPU, computed by ONNX Runtime from weights of 8 bits: several sequences in one pass.

The graph is cut where sequences differ. Between two cuts the rows of all of them go through together, so that weights
are read once for all; attention, in between, is computed for each sequence over its own cache, which grows in place.
`checkpoints.mini_onnx` writes the parts of the graph. Rows are rounded to 8 bits too, each by itself, so that a
sequence gives the same in any company. How much of it is read at once changes the last bits of attention, and with
them, now and then, how something is rounded.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import psutil
from numpy.typing import NDArray

from moss_agent.engine.backends.failures import failures_at, finite
from moss_agent.engine.sampling import Logits
from moss_agent.engine.sequence import Cache, last_rows

BLOCK = 256  # tokens by which a cache grows
SPARE = 1024  # tokens that a cut cache keeps room for

Rows = NDArray[np.float32]


class OnnxCache:
    """Keys and values, (layers, 2, 1, heads, capacity, head size), of which the first `length` tokens are filled.

    bindings: what the attention of each layer reads and writes here, as ONNX Runtime has to be told; none if that was
    not done since the memory was moved. Telling takes longer than computing, so it is not done at every step.
    """

    def __init__(self, filled: Rows) -> None:
        self._stored = filled
        self.length = filled.shape[4]
        self.bindings: list[Any] = []
        self.counts = np.zeros((2, 1), np.int32)  # the last place that a step fills, and the length after it

    def cut(self, length: int) -> None:
        self.length = max(0, min(self.length, length))
        if not self.length or self._stored.shape[4] > self.length + SPARE:
            with suppress(MemoryError):
                self._move(self._filled().copy())  # frees the memory

    def copy(self) -> OnnxCache:
        with failures_at(self.length):
            return OnnxCache(self._filled().copy())

    def reserve(self, length: int) -> None:
        """Make room for that many tokens."""
        capacity = -(-length // BLOCK) * BLOCK
        if capacity > self._stored.shape[4]:
            grown = np.zeros((*self._stored.shape[:4], capacity, self._stored.shape[5]), np.float32)
            grown[:, :, :, :, : self.length] = self._filled()
            self._move(grown)

    def of_layer(self, layer: int) -> Rows:
        stored: Rows = self._stored[layer]
        return stored

    def _move(self, stored: Rows) -> None:
        self._stored, self.bindings = stored, []

    def _filled(self) -> Rows:
        return self._stored[:, :, :, :, : self.length]


class OnnxLlama:
    """Computes one step of several sequences as one batch of rows.

    longest: most tokens of a sequence. end_token: ends a text.
    manifest: JSON that has the shape of the model and names the files with the parts of its graph.
    """

    guesses_pay = False  # measured: as fast without, and a text is the same in any company then

    def __init__(self, manifest: Path) -> None:
        shape = json.loads(manifest.read_text("utf-8"))
        self._cache_shape = (shape["layers"], 2, 1, shape["key_heads"], 0, shape["head_size"])
        self.longest, self.end_token = shape["positions"], shape["end_token"]
        _share_threads()
        self._parts = [_session(manifest.with_name(name)) for name in shape["parts"]]
        self._attention = _session(manifest.with_name(shape["attention"]))
        self._embedding = np.load(manifest.with_name(shape["embedding"]), mmap_mode="r")
        angles = np.arange(shape["positions"])[:, None] * np.array(shape["frequencies"])
        self._turns = [onnxruntime.OrtValue.ortvalue_from_numpy(f(angles).astype(np.float32)) for f in (np.cos, np.sin)]

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
        ends = [0]
        for part in ids:
            ends.append(ends[-1] + len(part))
        with failures_at(max(cache.length + len(part) for cache, part in zip(own, ids, strict=True))):
            for cache, part in zip(own, ids, strict=True):
                self._prepare(cache, cache.length + len(part))
            last = last_rows(ends[1:], wanted)
            logits = self._logits(own, [token for part in ids for token in part], list(pairwise(ends)), last)
            for cache, part in zip(own, ids, strict=True):
                cache.length += len(part)
            return [finite(row) for row in logits]

    def close(self) -> None:
        """Do nothing: there is nothing to end."""

    def _logits(
        self, caches: Sequence[OnnxCache], ids: list[int], rows: list[tuple[int, int]], last: list[int]
    ) -> Rows:
        """Compute the logits after the tokens that stand at `last`, (those, vocabulary).

        ids: of all sequences, one after another; rows: where those of each begin and end.
        """
        x: Rows = self._embedding[ids].astype(np.float32)
        (projected,) = self._parts[0].run(["qkv"], {"x": x})
        for layer, part in enumerate(self._parts[1:-1]):
            attended = self._attend(layer, projected, caches, rows)
            projected, x = part.run(["qkv", "y"], {"x": x, "attended": attended})
        attended = self._attend(len(self._parts) - 2, projected, caches, rows)
        logits: Rows = self._parts[-1].run(["logits"], {"x": x[last], "attended": attended[last]})[0]
        return logits

    def _attend(self, layer: int, projected: Rows, caches: Sequence[OnnxCache], rows: list[tuple[int, int]]) -> Rows:
        """Compute the attention of a layer, each sequence over its own cache.

        projected: queries, keys and values of the new tokens, (rows, all heads * head size); keys are turned by their
        position and written into the cache on the way.
        """
        heads = projected.shape[1] // self._cache_shape[5] - 2 * self._cache_shape[3]
        attended = np.empty((len(projected), heads * self._cache_shape[5]), np.float32)
        for cache, (first, end) in zip(caches, rows, strict=True):
            binding, given, result = cache.bindings[layer], projected[None, first:end], attended[None, first:end]
            # By address: a binding would keep the array, and with it the rows of all sequences.
            binding.bind_input("qkv", "cpu", 0, np.float32, given.shape, given.ctypes.data)
            binding.bind_output("attended", "cpu", 0, np.float32, result.shape, result.ctypes.data)
            self._attention.run_with_iobinding(binding)
        return attended

    def _prepare(self, cache: OnnxCache, length: int) -> None:
        """Make room for so many tokens, and tell where the attention of each layer finds them."""
        cache.reserve(length)
        cache.counts[:, 0] = length - 1, length
        for layer in range(len(cache.bindings), self._cache_shape[0]):
            binding = self._attention.io_binding()
            for name, count in zip(("last", "length"), cache.counts, strict=True):
                binding.bind_cpu_input(name, count)
            for name, turn in zip(("cos", "sin"), self._turns, strict=True):
                binding.bind_ortvalue_input(name, turn)
            for name, stored in zip(("keys", "values"), cache.of_layer(layer), strict=True):
                place = ("cpu", 0, np.float32, stored.shape, stored.ctypes.data)
                binding.bind_input(name, *place)
                binding.bind_output(f"new_{name}", *place)
            cache.bindings.append(binding)


def _session(path: Path) -> Any:
    options = onnxruntime.SessionOptions()
    options.use_per_session_threads = False
    options.enable_cpu_mem_arena = False  # each part would keep the memory of its longest text
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


@functools.cache
def _share_threads() -> None:
    """Let all parts compute on the same threads: OMP_NUM_THREADS, or as many as there are cores."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    cores = min(available, psutil.cpu_count(logical=False) or available)
    named = os.environ.get("OMP_NUM_THREADS", "")
    onnxruntime.set_global_thread_pool_sizes(int(named) if named.isdecimal() and int(named) else cores, 1)
