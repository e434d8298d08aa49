"""Errors of a step name what to do."""

from __future__ import annotations

import pytest

from moss_agent.engine.backends.failures import failures_at
from moss_agent.errors import EngineError, OutOfMemory


class RuntimeException(Exception):
    """As ONNX Runtime's own, which is no RuntimeError."""


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate(handle)"),
        RuntimeException("[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : std::bad_alloc"),
        RuntimeException("Failed to allocate memory for requested buffer of size 8"),
    ],
)
def test_every_way_to_say_that_there_is_no_memory_is_known(error):
    with pytest.raises(OutOfMemory, match="out of memory at 7 tokens: shorten"), failures_at(7):
        raise error


def test_what_else_fails_is_told_as_it_is():
    with pytest.raises(EngineError, match="failed at 7 tokens: no such kernel") as caught, failures_at(7):
        raise RuntimeError("no such kernel")
    assert not isinstance(caught.value, OutOfMemory)
