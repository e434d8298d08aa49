"""What an index holds: folders, files and their passages, and the terms that each passage is found by.

The FTS5 table keeps the terms only, not the text a second time. To take a passage out of it SQLite has to be told the
same terms again, so they are always made from what the tables hold, by one statement, and made anew when the
libraries that shape them change.
"""

from __future__ import annotations

import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from moss_agent.database import transaction
from moss_agent.documents.folder import Entry
from moss_agent.documents.passages import flow
from moss_agent.documents.worker import Extract
from moss_agent.text_search.words import signature

_TERMS = """
SELECT {command} passages.id, terms_of(files.title || ' ' || files.name), terms_of(heading), terms_of(text)
FROM passages JOIN files ON files.id = passages.file
"""
_ADD_TERMS = "INSERT INTO terms (rowid, title, heading, text)" + _TERMS.format(command="")
_REMOVE_TERMS = "INSERT INTO terms (terms, rowid, title, heading, text)" + _TERMS.format(command="'delete',")


@dataclass(frozen=True)
class Known:
    """A file as the index has it."""

    id: int
    size: int
    mtime_ns: int
    sha256: bytes
    problem: str


def files_below(db: sqlite3.Connection, folder: Path) -> dict[Path, Known]:
    """Return the files in a folder and in the folders in it."""
    rows = db.execute(
        "SELECT path, id, size, mtime_ns, sha256, problem FROM files WHERE path >= ? AND path < ?", _range(folder)
    )
    return {Path(os.fsdecode(path)): Known(*rest) for path, *rest in rows}


def add_folder(db: sqlite3.Connection, folder: Path) -> None:
    db.execute("INSERT OR IGNORE INTO folders VALUES (?)", [os.fsencode(folder)])


def remove_folder(db: sqlite3.Connection, folder: Path) -> int:
    """Take a folder out of the index, with its files that are in no other; how many files that were."""
    others = set(_folders(db)) - {folder}
    gone = [file.id for path, file in files_below(db, folder).items() if others.isdisjoint(path.parents)]
    with transaction(db):
        for file in gone:
            _remove(db, file)
        db.execute("DELETE FROM folders WHERE path = ?", [os.fsencode(folder)])
    return len(gone)


def add(db: sqlite3.Connection, entry: Entry, extract: Extract, instead_of: Known | None) -> None:
    """Write a file, all of it or nothing."""
    name = flow(os.fsencode(entry.path.stem).decode("utf-8", "replace"))
    row = (os.fsencode(entry.path), entry.size, entry.mtime_ns, extract.sha256, name, extract.title, extract.problem)
    with transaction(db):
        if instead_of:
            _remove(db, instead_of.id)
        file = db.execute(
            "INSERT INTO files (path, size, mtime_ns, sha256, name, title, problem) VALUES (?, ?, ?, ?, ?, ?, ?)", row
        ).lastrowid
        db.executemany(
            "INSERT INTO passages (file, heading, page, text) VALUES (?, ?, ?, ?)",
            ((file, passage.heading, passage.page, passage.text) for passage in extract.passages),
        )
        db.execute(f"{_ADD_TERMS} WHERE file = ?", [file])


def remove(db: sqlite3.Connection, file: int) -> None:
    with transaction(db):
        _remove(db, file)


def touch(db: sqlite3.Connection, file: int, entry: Entry) -> None:
    """Note a new modification time of the same content."""
    db.execute("UPDATE files SET mtime_ns = ? WHERE id = ?", [entry.mtime_ns, file])


def _remove(db: sqlite3.Connection, file: int) -> None:
    db.execute(f"{_REMOVE_TERMS} WHERE file = ?", [file])
    db.execute("DELETE FROM passages WHERE file = ?", [file])
    db.execute("DELETE FROM files WHERE id = ?", [file])


def renew_terms(db: sqlite3.Connection) -> None:
    """Make all terms anew if the libraries that shape them are not those that the index was made with."""
    current = signature()
    if db.execute("SELECT signature FROM vocabulary").fetchone() == (current,):
        return
    with transaction(db):
        db.execute("INSERT INTO terms (terms) VALUES ('delete-all')")
        db.execute(_ADD_TERMS)
        db.execute("DELETE FROM vocabulary")
        db.execute("INSERT INTO vocabulary VALUES (?)", [current])


@dataclass(frozen=True)
class FolderStatus:
    """How many files and passages of a folder are in the index, and which files could not be read, with the reason."""

    folder: Path
    files: int
    passages: int
    failed: dict[Path, str]


def status(db: sqlite3.Connection) -> list[FolderStatus]:
    """Return all folders of the index, by name. A folder inside another counts in both."""
    return [_status(db, folder) for folder in _folders(db)]


def _folders(db: sqlite3.Connection) -> list[Path]:
    return [Path(os.fsdecode(path)) for (path,) in db.execute("SELECT path FROM folders ORDER BY path")]


def _status(db: sqlite3.Connection, folder: Path) -> FolderStatus:
    files = files_below(db, folder)
    failed = {path: file.problem for path, file in files.items() if file.problem}
    (passages,) = db.execute(
        "SELECT count(*) FROM passages JOIN files ON files.id = passages.file WHERE path >= ? AND path < ?",
        _range(folder),
    ).fetchone()
    return FolderStatus(folder, len(files) - len(failed), passages, failed)


def _range(folder: Path) -> tuple[bytes, bytes]:
    """Return the first path in a folder, and what comes after the last."""
    start = os.fsencode(os.path.join(folder, ""))
    return start, start[:-1] + bytes([start[-1] + 1])
