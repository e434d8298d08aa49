"""Conversations one behind the other in one row, so that nothing is padding and a common beginning is computed once."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

Tokens = tuple[list[int], list[bool]]  # ids, and which of them the model has to write

SORTED_AHEAD = 256  # conversations that are sorted by their beginnings together
LENGTH_STEP = 64  # rows are padded to multiples of it: CPU kernels are made anew for every length
BEGINNING = 64  # tokens of it that are looked at: instructions differ there, questions shall stay mixed


@dataclass
class Pack:
    """Conversations as one row: what they begin with in common, then the rest of each.

    A part attends to the beginning and to itself (`attention.py`), so every token has the neighbours and the position
    that it has alone. ``segments`` are the lengths of the beginning and of the parts; ``sources`` the places in the row
    that predict the ``targets``, the tokens that the model has to write.
    """

    ids: list[int] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    segments: list[int] = field(default_factory=list)
    sources: list[int] = field(default_factory=list)
    targets: list[int] = field(default_factory=list)
    tokens: int = 0  # of all conversations, the beginning counted for each

    @property
    def has_several(self) -> bool:
        """Whether it has more than one conversation."""
        return self.segments[1] < self.tokens


def pack(conversations: Sequence[Tokens]) -> Pack:
    """Return the row of these conversations."""
    shared = _shared([ids for ids, _ in conversations])
    row = Pack(conversations[0][0][:shared], list(range(shared)), [shared])
    for ids, written in conversations:
        ahead = len(row.ids) - shared
        row.ids += ids[shared:]
        row.positions += range(shared, len(ids))
        row.segments.append(len(ids) - shared)
        for place in range(1, len(ids)):
            if written[place]:
                row.sources.append(place - 1 if place <= shared else ahead + place - 1)
                row.targets.append(ids[place])
        row.tokens += len(ids)
    padding = -len(row.ids) % LENGTH_STEP
    row.ids += [0] * padding
    row.positions += [0] * padding
    row.segments += [padding] * bool(padding)
    return row


def packs(conversations: Iterable[Tokens], size: int, seed: int) -> Iterator[Pack]:
    """Yield rows of at most ``size`` tokens, the same for the same seed; a longer conversation is a row of its own."""
    source, order = iter(conversations), random.Random(seed)
    while ahead := sorted(islice(source, SORTED_AHEAD), key=lambda tokens: tokens[0][:BEGINNING]):
        rows = [pack(group) for group in _groups(ahead, size)]
        order.shuffle(rows)
        yield from rows


def _groups(conversations: Iterable[Tokens], size: int) -> Iterator[list[Tokens]]:
    group: list[Tokens] = []
    for tokens in conversations:
        if group and _length([*group, tokens]) > size:
            yield group
            group = []
        group.append(tokens)
    if group:
        yield group


def _length(conversations: Sequence[Tokens]) -> int:
    """Return how long their row is."""
    rows = [ids for ids, _ in conversations]
    return sum(map(len, rows)) - (len(rows) - 1) * _shared(rows)


def _shared(rows: Sequence[list[int]]) -> int:
    """Return how many tokens all rows begin with in common; each keeps one of its own."""
    if len(rows) == 1:
        return 0
    first, last = min(rows), max(rows)
    pairs = zip(first, last, strict=False)
    return next((place for place, (a, b) in enumerate(pairs) if a != b or place == len(first) - 1), 0)
