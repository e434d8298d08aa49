"""Bringing an index up to date with a folder: what is new or changed is read, what is gone leaves.

A file counts as unchanged when its size and modification time are, or else its SHA-256. Each file is one
transaction. What cannot be read is remembered too, so that it is not tried again before it changes; what could not
even be opened stays as it was.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from moss_agent.documents.contents import Known, add, add_folder, files_below, remove, renew_terms, touch
from moss_agent.documents.folder import Entry, hidden, walk
from moss_agent.documents.worker import Worker

Outcome = Literal["added", "changed", "removed", "unchanged", "failed", "waiting"]


@dataclass(frozen=True)
class Progress:
    """What has become of one file, `done` of `total` that were looked at; "waiting" is for another update to end."""

    path: Path
    outcome: Outcome
    reason: str = ""
    done: int = 0
    total: int = 0


@dataclass
class Report:
    """How many files an update found in each state, and which could not be read, with the reason."""

    added: int = 0
    changed: int = 0
    removed: int = 0
    unchanged: int = 0
    failed: dict[Path, str] = field(default_factory=dict)

    def count(self, path: Path, outcome: Outcome, reason: str) -> None:
        if outcome == "failed":
            self.failed[path] = reason
        else:
            setattr(self, outcome, getattr(self, outcome) + 1)


def update(db: sqlite3.Connection, folder: Path, tell: Callable[[Progress], None]) -> Report:
    """Bring `db` up to date with `folder`, an absolute path."""
    renew_terms(db)
    add_folder(db, folder)
    known, entries, report = files_below(db, folder), list(walk(folder)), Report()
    gone = set(known) - {entry.path for entry in entries if not entry.problem}
    for hole in [entry.path for entry in entries if entry.is_hidden]:
        gone -= {path for path in gone if path == hole or hole in path.parents}
    total = len(entries) + len(gone)

    def say(path: Path, outcome: Outcome, reason: str = "") -> None:
        report.count(path, outcome, reason)
        done = report.added + report.changed + report.removed + report.unchanged + len(report.failed)
        tell(Progress(path, outcome, reason, done, total))

    for path in sorted(gone):
        remove(db, known[path].id)
        say(path, "removed")
    with closing(Worker()) as worker:
        for entry in entries:
            say(entry.path, *take_in(db, worker, entry, known.get(entry.path)))
    return report


def take_in(db: sqlite3.Connection, worker: Worker, entry: Entry, known: Known | None) -> tuple[Outcome, str]:
    """Write what is new in one file; what has become of it, and why."""
    if entry.problem:
        return "failed", entry.problem
    if known and (known.size, known.mtime_ns) == (entry.size, entry.mtime_ns):
        return ("failed", known.problem) if known.problem else ("unchanged", "")
    try:
        extract = worker.extract(entry.path, known.sha256 if known else None)
    except OSError as error:
        return "failed", hidden(entry.path, error).problem
    if known and extract is None:
        touch(db, known.id, entry)
        return ("failed", known.problem) if known.problem else ("unchanged", "")
    add(db, entry, extract, instead_of=known)
    if extract.problem:
        return "failed", extract.problem
    return ("changed" if known else "added"), ""
