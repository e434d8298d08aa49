"""The statements on the tables: conversations and turns in, rows out."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from msgspec import ValidationError, convert

from moss_agent.errors import HistoryError, UsageError, one_line
from moss_agent.records import Turn
from moss_agent.store import About

_BEGUN = "EXISTS (SELECT * FROM turns WHERE conversation = c.id OR turns.id = c.head)"
NONE_YET = "no conversation is stored yet: moss-agent chat begins one"
_PATH = """
WITH RECURSIVE path (depth, id, parent) AS (
    SELECT 0, id, parent FROM turns WHERE id = ?
    UNION SELECT depth + 1, turns.id, turns.parent FROM path JOIN turns ON turns.id = path.parent
    LIMIT 100000  -- a damaged file may go in circles
)
SELECT turns.id, record, status, owner FROM path JOIN turns ON turns.id = path.id ORDER BY depth DESC
"""
_NEWEST = """
SELECT id, title, model, time, (
    WITH RECURSIVE path (id) AS (
        SELECT head UNION SELECT parent FROM turns JOIN path ON turns.id = path.id WHERE parent IS NOT NULL
    )
    SELECT count(id) FROM path
), (SELECT status FROM turns WHERE turns.id = head), (SELECT owner FROM turns WHERE turns.id = head)
FROM conversations AS c WHERE {begun} ORDER BY used DESC LIMIT ?
"""
_UNREACHED = """
WITH RECURSIVE kept (id) AS (
    SELECT head FROM conversations
    UNION SELECT id FROM turns WHERE conversation IN (SELECT id FROM conversations)
    UNION SELECT parent FROM turns JOIN kept ON turns.id = kept.id
)
DELETE FROM turns WHERE id NOT IN (SELECT id FROM kept WHERE id IS NOT NULL)
"""


def row_of(turn: Turn, parent: str | None, conversation: str, owner: str, is_running: bool) -> dict[str, Any]:
    """Return a turn as a row."""
    return {
        "id": turn.id,
        "parent": parent,
        "conversation": conversation,
        "time": turn.time,
        "status": "running" if is_running else turn.status,
        "owner": owner,
        "question": storable(turn.question),
        "record": storable(json.dumps(asdict(turn), ensure_ascii=False)),
    }


def turn_of(record: str, id: str) -> Turn:
    """Return the turn of a row. Raises HistoryError."""
    try:
        return convert({**json.loads(record), "id": id}, Turn)
    except (ValueError, TypeError, ValidationError, RecursionError) as error:
        raise HistoryError(f"the stored turn {id[:8]} cannot be read: {one_line(error)}") from None


def storable(text: str) -> str:
    """Return the text without halves of characters, which no file can have."""
    return text.encode("utf-8", "replace").decode()


def add_conversation(db: sqlite3.Connection, about: About, head: str | None, used: int) -> None:
    texts = (about.id, storable(about.title), storable(about.model), storable(about.preamble), about.time)
    db.execute("INSERT INTO conversations VALUES (?, ?, ?, ?, ?, ?, ?)", [*texts, used, head])


def write_turn(db: sqlite3.Connection, row: dict[str, Any]) -> None:
    db.execute(
        "INSERT INTO turns (id, parent, conversation, time, status, owner, question, record) "
        "VALUES (:id, :parent, :conversation, :time, :status, :owner, :question, :record) "
        "ON CONFLICT (id) DO UPDATE SET status = :status, owner = :owner, record = :record, is_indexed = 0",
        row,
    )


def set_head(db: sqlite3.Connection, conversation: str, head: str | None, used: int) -> bool:
    """Move the head; return whether there is such a conversation."""
    done = db.execute("UPDATE conversations SET head = ?, used = ? WHERE id = ?", [head, used, conversation])
    return done.rowcount > 0


def set_title(db: sqlite3.Connection, conversation: str, title: str) -> None:
    db.execute("UPDATE conversations SET title = ? WHERE id = ?", [storable(title), conversation])


def discard(db: sqlite3.Connection, conversation: str, turn: str) -> None:
    """Delete a turn that nothing came after, and its conversation if it has no other."""
    db.execute("DELETE FROM turns WHERE id = ?1 AND id NOT IN (SELECT parent FROM turns WHERE parent = ?1)", [turn])
    db.execute(
        "DELETE FROM conversations WHERE id = ?1 AND head IS NULL "
        "AND NOT EXISTS (SELECT * FROM turns WHERE conversation = ?1)",
        [conversation],
    )


def find(db: sqlite3.Connection | None, name: str) -> tuple[About, str | None]:
    """Return the conversation of that name, and its head; of a turn's name that turn. Raises UsageError."""
    if db is None:
        raise UsageError(NONE_YET)
    select = "SELECT title, model, preamble, c.id, c.time, {head} FROM conversations AS c"
    if name == "last":
        found = db.execute(select.format(head="head") + f" WHERE {_BEGUN} ORDER BY used DESC LIMIT 1").fetchall()
        if not found:
            raise UsageError(NONE_YET)
    else:
        found = _named(db, name, select)
    *about, head = found[0]
    return About(*about), head


def _named(db: sqlite3.Connection, name: str, select: str) -> list[tuple[Any, ...]]:
    if not re.fullmatch("[0-9a-f]{1,32}", name):
        raise UsageError(f"{one_line(name, 40)} is no id of a conversation: moss-agent log list shows them")
    whole = select.format(head="head") + " WHERE c.id BETWEEN ?1 AND ?1 || 'g' LIMIT 2"
    turns = select.format(head="t.id") + " JOIN turns AS t ON t.conversation = c.id WHERE t.id BETWEEN ?1 AND ?1 || 'g'"
    for statement in (whole, f"{turns} LIMIT 2"):
        found = db.execute(statement, [name]).fetchall()
        if len(found) > 1:
            raise UsageError(f"several conversations begin with {name}: write more of the id")
        if found:
            return found
    raise UsageError(f"there is no conversation {name}: moss-agent log list shows them")


def path_to(db: sqlite3.Connection, head: str | None) -> list[sqlite3.Row]:
    """Return the turns up to one, the first one first."""
    cursor = db.cursor()
    cursor.row_factory = sqlite3.Row
    return cursor.execute(_PATH, [head]).fetchall()


def newest(db: sqlite3.Connection, limit: int) -> list[tuple[Any, ...]]:
    return db.execute(_NEWEST.format(begun=_BEGUN), [limit]).fetchall()


def siblings(db: sqlite3.Connection, turn: str) -> list[str]:
    found = db.execute(
        "SELECT other.id FROM turns JOIN turns AS other ON other.parent = turns.parent "
        "WHERE turns.id = ?1 AND other.id != ?1 "
        "UNION ALL SELECT other.id FROM turns JOIN turns AS other ON other.conversation = turns.conversation "
        "WHERE turns.id = ?1 AND other.id != ?1 AND turns.parent IS NULL AND other.parent IS NULL",
        [turn],
    )
    return [id for (id,) in found]


def unused_since(db: sqlite3.Connection, limit: int) -> Sequence[str]:
    return [id for (id,) in db.execute("SELECT id FROM conversations WHERE used < ?", [limit])]


def delete(db: sqlite3.Connection, conversations: Sequence[str]) -> None:
    """Delete conversations, and the turns that no other one has."""
    db.executemany("DELETE FROM conversations WHERE id = ?", [[id] for id in conversations])
    db.execute(_UNREACHED)


def wipe(db: sqlite3.Connection) -> None:
    """Leave nothing of what was deleted in the file: neither in the words of the search nor in the log."""
    db.execute("INSERT INTO terms (terms) VALUES ('optimize')")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
