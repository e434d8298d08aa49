"""Cache on disk: values as JSON in one SQLite file, shared by all processes of a user.

The file is the user's alone. Without it, or with a broken one, everything works, only without memory.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, TypeVar

from moss_agent.resources import cache_dir

KEPT_DAYS = 30
KEPT_ENTRIES = 2000
LOCK_SECONDS = 2.0  # for others to finish writing; an entry that then cannot be written is lost
T = TypeVar("T")
_SCHEMA = "CREATE TABLE IF NOT EXISTS entries (key TEXT PRIMARY KEY, stored REAL NOT NULL, value TEXT NOT NULL)"


def user_file() -> Path:
    """Return the path of the cache's file."""
    return cache_dir() / "web_search.sqlite3"


class Cache:
    """Small JSON values by key, each with its age. `path` None remembers nothing."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def get(self, key: str) -> tuple[Any, float]:
        """Return the value and its age in seconds; (None, 0.0) if there is none."""
        return self._transact(lambda entries: _entry(entries, key)) or (None, 0.0)

    def put(self, key: str, value: Any) -> None:
        """Store the value."""
        self.change(key, lambda _: value)

    def change(self, key: str, changed: Callable[[Any], Any]) -> None:
        """Store what `changed` makes of the value that is there, or of None, in one transaction.

        What is too old goes, and the oldest of too many.
        """

        def store(entries: sqlite3.Connection) -> None:
            entries.execute("BEGIN IMMEDIATE")
            value, _ = _entry(entries, key)
            entries.execute("REPLACE INTO entries VALUES (?, ?, ?)", (key, time.time(), json.dumps(changed(value))))
            entries.execute("DELETE FROM entries WHERE stored < ?", (_oldest(),))
            newest = "SELECT key FROM entries ORDER BY stored DESC LIMIT ?"
            entries.execute(f"DELETE FROM entries WHERE key NOT IN ({newest})", (KEPT_ENTRIES,))

        self._transact(store)

    def _transact(self, work: Callable[[sqlite3.Connection], T]) -> T | None:
        """Return what `work` returns; None if the file cannot be used. One that is no database is removed."""
        if self._path is None:
            return None
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
            with closing(sqlite3.connect(self._path, timeout=LOCK_SECONDS)) as connection, connection:
                connection.execute(_SCHEMA)
                return work(connection)
        except (OSError, ValueError, sqlite3.OperationalError):
            return None
        except sqlite3.DatabaseError:
            with suppress(OSError):
                self._path.unlink()
            return None


def _entry(entries: sqlite3.Connection, key: str) -> tuple[Any, float]:
    query = "SELECT value, stored FROM entries WHERE key = ? AND stored >= ?"
    row = entries.execute(query, (key, _oldest())).fetchone()
    return (json.loads(row[0]), max(0.0, time.time() - row[1])) if row else (None, 0.0)


def _oldest() -> float:
    """Return the time before which entries are too old."""
    return time.time() - KEPT_DAYS * 86400
