"""Write a folder atomically: whole or not at all."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

from moss_agent.errors import CheckpointError, UsageError
from moss_agent.resources import beside, locked, set_default_mode

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # a disk, a quota, a limit on the size of files


@contextmanager
def staged(target: Path, size: int) -> Iterator[Path]:
    """Yield a folder beside `target` to write `size` bytes in; rename it to `target` when the block ends well.

    After an error nothing is left; what a killed process left behind is removed by the next one.
    Raises UsageError if `target` is there, CheckpointError if it cannot be written, the disk is too full or another
    process is at it.
    """
    part = beside(target, ".part")
    try:
        if target.exists():
            raise UsageError(f"{target} is there already: name a folder that is not, or remove it")
        target.parent.mkdir(parents=True, exist_ok=True)
        with _locked(target):
            try:
                shutil.rmtree(part, ignore_errors=True)
                _check_room(target, size)
                part.mkdir()
                yield part
                set_default_mode(part)
                for file in part.iterdir():
                    with open(file, "r+b") as written:
                        os.fsync(written.fileno())
                part.rename(target)
            finally:
                shutil.rmtree(part, ignore_errors=True)
    except OSError as error:
        if error.errno is None:  # some libraries raise OSError for what is no failure of the file system
            raise
        remedy = "make room there" if error.errno in FULL else "name a folder that can be written"
        raise CheckpointError(f"cannot write {part} ({error.strerror}): {remedy}") from error


@contextmanager
def _locked(target: Path) -> Iterator[None]:
    """Hold the lock of `target`. Raises CheckpointError if another process does."""

    def refuse() -> NoReturn:
        raise CheckpointError(f"another process is writing {target}: let it finish")

    lock = beside(target, ".lock")
    with locked(lock, refuse):
        try:
            yield
        finally:
            with suppress(OSError):  # where a file that is open cannot be removed, it stays
                lock.unlink()


def _check_room(target: Path, size: int) -> None:
    free = shutil.disk_usage(target.parent).free
    if free < size:
        raise CheckpointError(f"{target} needs {size / 1e9:.1f} GB, {free / 1e9:.1f} GB are free: make room there")
