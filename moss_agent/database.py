"""What the SQLite files of this package have in common: transactions, and telling their failures apart."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Literal, TypeAlias

Failure: TypeAlias = Literal["full", "closed", "foreign", "no_fts5", "other"]


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """Run the block in one transaction."""
    try:
        db.execute("BEGIN IMMEDIATE")  # an interrupt comes when it has begun
        yield
        db.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):  # after some failures SQLite has rolled back already
            db.execute("ROLLBACK")
        raise


def failure_of(error: sqlite3.Error) -> Failure:
    """Return what has gone wrong.

    full: no room to write, or the disk fails. closed: may not be opened or written. foreign: another program's file, or
    a damaged one.
    """
    code, message = getattr(error, "sqlite_errorname", ""), str(error)  # Python 3.10 has no names
    if code.startswith(("SQLITE_FULL", "SQLITE_IOERR")) or "is full" in message or "disk I/O" in message:
        return "full"
    if code.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN")) or "readonly" in message or "unable to open" in message:
        return "closed"
    if code == "SQLITE_ERROR" and not _has_fts5():
        return "no_fts5"
    if "transaction" in message:  # begun or ended twice
        return "other"
    if type(error) is sqlite3.DatabaseError or code == "SQLITE_ERROR":  # its tables are not as we made them
        return "foreign"
    return "other"


def _has_fts5() -> bool:
    with closing(sqlite3.connect(":memory:")) as db:
        return bool(db.execute("SELECT sqlite_compileoption_used('ENABLE_FTS5')").fetchone()[0])
