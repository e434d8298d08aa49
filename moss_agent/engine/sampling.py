"""From logits to the next token: repetition penalty, temperature, top-k, top-p, in this order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from moss_agent.errors import UsageError

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Sampling:
    """How to choose tokens.

    temperature: 0 takes the most probable token.
    top_k: only the k most probable tokens; 0 for all.
    top_p: only the smallest set of tokens whose probabilities reach p; 1 for all.
    repetition_penalty: divides the positive and multiplies the negative logits of tokens that occurred.
    max_new_tokens: limit for one segment.
    """

    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    repetition_penalty: float = 1.0
    max_new_tokens: int = 256

    def __post_init__(self) -> None:
        checks = {
            "temperature must be 0 or more, and finite": 0 <= self.temperature < math.inf,
            "top_k must be 0 or more": self.top_k >= 0,
            "top_p must be above 0 and at most 1": 0 < self.top_p <= 1,
            "repetition_penalty must be above 0, and finite": 0 < self.repetition_penalty < math.inf,
            "max_new_tokens must be 1 or more": self.max_new_tokens >= 1,
        }
        for message, holds in checks.items():
            if not holds:
                raise UsageError(message)


def next_token(logits: torch.Tensor, context: Sequence[int], sampling: Sampling, generator: torch.Generator) -> int:
    """The next token for `logits` (vocabulary,), float32 on the CPU; `context` holds all ids so far."""
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
