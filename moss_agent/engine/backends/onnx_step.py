"""One step of several sequences on ONNX Runtime: the graph's sessions, and what they read and write.

The graph is cut where sequences differ. Between two cuts the rows of all of them go through together, so that weights
are read once for all; attention, in between, is computed for each sequence over its own cache, which grows in place.
`checkpoints.mini_onnx` writes the parts of the graph.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any, Protocol
from weakref import ref

import numpy as np
import onnxruntime
import psutil
from numpy.typing import NDArray

FEW = 64  # rows of a step: after one with more the memory that they took is freed

Rows = NDArray[np.float32]


class Graph:
    """The sessions of a model, and its shape.

    manifest: JSON that has the shape and names the files with the parts of the graph.
    attention: by the number of sequences that are computed in one call. freeing: options of a call after which the
    memory that is not in use goes back to the system.
    """

    def __init__(self, manifest: Path) -> None:
        self.shape = shape = json.loads(manifest.read_text("utf-8"))
        _share_threads_and_memory()
        *self.parts, self.last = (_session(manifest.with_name(name)) for name in shape["parts"])
        self.attention = {int(size): _session(manifest.with_name(name)) for size, name in shape["attention"].items()}
        self.embedding = np.load(manifest.with_name(shape["embedding"]), mmap_mode="r")
        angles = np.arange(shape["positions"])[:, None] * np.array(shape["frequencies"])
        self.turns = {"cos": _value(np.cos(angles)), "sin": _value(np.sin(angles))}
        self.freeing = onnxruntime.RunOptions()
        self.freeing.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")

    def groups(self, count: int) -> Iterator[tuple[int, int]]:
        """Yield where groups of sequences begin and end, as large as there are sessions for."""
        first = 0
        while first < count:
            size = max(size for size in self.attention if size <= count - first)
            yield first, first + size
            first += size


class Stored(Protocol):
    """A cache. stored: its keys and values, (layers, 2, 1, heads, capacity, head size)."""

    @property
    def stored(self) -> Rows: ...


class Step:
    """Computes one step of certain caches, each with so many new tokens.

    What the sessions read and write is told to ONNX Runtime once: telling takes longer than computing a token. So a
    step is used again as long as it suits. It keeps no cache's memory.
    """

    def __init__(self, graph: Graph, caches: Sequence[Stored], counts: Sequence[int]) -> None:
        self._graph = graph
        self._counts = list(counts)
        self._stored = [ref(cache.stored) for cache in caches]
        rows, shape = sum(counts), graph.shape
        heads, key_heads, size = shape["heads"], shape["key_heads"], shape["head_size"]
        self._x = [np.empty((rows, graph.embedding.shape[1]), np.float32) for _ in range(2)]  # each layer's in and out
        self._projected = np.empty((rows, (heads + 2 * key_heads) * size), np.float32)
        self._attended = np.empty((rows, heads * size), np.float32)
        self._ends = np.zeros((len(caches), 2, 1), np.int32)  # the last place that the step fills, and the length then
        self._runs = list(self._bind(caches))

    def suits(self, caches: Sequence[Stored], counts: Sequence[int]) -> bool:
        """Return whether the step is one of these caches, where they are now."""
        return list(counts) == self._counts and all(
            stored() is cache.stored for stored, cache in zip(self._stored, caches, strict=True)
        )

    def logits(self, ids: Sequence[int], lengths: Sequence[int], last: Sequence[int]) -> Rows:
        """Compute the logits after the tokens that stand at `last`, (those, vocabulary).

        ids: the new tokens of all caches, one after another; lengths: of the caches with them.
        """
        held = [stored() for stored in self._stored]  # ONNX Runtime has only the addresses
        self._x[0][:] = self._graph.embedding[list(ids)]
        self._ends[:, 1, 0] = lengths
        self._ends[:, 0] = self._ends[:, 1] - 1
        for session, binding in self._runs:
            session.run_with_iobinding(binding)
        x = self._x[(len(self._graph.parts) - 1) % 2]
        options = self._graph.freeing if len(x) > FEW else None
        logits: Rows = self._graph.last.run(["logits"], {"x": x[last], "attended": self._attended[last]}, options)[0]
        del held
        return logits

    def _bind(self, caches: Sequence[Stored]) -> Iterator[tuple[Any, Any]]:
        """Yield the sessions in the order in which they run, with what each reads and writes."""
        xs = [_value(x) for x in self._x]
        projected, attended = _value(self._projected), _value(self._attended)
        bounds = pairwise([0, *accumulate(self._counts)])
        sequences = [self._bind_sequence(cache, *each) for cache, each in zip(caches, enumerate(bounds), strict=True)]
        for layer, part in enumerate(self._graph.parts):
            binding = part.io_binding()
            binding.bind_ortvalue_input("x", xs[(layer - 1) % 2] if layer else xs[0])
            if layer:
                binding.bind_ortvalue_input("attended", attended)
                binding.bind_ortvalue_output("y", xs[layer % 2])
            binding.bind_ortvalue_output("qkv", projected)
            yield part, binding
            for first, end in self._graph.groups(len(sequences)):
                yield self._bind_attention(layer, sequences[first:end])

    def _bind_sequence(self, cache: Stored, number: int, rows: tuple[int, int]) -> _Bound:
        projected, attended = (_value(each[None, slice(*rows)]) for each in (self._projected, self._attended))
        last, length = (_value(each) for each in self._ends[number])
        stored = cache.stored
        inputs = {"qkv": projected, "last": last, "length": length}
        return _Bound(inputs, attended, stored.shape[2:], stored.ctypes.data, stored.strides[:2])

    def _bind_attention(self, layer: int, sequences: Sequence[_Bound]) -> tuple[Any, Any]:
        session = self._graph.attention[len(sequences)]
        binding = session.io_binding()
        for name, turn in self._graph.turns.items():
            binding.bind_ortvalue_input(name, turn)
        for number, sequence in enumerate(sequences):
            for name, value in sequence.inputs.items():
                binding.bind_ortvalue_input(f"{name}-{number}", value)
            binding.bind_ortvalue_output(f"attended-{number}", sequence.attended)
            for which, name in enumerate(("keys", "values")):
                place = sequence.place(layer, which)
                binding.bind_input(f"{name}-{number}", *place)
                binding.bind_output(f"new-{name}-{number}", *place)
        return session, binding


@dataclass(frozen=True)
class _Bound:
    """What the attention of a sequence reads and writes: values, and a cache by its address.

    A binding to the array would keep its memory.
    """

    inputs: Mapping[str, Any]
    attended: Any
    shape: tuple[int, ...]
    address: int
    strides: tuple[int, ...]

    def place(self, layer: int, which: int) -> tuple[Any, ...]:
        """Return where the keys, 0, or values, 1, of a layer are, as ONNX Runtime has to be told."""
        offset = layer * self.strides[0] + which * self.strides[1]
        return "cpu", 0, np.float32, self.shape, self.address + offset


def _value(array: NDArray[Any]) -> Any:
    """Return an array as ONNX Runtime wants it; numbers of 64 bits become ones of 32."""
    return onnxruntime.OrtValue.ortvalue_from_numpy(array.astype(np.float32) if array.dtype == np.float64 else array)


def _session(path: Path) -> Any:
    options = onnxruntime.SessionOptions()
    options.use_per_session_threads = False
    options.add_session_config_entry("session.use_env_allocators", "1")
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


@functools.cache
def _share_threads_and_memory() -> None:
    """Let all sessions compute on the same threads: OMP_NUM_THREADS, or as many as there are cores.

    Their intermediate results share one arena, which keeps its memory between short steps: to ask the system for it
    at every call takes longer than some of the nodes.
    """
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    cores = min(available, psutil.cpu_count(logical=False) or available)
    named = os.environ.get("OMP_NUM_THREADS", "")
    onnxruntime.set_global_thread_pool_sizes(int(named) if named.isdecimal() and int(named) else cores, 1)
    arena = onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR
    memory = onnxruntime.OrtMemoryInfo("Cpu", arena, 0, onnxruntime.OrtMemType.DEFAULT)
    onnxruntime.create_and_register_allocator(memory, None)
