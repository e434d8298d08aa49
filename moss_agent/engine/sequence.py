"""The state of one conversation in an engine: token ids, and a KV cache over the first of them."""

from __future__ import annotations

from collections.abc import Sequence as Ids
from dataclasses import dataclass, field
from typing import Protocol

from moss_agent.engine.sampling import Logits


class Cache(Protocol):
    """Keys and values of the first `length` tokens of a sequence, in every layer."""

    @property
    def length(self) -> int: ...

    def cut(self, length: int) -> None:
        """Keep the first `length` tokens at most, the same ones in every layer."""

    def copy(self) -> Cache:
        """Return a cache that grows on its own; what both hold may be shared memory."""


class Backend(Protocol):
    """What computes. guesses_pay: whether further rows cost so little that guessed tokens are worth checking."""

    guesses_pay: bool

    def new_cache(self) -> Cache: ...

    def forward(self, caches: Ids[Cache], ids: Ids[Ids[int]], wanted: Ids[int] | None = None) -> list[Logits]:
        """Append ids to each cache and return the logits after the last of each.

        wanted: after how many of the last ids of each, one after another; after the last one by default.
        An error may leave the caches longer by a part of the ids, not the same part in every layer.
        """

    def close(self) -> None: ...


@dataclass(eq=False)
class Prefix:
    """Ids that many sequences begin with, and their cache once one of the sequences has been computed."""

    ids: tuple[int, ...]
    cache: Cache | None = None


@dataclass(eq=False)
class Sequence:
    """Token ids and the cache over the first of them.

    The cache may be taken away at any time while no token is being computed; what it lacks is computed again.
    """

    prefix: Prefix
    ids: list[int] = field(default_factory=list)
    cache: Cache | None = None

    def __post_init__(self) -> None:
        self.ids = list(self.prefix.ids)

    @property
    def cached(self) -> int:
        """Tokens that need not be computed again."""
        cache = self.cache
        if cache is not None and cache.length:
            return cache.length
        return len(self.prefix.ids) if self.prefix.cache is not None else 0

    def cut(self, length: int) -> None:
        """Keep the first `length` ids."""
        del self.ids[length:]
        if (cache := self.cache) is not None:
            cache.cut(length)


def last_rows(ends: Ids[int], wanted: Ids[int] | None) -> list[int]:
    """Return the places of the last so many rows of each sequence; ends: behind the rows of each."""
    counts = wanted or [1] * len(ends)
    return [row for end, count in zip(ends, counts, strict=True) for row in range(end - count, end)]
