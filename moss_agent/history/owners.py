"""Which process writes a turn, and whether it still lives."""

from __future__ import annotations

import os
from functools import cache

SLACK = 2.0  # seconds by which the clock may have been put right


def this_process() -> str:
    """Return a name of this process that no other one on this machine will have."""
    return _name(os.getpid())


def is_alive(owner: str) -> bool:
    """Return whether the process of that name runs. A name that is none belongs to no process."""
    from psutil import Error, Process

    pid, _, started = owner.partition("@")
    try:
        return abs(Process(int(pid)).create_time() - float(started)) < SLACK
    except (Error, ValueError, OverflowError):
        return False


@cache
def _name(pid: int) -> str:
    from psutil import Process

    return f"{pid}@{Process(pid).create_time()}"
