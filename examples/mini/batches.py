"""Conversations of about the same length side by side, behind the preamble that they share.

A processor computes few shapes faster than many, and a preamble is often half of a conversation.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch

PREAMBLE = 128  # tokens that a preamble is padded to
SHAPES = {96: 20, 128: 15, 160: 12, 192: 10, 256: 7, 384: 5, 640: 3}  # conversations in a batch, by their length


@dataclass(frozen=True)
class Prompted:
    """A conversation behind its preamble, which is () if few others have the same: it begins the ids then.

    written: which of the ids the model has to write.
    """

    preamble: tuple[int, ...]
    ids: Sequence[int]
    written: Sequence[bool]


@dataclass(frozen=True)
class Batch:
    """Conversations behind one preamble.

    Shapes: preamble (PREAMBLE), of which `shared` tokens are no padding; ids (conversations, length). Sources are the
    places in the conversations, one behind the other, that predict the targets, the tokens that the model has to write.
    """

    preamble: torch.Tensor
    shared: int
    ids: torch.Tensor
    sources: torch.Tensor
    targets: torch.Tensor
    tokens: int  # of all conversations, the preamble counted for each


def batches(conversations: Iterable[Prompted]) -> Iterator[Batch]:
    """Yield batches of conversations with the same preamble and about the same length; what is too long is left out.

    A conversation waits until there are enough of its kind: there should be few preambles.
    """
    waiting: dict[tuple[tuple[int, ...], int], list[Prompted]] = defaultdict(list)
    for each in conversations:
        length = next((length for length in SHAPES if len(each.ids) <= length), None)
        if length is None:
            continue
        group = waiting[each.preamble, length]
        group.append(each)
        if len(group) == SHAPES[length]:
            yield batch(group, length)
            group.clear()


def batch(group: Sequence[Prompted], length: int) -> Batch:
    """Return conversations with the same preamble as a batch of that length."""
    preamble = torch.zeros(PREAMBLE, dtype=torch.int64)
    ids = torch.zeros(SHAPES[length], length, dtype=torch.int64)
    shared = len(group[0].preamble)
    preamble[:shared] = torch.tensor(group[0].preamble, dtype=torch.int64)
    sources, targets = [], []
    for row, each in enumerate(group):
        ids[row, : len(each.ids)] = torch.tensor(each.ids)
        places = [place for place in range(1, len(each.ids)) if each.written[place]]
        sources += [row * length + place - 1 for place in places]
        targets += [each.ids[place] for place in places]
    tokens = sum(shared + len(each.ids) for each in group)
    return Batch(preamble, shared, ids, torch.tensor(sources), torch.tensor(targets), tokens)
