"""Conversations of about the same length together in batches, so that little is padding."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from itertools import islice

Tokens = tuple[list[int], list[bool]]  # ids, and which of them the model has to write
Batch = list[Tokens]

BATCH_TOKENS = 2048
SORTED_AHEAD = 256  # conversations that are sorted by length together
LENGTH_STEP = 32  # batches are padded to multiples of this: the CPU kernels are made anew for every shape


def batches(conversations: Iterable[Tokens], seed: int) -> Iterator[Batch]:
    """Yield batches of at most BATCH_TOKENS tokens, padding included, the same for the same seed.

    A conversation that is longer is a batch of its own.
    """
    source, order = iter(conversations), random.Random(seed)
    while ahead := sorted(islice(source, SORTED_AHEAD), key=padded_length):
        made: list[Batch] = [[]]
        for tokens in ahead:
            if made[-1] and padded_length(tokens) * (len(made[-1]) + 1) > BATCH_TOKENS:
                made.append([])
            made[-1].append(tokens)
        order.shuffle(made)
        yield from made


def padded_length(tokens: Tokens) -> int:
    """Return the length that a batch with this as its longest conversation has."""
    return -(-len(tokens[0]) // LENGTH_STEP) * LENGTH_STEP
