"""Write a folder atomically: whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

from moss_agent.checkpoints.files import FULL, disk_error, new_folder
from moss_agent.errors import CheckpointError, UsageError
from moss_agent.resources import beside, locked


@contextmanager
def staged(target: Path, size: int) -> Iterator[Path]:
    """Yield a folder beside `target` to write `size` bytes in; rename it to `target` when the block ends well.

    After an error nothing is left; what a killed process left behind is removed by the next one.
    Raises UsageError if `target` is there, CheckpointError if it cannot be written, the disk is too full or another
    process is at it.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _locked(target):
            check_absent(target)
            with new_folder(target) as part:
                _check_room(target, size)
                yield part
    except Exception as error:
        if not (problem := disk_error(error)):
            raise
        remedy = "make room there" if problem.errno in FULL else "name a folder that can be written"
        raise CheckpointError(f"cannot write {target} ({problem.strerror}): {remedy}") from error


def check_absent(target: Path) -> None:
    """Raise UsageError if something is there by that name, even if it is a link that leads nowhere."""
    if os.path.lexists(target):
        raise UsageError(f"{target} is there already: name a folder that is not, or remove it")


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
