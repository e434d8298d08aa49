"""From logits to the next token: repetition penalty, temperature, top-k, top-p, in this order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from moss_agent.session import Sampling

Logits = NDArray[np.float32]
"""For every token of the vocabulary a number: (vocabulary,)."""


COLDEST = 1e-5
"""Temperatures below are 0: divided by them, numbers would leave what 32 bits can hold."""

LIKELY = 256
"""So many tokens are nearly always enough for `top_p`: to sort all takes longer than a small model's step."""


def next_token(logits: Logits, context: Sequence[int], sampling: Sampling, random: np.random.Generator) -> int:
    """Return the next token; `context` holds all ids so far."""
    if sampling.repetition_penalty != 1:
        logits = penalize(logits, context, sampling.repetition_penalty)
    if sampling.temperature < COLDEST:
        return int(logits.argmax())
    places = likeliest(logits, sampling.top_k)  # few of many, so that the rest is quick
    left = logits[places] / np.float32(sampling.temperature)
    if sampling.top_p < 1:
        left = keep_nucleus(left, sampling.top_p)
    sums = softmax(left).cumsum()
    return int(places[sums.searchsorted(random.random() * sums[-1], side="right")])


def without(logits: Logits, banned: Sequence[int]) -> Logits:
    """Make sure that none of these tokens is chosen."""
    return _replaced(logits, banned, np.float32(-np.inf)) if banned else logits


def penalize(logits: Logits, context: Sequence[int], penalty: float) -> Logits:
    """Make every token of `context` less probable (Keskar et al. 2019, section 4.1)."""
    seen = sorted(set(context))
    values = logits[seen]
    return _replaced(logits, seen, np.where(values > 0, values / penalty, values * penalty))


def likeliest(logits: Logits, count: int) -> NDArray[np.intp]:
    """Return the `count` most probable tokens, and those as probable as the last of them; all if the count is 0."""
    if not 0 < count < len(logits):
        return np.arange(len(logits))
    return np.flatnonzero(logits >= np.partition(logits, -count)[-count])


def keep_nucleus(logits: Logits, top_p: float) -> Logits:
    """Leave the most probable tokens that together reach `top_p` (Holtzman et al. 2019)."""
    probabilities = softmax(logits)
    likely = likeliest(logits, LIKELY)
    if probabilities[likely].sum() < top_p:
        likely = likeliest(logits, 0)
    order = likely[(-logits[likely]).argsort(kind="stable")]
    before = probabilities[order].cumsum() - probabilities[order]
    kept = order[before < top_p]
    return _replaced(np.full_like(logits, -np.inf), kept, logits[kept])


def softmax(logits: Logits) -> NDArray[np.float64]:
    powers: NDArray[np.float64] = np.exp(logits.astype(np.float64) - logits.max())
    total: np.float64 = powers.sum()
    return powers / total


def _replaced(logits: Logits, places: Sequence[int] | NDArray[np.intp], values: np.ndarray | np.float32) -> Logits:
    changed: Logits = logits.copy()
    changed[places] = values
    return changed
