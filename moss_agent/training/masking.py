"""The loss mask: tokens that the model has to write, told from those that it is fed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from moss_agent.training.batches import Batch, Tokens, padded_length
from moss_agent.training.dataset import Piece

if TYPE_CHECKING:
    import torch
    from peft import PeftModel
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


def batch_loss(model: PeftModel, batch: Batch) -> torch.Tensor:
    """Return the mean cross entropy per written token; the output layer runs on those positions only."""
    import torch
    import torch.nn.functional as F
    from transformers import PreTrainedModel

    causal = model.get_base_model()
    assert isinstance(causal, PreTrainedModel)
    shape = len(batch), max(map(padded_length, batch))
    ids = torch.zeros(shape, dtype=torch.long)
    written, attention = torch.zeros(shape, dtype=torch.bool), torch.zeros(shape, dtype=torch.bool)
    for row, (tokens, learn) in enumerate(batch):
        ids[row, : len(tokens)] = torch.tensor(tokens)
        written[row, : len(learn)] = torch.tensor(learn)
        attention[row, : len(tokens)] = True
    ids, written, attention = (each.to(causal.device) for each in (ids, written, attention))
    with torch.autocast(causal.device.type, torch.bfloat16):
        hidden = causal.base_model(input_ids=ids, attention_mask=attention, use_cache=False).last_hidden_state
        logits = causal.get_output_embeddings()(hidden[:, :-1][written[:, 1:]])
    return F.cross_entropy(logits.float(), ids[:, 1:][written[:, 1:]])
