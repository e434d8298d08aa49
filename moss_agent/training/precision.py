"""The precision to train in."""

from __future__ import annotations

import time
from itertools import chain, repeat

import torch

from moss_agent.engine.loading import choose_dtype

SIZE = 768  # of the products that are timed
TRIES = 5


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
    """Return whether this processor multiplies matrices of one type faster than those of the other."""
    factors = {each: torch.ones(SIZE, SIZE, dtype=each) for each in (dtype, other)}
    seconds = {each: float("inf") for each in factors}
    for each in chain.from_iterable(repeat((dtype, other), TRIES)):  # in turn: other programs disturb both alike
        started = time.perf_counter()
        factors[each] @ factors[each]
        seconds[each] = min(seconds[each], time.perf_counter() - started)
    return seconds[dtype] < seconds[other]
