"""The SQLite file of an index: its tables, opening it for one writer or any number of readers, and what can go wrong.

In WAL mode readers see the last finished transaction and wait for nobody. Writers hold the lock file beside the
index; the operating system releases it when a process dies, and SQLite forgets the transaction that was not finished.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

from moss_agent.database import failure_of
from moss_agent.errors import DocumentIndexError, UsageError
from moss_agent.resources import beside, locked
from moss_agent.text_search.words import terms

VERSION = 1
_APPLICATION = 0x4D4F5353
_BUSY_SECONDS = 30.0
_SCHEMA = f"""
CREATE TABLE vocabulary (signature TEXT NOT NULL);
CREATE TABLE folders (path BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE files (
    id INTEGER PRIMARY KEY, path BLOB NOT NULL UNIQUE, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    sha256 BLOB NOT NULL, name TEXT NOT NULL, title TEXT NOT NULL, problem TEXT NOT NULL
);
CREATE TABLE passages (
    id INTEGER PRIMARY KEY, file INTEGER NOT NULL REFERENCES files, heading TEXT NOT NULL, page INTEGER,
    text TEXT NOT NULL
);
CREATE INDEX passages_of_file ON passages (file);
CREATE VIRTUAL TABLE terms USING fts5 (
    title, heading, text, content = '', tokenize = 'porter unicode61 remove_diacritics 2'
);
INSERT INTO terms (terms, rank) VALUES ('rank', 'bm25(4.0, 2.0, 1.0)');
PRAGMA application_id = {_APPLICATION};
PRAGMA user_version = {VERSION};
"""


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Open the index for reading. Raises UsageError if there is none, DocumentIndexError if it cannot be read."""
    missing = UsageError(f"no document index {path}: make it with moss-agent search index FOLDER")
    if not path.exists():
        raise missing
    # Where nothing can be written there is no writer either, and SQLite cannot make its shared memory file.
    is_frozen = not os.access(path.parent, os.W_OK) and not beside(path, "-wal").exists()
    with _database_errors(path), closing(_connect(path, "mode=ro&immutable=1" if is_frozen else "mode=ro")) as db:
        if _is_empty(db):  # a writer is making it just now
            raise missing
        _check(db, path)
        db.execute("BEGIN")  # one state of the index, whatever is written meanwhile
        yield db


@contextmanager
def writing(path: Path, waits: Callable[[], None]) -> Iterator[sqlite3.Connection]:
    """Open the index for writing; make it if there is none. Calls `waits` if another writer has to finish first.

    Raises DocumentIndexError.
    """
    with _locked(path, waits), _database_errors(path), closing(_connect(path, "mode=rw")) as db:
        _prepare(db, path)
        yield db


@contextmanager
def _locked(path: Path, waits: Callable[[], None]) -> Iterator[None]:
    """Hold the lock of the index, which then exists, be it empty."""
    with ExitStack() as held:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            held.enter_context(locked(beside(path, ".lock"), waits))
            with suppress(FileExistsError):  # readable by its owner only
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except OSError as error:
            raise DocumentIndexError(f"document index {path}: {error.strerror}: choose another place for it") from error
        yield


def _connect(path: Path, options: str) -> sqlite3.Connection:
    db = sqlite3.connect(f"{path.absolute().as_uri()}?{options}", uri=True, timeout=_BUSY_SECONDS, isolation_level=None)
    db.execute("PRAGMA foreign_keys = ON")
    db.create_function("terms_of", 1, terms, deterministic=True)
    return db


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    """Make the tables in a new file, refuse any other that is no index."""
    is_new = _is_empty(db)
    if not is_new:
        _check(db, path)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = NORMAL")  # a power cut may cost the last files, never the index
    if is_new:
        db.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")


def _is_empty(db: sqlite3.Connection) -> bool:
    return bool(db.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,))


def _check(db: sqlite3.Connection, path: Path) -> None:
    (application,) = db.execute("PRAGMA application_id").fetchone()
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if application != _APPLICATION:
        raise DocumentIndexError(f"{path} is a database of another program: name another file for the index")
    if version != VERSION:
        raise DocumentIndexError(
            f"{path} was made by another version of moss_agent: delete it and run moss-agent search index again"
        )


@contextmanager
def _database_errors(path: Path) -> Iterator[None]:
    """Turn failures of SQLite into a DocumentIndexError that says what to do."""
    try:
        yield
    except sqlite3.Error as error:
        raise DocumentIndexError(_reason(path, error)) from error


def _reason(path: Path, error: sqlite3.Error) -> str:
    match failure_of(error):
        case "no_fts5":
            return "this Python's SQLite has no FTS5: use a Python that has it"
        case "foreign":
            return (
                f"{path} is no document index, or a damaged one: name another file, or, if it was one, "
                "delete it and run moss-agent search index again"
            )
        case "full":
            return f"document index {path}: no room to write, or the disk fails ({error}): make room and try again"
        case "closed":
            return (
                f"document index {path}: cannot be opened or written: check its permissions, "
                "or choose another place for it"
            )
    return f"document index {path}: {error}"
