"""Write files atomically: whole or not at all, whatever happens to process or disk."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import IO

from moss_agent.errors import CheckpointError
from moss_agent.resources import beside, locked

CHUNK = 1 << 16


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


def announce(line: str, progress: bool) -> None:
    """Tell the person who waits, if anybody wants to know."""
    if progress:
        print(line, file=sys.stderr, flush=True)


def exclusive(path: Path, label: str, progress: bool) -> AbstractContextManager[None]:
    """Hold the lock file `path`, in a folder that is made if need be; say so if another process has to finish first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return locked(path, partial(announce, f"{label}: another process is at it, waiting for it...", progress))


@contextmanager
def disk_errors(label: str, folder: Path) -> Iterator[None]:
    """Turn a failure of the file system, such as a full disk, into a CheckpointError of one line."""
    try:
        yield
    except OSError as problem:
        if problem.errno is None:  # some libraries raise OSError for what is no failure of the file system
            raise
        raise CheckpointError(
            f"{label}: cannot write in {folder} ({problem.strerror}): "
            "make room there, or set MOSS_AGENT_CACHE to another folder"
        ) from problem
