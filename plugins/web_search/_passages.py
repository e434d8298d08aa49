"""Which passages answer a query: BM25, as in the index of documents, over all pages and snippets of one search."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from unicodedata import normalize

from moss_agent.events import Hit
from moss_agent.text_search.words import expressions, terms

COUNTED = 300  # characters of a passage, before what merely follows: later turns of a conversation are shown no more
_TABLE = """
CREATE VIRTUAL TABLE terms USING fts5 (title, text, content = '', tokenize = 'porter unicode61 remove_diacritics 2')
"""
_BEST = "SELECT rowid FROM terms WHERE terms MATCH ? ORDER BY rank"


def best(query: str, results: Sequence[Hit], passages: Sequence[Hit]) -> list[Hit]:
    """Choose for each result a passage of its page, or its snippet if none shares a word with the query; best first.

    A snippet is rather a piece of the page than one more passage: being short it would win, and lack the rest.
    """
    candidates = [*passages, *results]
    ranked = _ranked(query, candidates)
    read = {candidates[i].url for i in ranked if i < len(passages)}
    found: list[Hit] = []
    decided: set[str] = set()  # addresses of pages that have their hit, or share that of another page
    for i in [*ranked, *range(len(passages), len(candidates))]:
        hit = candidates[i]
        is_spare = i >= len(passages) and hit.url in read
        if is_spare or hit.url in decided:
            continue
        decided.add(hit.url)
        if all(hit.text != other.text for other in found):
            found.append(hit)
    return found


def _ranked(query: str, candidates: Sequence[Hit]) -> list[int]:
    """Return the places of those with a word of the query, best first."""
    *_, any_word = expressions(query) or [""]
    if not any_word:
        return []
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute(_TABLE)
        rows = ((i, _terms(hit.title), _terms(hit.text)) for i, hit in enumerate(candidates))
        db.executemany("INSERT INTO terms (rowid, title, text) VALUES (?, ?, ?)", rows)
        return [i for (i,) in db.execute(_BEST, [any_word])]


def _terms(text: str) -> str:
    """Return the terms of what counts of a text; cut again when normalised, for one character can become eighteen."""
    return terms(normalize("NFKC", text[:COUNTED])[:COUNTED])
