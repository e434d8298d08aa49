"""The precision to train in."""

from __future__ import annotations

import time

import torch

from moss_agent.engine.loading import choose_dtype

SIZE, TIMES = 512, 10  # of the products that are timed


def choose_precision(name: str, device: torch.device) -> torch.dtype:
    """Return the precision of that name; `auto` takes what the device computes fastest.

    Never fp16, in which small gradients become zero. Some CPUs have instructions for bf16 and take longer with them
    than in fp32.
    """
    dtype = choose_dtype(name, device)
    if dtype == torch.float16:
        return torch.float32
    if name == "auto" and device.type == "cpu" and dtype != torch.float32 and not is_faster(dtype, torch.float32):
        return torch.float32
    return dtype


def is_faster(dtype: torch.dtype, other: torch.dtype) -> bool:
    """Return whether this processor multiplies matrices of one type faster than those of the other.

    One thread does, and its own time is taken: what else runs on the machine does not change the result.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return _seconds(dtype) < _seconds(other)
    finally:
        torch.set_num_threads(threads)


def _seconds(dtype: torch.dtype) -> float:
    factor = torch.ones(SIZE, SIZE, dtype=dtype)
    factor @ factor  # compiles what multiplies
    begun = time.thread_time()
    for _ in range(TIMES):
        factor @ factor
    return time.thread_time() - begun
