"""The loss mask: tokens that the model has to write, told from those that it is fed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from moss_agent.training.dataset import Piece
from moss_agent.training.packing import Tokens

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def tokenize(pieces: Iterable[Piece], tokenizer: PreTrainedTokenizerBase) -> Tokens:
    """Return token ids, and for each whether the model has to write it. Every piece is encoded on its own."""
    ids: list[int] = []
    written: list[bool] = []
    for text, learn in pieces:
        new = tokenizer.encode(text, add_special_tokens=False)
        ids += new
        written += [learn] * len(new)
    return ids, written
