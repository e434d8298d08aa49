"""How much work something is, in a unit that grows with it on a slow or busy machine: limits that hold on every one."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache

COUNT = 3_000_000  # additions in Python: about a tenth of a second


def effort(run: Callable[[], object]) -> float:
    """The processor time of the call in this thread, in multiples of that of adding `COUNT` numbers."""
    return _seconds(run) / _unit()


@contextmanager
def effort_below(limit: float) -> Iterator[None]:
    """Raise AssertionError if the block is more effort than that."""
    gc.disable()  # a collection takes as long as what other tests have left in memory
    began = time.thread_time()
    try:
        yield
        spent = (time.thread_time() - began) / _unit()
    finally:
        gc.enable()
    assert spent < limit, f"as much work as {spent:.0f} times the unit"


@cache
def _unit() -> float:
    return max(_seconds(_add) for _ in range(3))


def _add() -> int:
    total = 0
    for number in range(COUNT):
        total += number
    return total


def _seconds(run: Callable[[], object]) -> float:
    gc.disable()
    try:
        began = time.thread_time()
        run()
        return time.thread_time() - began
    finally:
        gc.enable()
