"""Searching what was said: questions, answers, calls and their results, with the words that documents are found by.

Turns are indexed when somebody searches: writing them needs no library that knows words. A turn that is written once
more is indexed once more, and all of them are when those libraries change.
"""

from __future__ import annotations

import re
import sqlite3
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

from moss_agent.database import failure_of, transaction
from moss_agent.errors import HistoryError, one_line
from moss_agent.history.rows import turn_of
from moss_agent.records import Turn, as_command

AT_ONCE = 100  # turns in one transaction: others write in between
PASSAGE = 160  # characters
PER_CONVERSATION = 3
_CITED = re.compile(r"\s*<sup>(?:<\|\d+\|>)+</sup>")


@dataclass(frozen=True)
class Match:
    """A turn that was found. turn: its id. passage: the part of it that has the words, in one line."""

    conversation: str
    turn: str
    title: str
    time: str
    question: str
    passage: str
    score: float


def search(db: sqlite3.Connection, words: str, limit: int) -> list[Match]:
    """Return at most `limit` turns, best first; more than a few of one conversation last.

    A file that cannot be written is searched as it was indexed.
    """
    from moss_agent.text_search.ranking import matching, spread

    try:
        update(db)
    except sqlite3.OperationalError as error:
        if failure_of(error) != "closed":
            raise
    found = (_match(db, number, score, words) for number, score in matching(db, words))
    return spread(filter(None, found), limit, PER_CONVERSATION, lambda match: match.conversation)


def update(db: sqlite3.Connection) -> None:
    """Index the turns that are not indexed as they stand."""
    from moss_agent.text_search.words import signature

    current = signature()
    if db.execute("SELECT signature FROM vocabulary").fetchone() != (current,):
        with transaction(db):
            db.execute("UPDATE turns SET is_indexed = 0")
            db.execute("DELETE FROM vocabulary")
            db.execute("INSERT INTO vocabulary VALUES (?)", [current])
    while _index_some(db):
        pass


def _index_some(db: sqlite3.Connection) -> bool:
    from moss_agent.text_search.words import terms

    with transaction(db):
        some = db.execute("SELECT number, id, record FROM turns WHERE NOT is_indexed LIMIT ?", [AT_ONCE]).fetchall()
        for number, id, record in some:
            db.execute("DELETE FROM terms WHERE rowid = ?", [number])
            with suppress(HistoryError):  # what cannot be read is not found
                texts = map(terms, _texts(turn_of(record, id)))
                db.execute("INSERT INTO terms (rowid, question, answer, calls) VALUES (?, ?, ?, ?)", [number, *texts])
            db.execute("UPDATE turns SET is_indexed = 1 WHERE number = ?", [number])
    return len(some) == AT_ONCE


def _texts(turn: Turn) -> tuple[str, str, str]:
    """Return question, answer and calls of a turn."""
    calls = (
        "\n".join((*as_command(call).texts, call.result, *(hit.title for hit in call.hits))) for call in turn.calls
    )
    return turn.question, _CITED.sub("", turn.text), "\n".join(calls)


def _match(db: sqlite3.Connection, number: int, score: float, words: str) -> Match | None:
    row = db.execute(
        "SELECT c.id, t.id, title, t.time, record FROM turns AS t JOIN conversations AS c ON c.id = t.conversation "
        "WHERE number = ?",
        [number],
    ).fetchone()
    if row is None:  # of a deleted conversation, but part of a fork of it
        return None
    conversation, id, title, time, record = row
    turn = turn_of(record, id)
    return Match(conversation, id, title, time, turn.question, _passage(turn, words), score)


def _passage(turn: Turn, words: str) -> str:
    """Return the surroundings of the first word that is found as it was asked for; else the beginning of the answer."""
    question, answer, calls = _texts(turn)
    texts = [one_line(text, 1_000_000) for text in (answer, calls, question)]
    for text in texts:
        for word in islice(words.split(), 32):
            if (place := text.lower().find(word.lower())) >= 0:
                start = max(0, place - PASSAGE // 3)
                return one_line("…" * (start > 0) + text[start:], PASSAGE)
    return one_line(texts[0], PASSAGE)
