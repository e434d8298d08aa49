"""The store of conversations that comes along: one SQLite file for any number of processes.

history = History()                     # the file that the command line uses
chat = runtime.chat(store=history)
for match in history.search("battery storage"):
    print(match.title, match.passage)
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from time import time_ns

from moss_agent.database import transaction
from moss_agent.errors import HistoryError
from moss_agent.extras import need
from moss_agent.history import rows
from moss_agent.history.file import HistoryFile, history_file
from moss_agent.history.owners import is_alive, this_process
from moss_agent.history.search import Match, search
from moss_agent.records import Turn, new_id
from moss_agent.resources import user_path
from moss_agent.store import About, Stored, Summary, title_of

DAY = 86_400 * 10**9  # nanoseconds


class History:
    """Implements `store.Store` in the SQLite file `path`; safe to use from several threads and processes.

    keep_days: conversations that were not used for so long are deleted when something is written; None for never.
    Methods raise HistoryError if the file cannot be read or written.
    """

    def __init__(self, path: str | Path | None = None, *, keep_days: int | None = None) -> None:
        self.path = history_file() if path is None else user_path(path).absolute()
        self._keep_days = keep_days
        self._file = HistoryFile(self.path, self._delete_old)

    def create(self, about: About, head: str | None = None) -> None:
        with self._file.writing() as db:
            rows.add_conversation(db, about, head, time_ns())

    def save(self, conversation: str, turn: Turn, parent: str | None, *, is_running: bool = False) -> None:
        row = rows.row_of(turn, parent, conversation, this_process(), is_running)
        with self._file.writing() as db:
            rows.write_turn(db, row)
            self._use(db, conversation, turn.id)
            if parent is None and not is_running:  # the first question, which may be an edited one
                rows.set_title(db, conversation, title_of(turn.question))

    def move(self, conversation: str, head: str | None, discard: str = "") -> None:
        with self._file.writing() as db:
            self._use(db, conversation, head)
            if discard:
                rows.discard(db, conversation, discard)

    def load(self, name: str) -> Stored:
        """Return the conversation up to its head, or up to a turn. name: the id of either, shortened, or `last`.

        A turn that another process is writing just now comes as a copy with an id of its own.
        Raises UsageError if there is none or more than one.
        """
        with self._file.reading() as db:
            about, head = rows.find(db, name)
            found = rows.path_to(db, head) if db else []
        turns = [_read(row) for row in found]
        return Stored(about, turns, frozenset(turn.id for turn in turns) - {row["id"] for row in found})

    def list(self, limit: int) -> Sequence[Summary]:
        with self._file.reading() as db:
            found = rows.newest(db, limit) if db else []
        return [_summary(*row) for row in found]

    def others(self, turn: str) -> Sequence[str]:
        """Return the ids of the turns that came after the same one: other answers, and edited questions."""
        with self._file.reading() as db:
            return rows.siblings(db, turn) if db else []

    def search(self, words: str, limit: int = 10) -> Sequence[Match]:
        """Return the turns that have all words, then those with some, best first.

        Raises MissingDependency if what knows words is not installed.
        """
        need("documents")
        with self._file.reading() as db:
            return search(db, words, limit) if db else []

    def add(self, about: About, turns: Sequence[Turn]) -> About:
        """Store a whole conversation from elsewhere, with ids of its own; return what it is called here."""
        first = turns[0].question if turns else ""
        mine = About(about.title or title_of(first), about.model, about.preamble, time=about.time)
        owner, parent = this_process(), None
        with self._file.writing() as db:
            rows.add_conversation(db, mine, None, time_ns())
            for turn in turns:
                row = rows.row_of(turn, parent, mine.id, owner, is_running=False)
                row["id"] = parent = new_id()
                rows.write_turn(db, row)
            self._use(db, mine.id, parent)
        return mine

    def delete(self, conversation: str) -> None:
        """Delete a conversation, but for the turns that a fork of it has. conversation: its whole id."""
        with self._file.writing() as db:
            rows.delete(db, [conversation])
        with self._file.reading() as db:
            if db:
                rows.wipe(db)

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> History:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _use(self, db: sqlite3.Connection, conversation: str, head: str | None) -> None:
        if not rows.set_head(db, conversation, head, time_ns()):
            raise HistoryError("the conversation was deleted meanwhile: what is said now begins no new one by itself")

    def _delete_old(self, db: sqlite3.Connection) -> None:
        if self._keep_days is not None:
            limit = max(0, time_ns() - self._keep_days * DAY)
            with transaction(db):
                if old := rows.unused_since(db, limit):
                    rows.delete(db, old)
            if old:
                rows.wipe(db)


def _read(row: sqlite3.Row) -> Turn:
    """Return a turn as it was stored; one that is not finished counts as stopped."""
    turn = rows.turn_of(row["record"], row["id"])
    if row["status"] != "running":
        return turn
    return replace(turn, id=new_id()) if is_alive(row["owner"]) else turn


def _summary(id: str, title: str, model: str, time: str, turns: int, status: str | None, owner: str | None) -> Summary:
    if status == "running" and not is_alive(owner or ""):
        status = "stopped"
    return Summary(id, title, model, time, turns, status or "empty")
