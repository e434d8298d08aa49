"""One worker process that can be killed: for code that may spin, crash or fill the memory.

loky starts it, because its workers do not import the caller's main script.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loky import ProcessPoolExecutor

ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL", "NUMEXPR")}
LOOK_SECONDS = 0.5  # between two looks at whether the program is still there
FEEDER_SECONDS = 1.0  # for a thread that feeds a worker to end with the program


def start(memory: int, *also: Callable[[], object]) -> ProcessPoolExecutor:
    """An executor of one worker, which may take that many bytes of address space and calls `also` first."""
    from loky import ProcessPoolExecutor

    _await_feeders_at_exit()
    return ProcessPoolExecutor(max_workers=1, initializer=_set_up, initargs=(memory, os.getpid(), also), env=ONE_THREAD)


@cache
def _await_feeders_at_exit() -> None:
    """Have the program wait for loky's daemon threads at its end, before multiprocessing cleans up.

    One that is cut off while it frees a lock makes loky's resource tracker complain of a leak on the screen.
    """
    atexit.register(_await_feeders)


def _await_feeders() -> None:
    for thread in threading.enumerate():
        if thread.name == "QueueFeederThread":
            thread.join(FEEDER_SECONDS)


def _set_up(memory: int, program: int, also: tuple[Callable[[], object], ...]) -> None:
    """In the worker: Ctrl-C is for the program, and too much memory makes the call fail, not the machine."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(program,), daemon=True).start()
    if sys.platform != "win32":
        import resource

        with suppress(ValueError, OSError):  # a lower limit is set already, or the system has none
            resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    for function in also:
        function()


def _end_with(program: int) -> None:
    """End this process soon after the program, which may be killed without a chance to do it."""
    while os.getppid() == program:  # not on Windows, where it stays the same
        time.sleep(LOOK_SECONDS)
    os._exit(1)
