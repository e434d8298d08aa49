"""From logits to the next token: repetition penalty, temperature, top-k, top-p, in this order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from moss_agent.session import Sampling

if TYPE_CHECKING:
    import torch


def next_token(logits: torch.Tensor, context: Sequence[int], sampling: Sampling, generator: torch.Generator) -> int:
    """Return the next token for `logits` (vocabulary,), float32 on the CPU; `context` holds all ids so far."""
    import torch

    if sampling.repetition_penalty != 1:
        logits = penalize(logits, context, sampling.repetition_penalty)
    if sampling.temperature == 0:
        return int(logits.argmax())
    logits = logits / sampling.temperature
    if 0 < sampling.top_k < len(logits):
        logits = logits.masked_fill(logits < logits.topk(sampling.top_k).values[-1], float("-inf"))
    if sampling.top_p < 1:
        logits = keep_nucleus(logits, sampling.top_p)
    return int(torch.multinomial(logits.softmax(-1), 1, generator=generator))


def without(logits: torch.Tensor, banned: Sequence[int]) -> torch.Tensor:
    """Make sure that none of these tokens is chosen."""
    import torch

    return logits.index_fill(0, torch.tensor(banned, dtype=torch.long), float("-inf")) if banned else logits


def penalize(logits: torch.Tensor, context: Sequence[int], penalty: float) -> torch.Tensor:
    """Make every token of `context` less probable (Keskar et al. 2019, section 4.1)."""
    import torch

    seen = torch.tensor(sorted(set(context)), dtype=torch.long)
    values = logits[seen]
    return logits.index_put((seen,), torch.where(values > 0, values / penalty, values * penalty))


def keep_nucleus(logits: torch.Tensor, top_p: float) -> torch.Tensor:
    """Leave the most probable tokens that together reach `top_p` (Holtzman et al. 2019)."""
    ordered, order = logits.sort(descending=True)
    probabilities = ordered.softmax(-1)
    outside = probabilities.cumsum(-1) - probabilities >= top_p
    return logits.index_fill(0, order[outside], float("-inf"))
