"""Guesses of what a model writes next: what stood behind the same tokens before (prompt lookup, Saxena 2023).

Questions, results and thoughts come again in commands and answers. The model checks all guessed tokens in one step;
what it would not have written itself is thrown away. So a guess changes the time; and last bits, as company in a batch
does: in 16 bits two tokens that are nearly as likely may change places.
"""

from __future__ import annotations

from collections.abc import Sequence

SIZES = (4, 3, 2)  # tokens that have to be the same, the longest match first
LONGEST = 6  # tokens of a guess
DOUBT = 0.3  # if less of the guesses than this came true lately, some tokens go without
MEMORY = 0.8  # how much of an earlier share of true guesses each new one leaves
REST = 12  # tokens without guesses


class Lookup:
    """Guesses for one text. ids: of all tokens, to which others are added while it is written."""

    def __init__(self, ids: Sequence[int]) -> None:
        self._ids = ids
        self._places: dict[tuple[int, ...], int] = {}
        self._indexed = 0
        self._share = 1.0  # of the guessed tokens that came true lately
        self._rest_until = 0

    def guess(self) -> list[int]:
        """Return tokens that may follow; none if there is no good reason to expect any."""
        self._index()
        if len(self._ids) < self._rest_until:
            return []
        for size in SIZES:
            place = self._places.get(tuple(self._ids[-size:]))
            if place is not None:
                return list(self._ids[place : place + LONGEST])
        return []

    def learn(self, guessed: int, right: int) -> None:
        """Note how many of the guessed tokens came true."""
        self._share = MEMORY * self._share + (1 - MEMORY) * right / guessed
        if self._share < DOUBT:
            self._share, self._rest_until = DOUBT, len(self._ids) + REST

    def _index(self) -> None:
        """Note what stands behind each group of tokens, but for the last one, which nothing follows yet."""
        for end in range(max(self._indexed, min(SIZES)), len(self._ids)):
            for size in SIZES:
                if size <= end:
                    self._places[tuple(self._ids[end - size : end])] = end
        self._indexed = max(self._indexed, len(self._ids))
