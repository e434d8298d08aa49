"""From logits to the next token: repetition penalty, temperature, top-k, top-p, in this order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from moss_agent.session import Sampling

Logits = NDArray[np.float32]
"""For every token of the vocabulary a number: (vocabulary,)."""


def next_token(logits: Logits, context: Sequence[int], sampling: Sampling, random: np.random.Generator) -> int:
    """Return the next token; `context` holds all ids so far."""
    if sampling.repetition_penalty != 1:
        logits = penalize(logits, context, sampling.repetition_penalty)
    if sampling.temperature == 0:
        return int(logits.argmax())
    logits = logits / np.float32(sampling.temperature)
    if 0 < sampling.top_k < len(logits):
        logits = np.where(logits < np.partition(logits, -sampling.top_k)[-sampling.top_k], -np.inf, logits)
    if sampling.top_p < 1:
        logits = keep_nucleus(logits, sampling.top_p)
    sums = softmax(logits).cumsum()
    return int(sums.searchsorted(random.random() * sums[-1], side="right"))


def without(logits: Logits, banned: Sequence[int]) -> Logits:
    """Make sure that none of these tokens is chosen."""
    return _replaced(logits, banned, np.float32(-np.inf)) if banned else logits


def penalize(logits: Logits, context: Sequence[int], penalty: float) -> Logits:
    """Make every token of `context` less probable (Keskar et al. 2019, section 4.1)."""
    seen = sorted(set(context))
    values = logits[seen]
    return _replaced(logits, seen, np.where(values > 0, values / penalty, values * penalty))


def keep_nucleus(logits: Logits, top_p: float) -> Logits:
    """Leave the most probable tokens that together reach `top_p` (Holtzman et al. 2019)."""
    order = logits.argsort()[::-1]
    probabilities = softmax(logits[order])
    outside = probabilities.cumsum() - probabilities >= top_p
    return _replaced(logits, order[outside], np.float32(-np.inf))


def softmax(logits: Logits) -> NDArray[np.float64]:
    powers: NDArray[np.float64] = np.exp(logits.astype(np.float64) - logits.max())
    total: np.float64 = powers.sum()
    return powers / total


def _replaced(logits: Logits, places: Sequence[int] | NDArray[np.intp], values: np.ndarray | np.float32) -> Logits:
    changed: Logits = logits.copy()
    changed[places] = values
    return changed
