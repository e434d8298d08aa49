"""The loss mask: tokens that the model has to write, told from those that it is fed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from moss_agent.training.dataset import Piece
from moss_agent.training.packing import Pack, Tokens

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def tokenize(pieces: Iterable[Piece], tokenizer: PreTrainedTokenizerBase) -> Tokens:
    """Return token ids, and for each whether the model has to write it. Every piece is encoded on its own."""
    ids: list[int] = []
    written: list[bool] = []
    for text, learn in pieces:
        new = tokenizer.encode(text, add_special_tokens=False)
        ids += new
        written += [learn] * len(new)
    return ids, written


def pack_loss(model: PreTrainedModel, row: Pack) -> torch.Tensor:
    """Return the mean cross entropy per written token; the output layer runs on those positions only."""
    import torch
    import torch.nn.functional as F

    ids, positions, sources, targets = (
        torch.tensor(each, device=model.device) for each in (row.ids, row.positions, row.sources, row.targets)
    )
    with torch.autocast(model.device.type, torch.bfloat16):
        hidden = model.base_model(
            input_ids=ids[None], position_ids=positions[None], segments=row.segments, use_cache=False
        ).last_hidden_state
        logits = model.get_output_embeddings()(hidden[0, sources])
    return F.cross_entropy(logits.float(), targets)
