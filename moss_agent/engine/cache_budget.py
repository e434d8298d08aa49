"""Which sequences have a cache: those that are computed now, and others as long as all fit into a budget of tokens.

One whose cache is taken keeps its ids; it is computed again when it goes on.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence as List
from typing import Protocol, TypeVar
from weakref import WeakKeyDictionary

from moss_agent.engine.sequence import Prefix, Sequence

RECENT = 0.5  # seconds after a step for which a sequence keeps its cache although others wait for memory
PATIENCE = 10.0  # seconds between two sequences that get memory which others are still using


class Waiting(Protocol):
    """Something that waits for its sequence to be computed. since: when it began to, in monotonic time."""

    @property
    def sequence(self) -> Sequence: ...

    @property
    def since(self) -> float: ...


Request = TypeVar("Request", bound=Waiting)


class CacheBudget:
    """tokens: most that all caches may cover together; at least one sequence always gets its cache. Not thread-safe."""

    def __init__(self, tokens: int) -> None:
        self._limit = tokens
        self._used: WeakKeyDictionary[Sequence, float] = WeakKeyDictionary()  # when those with a cache were stepped
        self._displaced = -math.inf  # when a sequence last got memory that others were using

    @property
    def sequences(self) -> list[Sequence]:
        """Those that have a cache."""
        return list(self._used)

    def note(self, sequence: Sequence) -> None:
        """Note that a sequence has been stepped now."""
        self._used[sequence] = time.monotonic()

    def take(self, sequence: Sequence) -> None:
        """Take the sequence's cache."""
        sequence.cache = None
        self._used.pop(sequence, None)

    def choose(self, waiting: List[Request]) -> list[Request]:
        """Choose whose caches fit together, those that have one first, and take others' caches if need be.

        Now and then one that has waited long without a cache is the first, at the cost of those that have one.
        """
        now = time.monotonic()
        waiting = sorted(waiting, key=lambda request: request.sequence.cache is None)
        recent = now - RECENT
        if (overdue := self._overdue(waiting, now)) is not None:
            waiting.remove(overdue)
            waiting.insert(0, overdue)
            self._displaced = recent = now
        asking = {request.sequence for request in waiting}
        held = sum(len(s.ids) for s, used in self._used.items() if s not in asking and used > recent)
        chosen = self._fitting(waiting, held)
        computed = {request.sequence for request in chosen}
        self._make_room(computed, asking - computed, recent)
        return chosen

    def _fitting(self, waiting: List[Request], held: int) -> list[Request]:
        """Return those whose caches fit beside so many tokens that are held, the first ones first.

        Of several sequences that lack the same prefix only one is taken: it computes the prefix for all.
        """
        chosen: list[Request] = []
        prefixes: list[Prefix] = []
        for request in waiting:
            sequence, prefix = request.sequence, request.sequence.prefix
            if held and held + len(sequence.ids) > self._limit:
                continue
            if prefix.cache is None and sequence.cached < len(prefix.ids):
                if any(other is prefix for other in prefixes):
                    continue
                prefixes.append(prefix)
            held += len(sequence.ids)
            chosen.append(request)
        return chosen

    def _overdue(self, waiting: List[Request], now: float) -> Request | None:
        """Return the request that has waited longest without a cache, if that is long, and long after the last such."""
        first = next((request for request in waiting if request.sequence.cache is None), None)
        return first if first and now - max(first.since, self._displaced) >= PATIENCE else None

    def _make_room(self, computed: set[Sequence], waiting: set[Sequence], recent: float) -> None:
        """Take caches that have to wait or were not used since `recent`, the oldest first, until the others fit."""
        total = sum(len(s.ids) for s in computed | set(self._used))
        for sequence, used in sorted(self._used.items(), key=lambda item: item[1]):
            if total <= self._limit:
                return
            if sequence in waiting or (sequence not in computed and used <= recent):
                total -= len(sequence.ids)
                self.take(sequence)
