"""Which passages answer a query: BM25, as in the index of documents, over all pages and snippets of one search."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing

from moss_agent.documents.words import phrases, terms
from moss_agent.events import Hit

_TABLE = """
CREATE VIRTUAL TABLE terms USING fts5 (title, text, content = '', tokenize = 'porter unicode61 remove_diacritics 2')
"""
_BEST = "SELECT rowid FROM terms WHERE terms MATCH ? ORDER BY bm25(terms, 1.0, 1.0)"


def best(query: str, passages: Sequence[Hit]) -> list[Hit]:
    """The best passage of each page, best first; pages that share no word with the query last, in their order."""
    found: dict[str, Hit] = {}
    for passage in [*_ranked(query, passages), *passages]:
        if not any(passage.text == other.text for other in found.values()):
            found.setdefault(passage.url, passage)
    return list(found.values())


def _ranked(query: str, passages: Sequence[Hit]) -> list[Hit]:
    """Passages with a word of the query, best first."""
    wanted = " OR ".join(phrases(query))
    if not wanted:
        return []
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute(_TABLE)
        rows = ((i, terms(passage.title), terms(passage.text)) for i, passage in enumerate(passages))
        db.executemany("INSERT INTO terms (rowid, title, text) VALUES (?, ?, ?)", rows)
        return [passages[i] for (i,) in db.execute(_BEST, [wanted])]
