"""Finding passages: those with all words of the question first, then those with some, each by BM25.

Of one document a few come, more only where nothing else is found. A word in a title counts four times, in a heading
twice as much as in the text.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from moss_agent.text_search.ranking import matching, spread

_PASSAGE = """
SELECT text, heading, page, COALESCE(NULLIF(title, ''), name), path
FROM passages JOIN files ON files.id = passages.file WHERE passages.id = ?
"""


@dataclass(frozen=True)
class Found:
    """A passage: its text in one line, the document's title with the heading, and a `file:` URL.

    The URL ends in `#page=N` for a PDF. The score is BM25, larger is better; it compares passages of one search that
    have all words of the query, or those that have not.
    """

    text: str
    title: str
    url: str
    score: float


def search(db: sqlite3.Connection, query: str, limit: int, per_document: int) -> list[Found]:
    """Return at most `limit` passages, best first; more than `per_document` of one document last."""
    passages = (_found(db.execute(_PASSAGE, [row]).fetchone(), score) for row, score in matching(db, query))
    return spread(_new(passages), limit, per_document, _document)


def _document(passage: Found) -> str:
    return passage.url.partition("#")[0]


def _found(row: tuple[str, str, int | None, str, bytes], score: float) -> Found:
    text, heading, page, title, path = row
    title = f"{title} › {heading}" if heading else title
    url = Path(os.fsdecode(path)).as_uri()
    return Found(text, title, f"{url}#page={page}" if page else url, score)


def _new(passages: Iterable[Found]) -> Iterator[Found]:
    """Yield the passages without duplicates, as copies of a file bring them."""
    texts = set()
    for passage in passages:
        if passage.text not in texts:
            texts.add(passage.text)
            yield passage
