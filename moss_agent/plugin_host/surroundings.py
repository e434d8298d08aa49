"""What plugins share with the program and may change; it is put back, and the program goes on as if they had not."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_STREAMS = ("stdin", "stdout", "stderr")


class WorkingFolder:
    """The working folder of now, to come back to."""

    def __init__(self) -> None:
        self._path = _here()

    def restore(self) -> None:
        if self._path and _here() != self._path:
            with suppress(OSError):  # it may be gone
                os.chdir(self._path)


def _here() -> str:
    try:
        return os.getcwd()
    except OSError:  # it has been removed
        return ""


@contextmanager
def restored() -> Iterator[None]:
    """Put the working folder and the names of the standard streams back at the end of the block."""
    folder, streams = WorkingFolder(), {name: getattr(sys, name) for name in _STREAMS}
    try:
        yield
    finally:
        folder.restore()
        vars(sys).update(streams)
