"""The files in a folder that can be documents, and those that cannot be looked at."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from moss_agent.documents.formats import BY_SUFFIX


@dataclass(frozen=True)
class Entry:
    """A file of a known kind, or something else in its place; `problem` says why it is not read.

    `is_closed` if nobody can tell what is there, as in a folder that may not be opened.
    """

    path: Path
    size: int = 0
    mtime_ns: int = 0
    problem: str = ""
    is_closed: bool = False


def walk(folder: Path) -> Iterator[Entry]:
    """Yield all files of a known kind in `folder` and the folders in it, in order of their names.

    Left out are hidden files and folders (their names begin with a dot) and the lock files that Word writes beside an
    open one. Symbolic links are not followed: they could lead in circles, or out of the folder.
    """
    waiting = [folder]
    while waiting:
        place = waiting.pop()
        try:
            with os.scandir(place) as entries:
                found = sorted(entries, key=lambda entry: entry.name, reverse=True)
        except OSError as error:
            yield closed(place, error)
            continue
        shown = [entry for entry in found if not entry.name.startswith((".", "~$"))]
        waiting += [Path(entry.path) for entry in shown if entry.is_dir(follow_symlinks=False)]
        for entry in reversed(shown):
            path = Path(entry.path)
            is_folder = entry.is_dir(follow_symlinks=False)
            if not is_folder and (path.suffix.lower() in BY_SUFFIX or os.path.isdir(path)):  # a link to a folder
                yield _look(path)


def _look(path: Path) -> Entry:
    try:
        status = path.lstat()
    except OSError as error:  # gone, or about to be
        return closed(path, error)
    if stat.S_ISLNK(status.st_mode):
        return Entry(path, problem="a symbolic link, not followed: index what it leads to")
    if not stat.S_ISREG(status.st_mode):
        return Entry(path, problem="a device or pipe, not a file")
    return Entry(path, status.st_size, status.st_mtime_ns)


def closed(path: Path, error: OSError) -> Entry:
    """Return the entry for a file or folder that could not be opened."""
    return Entry(path, problem=f"cannot be opened: {error.strerror}", is_closed=True)
