"""Write files and folders atomically: whole or not at all, whatever happens to process or disk."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import IO

from moss_agent.errors import CheckpointError
from moss_agent.resources import beside, locked, set_default_mode

CHUNK = 1 << 16
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # a disk, a quota, a limit on the size of files


def install(source: IO[bytes], destination: Path, *, sha256: str, size: int, label: str) -> None:
    """Copy `source` to `destination`, whole and verified or not at all. Raises CheckpointError, OSError."""
    part = beside(destination, ".part")
    destination.parent.mkdir(parents=True, exist_ok=True)
    digest, length = hashlib.sha256(), 0
    with open(part, "wb") as file:
        while chunk := source.read(CHUNK):
            digest.update(chunk)
            length += file.write(chunk)
    if (length, digest.hexdigest()) != (size, sha256):
        part.unlink()
        raise CheckpointError(f"{label}: damaged (size or SHA-256 differs): get the file again")
    publish(part, destination)


def is_intact(path: Path, sha256: str, size: int) -> bool:
    """Tell whether `path` is a file of that size and hash."""
    if not path.is_file() or path.stat().st_size != size:
        return False
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest() == sha256


def publish(part: Path, destination: Path) -> None:
    """Give a finished file its name; its bytes reach the disk first, so that a power cut cannot leave it empty."""
    with open(part, "r+b") as file:
        os.fsync(file.fileno())
    os.replace(part, destination)


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """Yield an empty folder beside `target`, which gets that name when the block ends well; nothing is left otherwise.

    What a killed process left behind is removed. `target` must not be there, and must be locked. Raises OSError.
    """
    part = beside(target, ".part")
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        yield part
        set_default_mode(part)
        for file in part.iterdir():
            with open(file, "r+b") as written:
                os.fsync(written.fileno())
        os.rename(part, target)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def announce(line: str, progress: bool) -> None:
    """Tell the person who waits, if anybody wants to know."""
    if progress:
        print(line, file=sys.stderr, flush=True)


def exclusive(path: Path, label: str, progress: bool) -> AbstractContextManager[None]:
    """Hold the lock file `path`, in a folder that is made if need be; say so if another process has to finish first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return locked(path, partial(announce, f"{label}: another process is at it, waiting for it...", progress))


def disk_error(error: Exception) -> OSError | None:
    """Return what the file system said, such as that the disk is full; None if `error` is of something else."""
    if isinstance(error, OSError) and error.errno is not None:  # some libraries raise OSError for anything
        return error
    # safetensors and tokenizers raise types of their own, with the text of Rust's errors.
    said = re.search(r"([^:\s][^:]*) \(os error (\d+)\)$", str(error))
    return OSError(int(said[2]), said[1]) if said else None


@contextmanager
def disk_errors(label: str, folder: Path, cache_variable: str = "MOSS_AGENT_CACHE") -> Iterator[None]:
    """Turn a failure of the file system into a CheckpointError of one line. cache_variable: where `folder` is set."""
    try:
        yield
    except Exception as error:
        if not (problem := disk_error(error)):
            raise
        raise CheckpointError(
            f"{label}: cannot write in {folder} ({problem.strerror}): "
            f"make room there, or set {cache_variable} to another folder"
        ) from error
