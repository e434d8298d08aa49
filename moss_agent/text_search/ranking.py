"""Ranking what an FTS5 table `terms` finds: rows with all words of the query first, then those with some, by BM25."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

from moss_agent.text_search.words import expressions

if TYPE_CHECKING:
    import sqlite3

T = TypeVar("T")

# Without a limit, and looked up one by one while they are taken: a long document does not hide the others.
_BEST = "SELECT rowid, -rank FROM terms WHERE terms MATCH ? ORDER BY rank"


def matching(db: sqlite3.Connection, query: str) -> Iterator[tuple[int, float]]:
    """Yield the rows of `terms` that match, each once, with their scores; none for a query without a word."""
    seen = set()
    for expression in expressions(query):
        for row, score in db.execute(_BEST, [expression]):
            if row not in seen:
                seen.add(row)
                yield row, score


def spread(found: Iterable[T], limit: int, per_group: int, group: Callable[[T], Hashable]) -> list[T]:
    """Return at most `limit` of what was found, more than `per_group` of one group only if there are no others."""
    of_group: Counter[Hashable] = Counter()
    chosen: list[T] = []
    spare: list[T] = []
    for item in found:
        of_group[group(item)] += 1
        if of_group[group(item)] <= per_group:
            chosen.append(item)
        elif len(spare) < limit:
            spare.append(item)
        if len(chosen) == limit:
            break
    return (chosen + spare)[:limit]
