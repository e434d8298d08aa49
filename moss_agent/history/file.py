"""The SQLite file: where it is, opening it, what can go wrong with it.

In WAL mode readers wait for nobody, and a writer for the others' short transactions only. What was committed survives
the death of the process (`synchronous = NORMAL`); a power cut may cost the last seconds, never the file.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep

from moss_agent.database import failure_of, transaction
from moss_agent.errors import HistoryError, UsageError
from moss_agent.history.migrations import APPLICATION, MIGRATIONS, migrate, refuse_newer, version_of
from moss_agent.resources import beside, read_beginning, user_path

BUSY_SECONDS = 10.0


def history_file() -> Path:
    """Return the file of the stored conversations: `MOSS_AGENT_HISTORY`, or in the user's data folder."""
    from platformdirs import user_data_path

    named = os.environ.get("MOSS_AGENT_HISTORY")
    return user_path(named).absolute() if named else user_data_path("moss_agent") / "history.sqlite"


class HistoryFile:
    """One connection, opened when it is first needed and used by one thread at a time.

    tidy: called once, after the first writing transaction.
    """

    def __init__(self, path: Path, tidy: Callable[[sqlite3.Connection], None]) -> None:
        self.path = path
        self._tidy = tidy
        self._lock = threading.RLock()
        self._db: sqlite3.Connection | None = None
        self._is_tidy = False

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection | None]:
        """Give the connection, None if there is no file yet. Raises HistoryError."""
        with self._lock, _told(self.path):
            if self._db is None and self.path.exists():
                self._db = _open(self.path)
            yield self._db

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Give the connection inside a transaction; make the file if there is none. Raises HistoryError."""
        with self._lock, _told(self.path):
            if self._db is None:
                _make(self.path)
                self._db = _open(self.path)
            with transaction(self._db):
                yield self._db
            if not self._is_tidy:
                self._tidy(self._db)
                self._is_tidy = True

    def close(self) -> None:
        with self._lock:
            db, self._db = self._db, None
            if db is not None:
                db.close()


def _make(path: Path) -> None:
    """Make an empty file and its folder, for their owner's eyes only."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def _open(path: Path) -> sqlite3.Connection:
    try:
        read_beginning(path, 1)  # SQLite would wait for ever for what only looks like a file
    except UsageError as error:
        raise HistoryError(str(error)) from None
    is_writable = os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
    if is_writable and os.stat(path).st_mode & 0o077:
        with suppress(OSError):  # not ours
            os.chmod(path, 0o600)
    # Without a log beside it nobody writes a file that we cannot write, and no shared memory is needed.
    to_read = "mode=ro" if beside(path, "-wal").exists() else "mode=ro&immutable=1"
    db = _connect(path, "mode=rw" if is_writable else to_read)  # waits for others, whatever follows
    try:
        _refuse_other_programs(db, path)
        refuse_newer(db)
        if is_writable:
            _prepare(db)
        elif version_of(db) < len(MIGRATIONS):
            raise HistoryError(
                f"{path} is empty or of an older version of moss_agent, and cannot be written: check its permissions"
            )
    except BaseException:
        db.close()
        raise
    return db


def _prepare(db: sqlite3.Connection) -> None:
    _enter_wal(db)
    db.execute("PRAGMA synchronous = NORMAL")
    db.execute("PRAGMA secure_delete = ON")
    migrate(db)


def _connect(path: Path, options: str) -> sqlite3.Connection:
    address = f"{path.absolute().as_uri()}?{options}"
    return sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)


def _refuse_other_programs(db: sqlite3.Connection, path: Path) -> None:
    (application,) = db.execute("PRAGMA application_id").fetchone()
    (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application != APPLICATION and tables:
        raise HistoryError(f"{path} is a database of another program: move yours with MOSS_AGENT_HISTORY")


def _enter_wal(db: sqlite3.Connection) -> None:
    """Switch to WAL mode. While several processes do that to a new file, SQLite fails without waiting."""
    until = monotonic() + BUSY_SECONDS
    while db.execute("PRAGMA journal_mode").fetchone() != ("wal",):
        try:
            db.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or monotonic() > until:
                raise
            sleep(0.02)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turn failures of SQLite and of the file system into a HistoryError that says what to do."""
    try:
        yield
    except sqlite3.Error as error:
        raise HistoryError(_reason(path, error)) from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise HistoryError(f"{path}: {reason}: choose another place with MOSS_AGENT_HISTORY") from error


def _reason(path: Path, error: sqlite3.Error) -> str:
    match failure_of(error):
        case "no_fts5":
            return "this Python's SQLite has no FTS5: use a Python that has it"
        case "foreign":
            return f"{path} is damaged, or no file of stored conversations: move it away, or restore an older copy"
        case "full":
            return f"{path}: no room to write, or the disk fails ({error}): make room"
        case "closed":
            return f"{path}: cannot be opened or written: check its permissions, or move it with MOSS_AGENT_HISTORY"
    return f"{path}: {error}"
