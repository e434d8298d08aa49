"""The tables, as the steps that lead to them: each function brings a file one version further.

Steps are only ever added. The number of those that a file has had is its `user_version`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence

from moss_agent.database import transaction
from moss_agent.errors import HistoryError

APPLICATION = 0x4D4F4348


def _tables(db: sqlite3.Connection) -> None:
    db.execute(f"PRAGMA application_id = {APPLICATION}")
    db.execute(
        "CREATE TABLE conversations (id TEXT PRIMARY KEY, title TEXT NOT NULL, model TEXT NOT NULL, "
        "preamble TEXT NOT NULL, time TEXT NOT NULL, used INTEGER NOT NULL, head TEXT)"
    )
    db.execute("CREATE INDEX conversations_by_use ON conversations (used)")
    db.execute(
        "CREATE TABLE turns (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, parent TEXT, "
        "conversation TEXT NOT NULL, time TEXT NOT NULL, status TEXT NOT NULL, owner TEXT NOT NULL, "
        "question TEXT NOT NULL, record TEXT NOT NULL, is_indexed INTEGER NOT NULL DEFAULT 0)"
    )
    db.execute("CREATE INDEX turns_by_parent ON turns (parent)")
    db.execute("CREATE INDEX turns_by_conversation ON turns (conversation)")


def _search_terms(db: sqlite3.Connection) -> None:
    db.execute("CREATE TABLE vocabulary (signature TEXT NOT NULL)")
    db.execute(
        "CREATE VIRTUAL TABLE terms USING fts5 "
        "(question, answer, calls, tokenize = 'porter unicode61 remove_diacritics 2')"
    )
    db.execute("INSERT INTO terms (terms, rank) VALUES ('rank', 'bm25(2.0, 1.0, 0.5)')")
    db.execute("CREATE INDEX turns_to_index ON turns (is_indexed) WHERE NOT is_indexed")
    db.execute(
        "CREATE TRIGGER turns_deleted AFTER DELETE ON turns BEGIN DELETE FROM terms WHERE rowid = old.number; END"
    )


MIGRATIONS: Sequence[Callable[[sqlite3.Connection], None]] = (_tables, _search_terms)


def refuse_newer(db: sqlite3.Connection) -> None:
    """Raise HistoryError if the file has had steps that are not known here."""
    if version_of(db) > len(MIGRATIONS):
        raise HistoryError("the stored conversations were written by a newer version of moss_agent: install that one")


def migrate(db: sqlite3.Connection) -> None:
    """Bring the file to the newest version, each step in a transaction of its own."""
    while version_of(db) < len(MIGRATIONS):
        with transaction(db):
            if (done := version_of(db)) < len(MIGRATIONS):  # another process may have been faster
                MIGRATIONS[done](db)
                db.execute(f"PRAGMA user_version = {done + 1}")


def version_of(db: sqlite3.Connection) -> int:
    """Return how many steps the file has had."""
    (version,) = db.execute("PRAGMA user_version").fetchone()
    return int(version)
