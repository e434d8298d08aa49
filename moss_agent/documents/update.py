"""Bringing an index up to date with a folder: what is new or changed is read, what is gone leaves.

A file counts as unchanged when its size and modification time are, or else its SHA-256. Each file is one
transaction. What cannot be read is remembered too, so that it is not tried again before it changes; what could not
even be opened stays as it was.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from moss_agent.documents.contents import Known, add, add_folder, files_below, remove, renew_terms, touch
from moss_agent.documents.folder import Entry, closed, walk
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


@dataclass(frozen=True)
class Report:
    """How many files an update found in each state, and which could not be read, with the reason."""

    added: int = 0
    changed: int = 0
    removed: int = 0
    unchanged: int = 0
    failed: Mapping[Path, str] = field(default_factory=dict)


def update(db: sqlite3.Connection, folder: Path, tell: Callable[[Progress], None]) -> Report:
    """Bring `db` up to date with `folder`, an absolute path."""
    renew_terms(db)
    add_folder(db, folder)
    known, entries = files_below(db, folder), list(walk(folder))
    gone = gone_from(known, entries)
    counts: Counter[Outcome] = Counter()
    failed = {}
    for path, outcome, reason in carry_out(db, known, gone, entries):
        counts[outcome] += 1
        if outcome == "failed":
            failed[path] = reason
        tell(Progress(path, outcome, reason, counts.total(), len(gone) + len(entries)))
    return Report(counts["added"], counts["changed"], counts["removed"], counts["unchanged"], failed)


def gone_from(known: Mapping[Path, Known], entries: Sequence[Entry]) -> list[Path]:
    """Return the indexed files that are gone; those in a folder that cannot be read may still be there."""
    gone = set(known) - {entry.path for entry in entries if not entry.problem}
    for hole in (entry.path for entry in entries if entry.is_closed):
        gone -= {path for path in gone if path == hole or hole in path.parents}
    return sorted(gone)


def carry_out(
    db: sqlite3.Connection, known: Mapping[Path, Known], gone: Sequence[Path], entries: Sequence[Entry]
) -> Iterator[tuple[Path, Outcome, str]]:
    """Take out what is gone and take in the rest; each path with what has become of it, and why."""
    for path in gone:
        remove(db, known[path].id)
        yield path, "removed", ""
    with closing(Worker()) as worker:
        for entry in entries:
            yield entry.path, *take_in(db, worker, entry, known.get(entry.path))


def take_in(db: sqlite3.Connection, worker: Worker, entry: Entry, known: Known | None) -> tuple[Outcome, str]:
    """Write what is new in one file; what has become of it, and why."""
    if entry.problem:
        return "failed", entry.problem
    if known and (known.size, known.mtime_ns) == (entry.size, entry.mtime_ns):
        return ("failed", known.problem) if known.problem else ("unchanged", "")
    try:
        extract = worker.extract(entry.path, known.sha256 if known else None)
    except OSError as error:
        return "failed", closed(entry.path, error).problem
    if extract is None:
        assert known
        touch(db, known.id, entry)
        return ("failed", known.problem) if known.problem else ("unchanged", "")
    add(db, entry, extract, instead_of=known)
    if extract.problem:
        return "failed", extract.problem
    return ("changed" if known else "added"), ""
