"""The sampling steps against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import RepetitionPenaltyLogitsProcessor, TopPLogitsWarper

from moss_agent.engine.sampling import LIKELY, keep_nucleus, next_token, penalize, softmax, without
from moss_agent.errors import UsageError
from moss_agent.session import Sampling

LOGITS = np.random.default_rng(3).normal(scale=3, size=200).astype(np.float32)
pytestmark = pytest.mark.slow


def draw(sampling: Sampling, count: int = 400) -> set[int]:
    random = np.random.default_rng(0)
    return {next_token(LOGITS, [], sampling, random) for _ in range(count)}


def test_temperature_zero_takes_the_most_probable():
    assert draw(Sampling(temperature=0.0)) == {int(LOGITS.argmax())}


def test_top_k_draws_from_the_k_most_probable_only():
    assert draw(Sampling(temperature=2.0, top_k=3)) == set(LOGITS.argsort()[-3:].tolist())


@pytest.mark.parametrize("top_p", [0.05, 0.5, 0.8, 0.99])
def test_nucleus_is_that_of_transformers(top_p):
    want = TopPLogitsWarper(top_p)(None, torch.tensor(LOGITS[None]))[0]
    assert np.array_equal(keep_nucleus(LOGITS, top_p), want.numpy())


@pytest.mark.parametrize("penalty", [0.8, 1.02, 1.5])
def test_repetition_penalty_is_that_of_transformers(penalty):
    context = [5, 7, 7, 199]
    want = RepetitionPenaltyLogitsProcessor(penalty)(torch.tensor([context]), torch.tensor(LOGITS[None]))[0]
    assert np.allclose(penalize(LOGITS, context, penalty), want.numpy())


def test_a_temperature_next_to_zero_takes_the_most_probable():
    assert draw(Sampling(temperature=1e-38)) == {int(LOGITS.argmax())}


@pytest.mark.parametrize(("scale", "is_small"), [(0.1, False), (8.0, True)])
def test_the_nucleus_of_a_large_vocabulary_is_found_whether_it_is_small_or_not(scale, is_small):
    logits = np.random.default_rng(5).normal(scale=scale, size=5000).astype(np.float32)
    order = (-logits).argsort()
    count = softmax(logits[order]).cumsum().searchsorted(0.9) + 1
    kept = keep_nucleus(logits, 0.9)
    assert set(np.flatnonzero(np.isfinite(kept))) == set(order[:count]) and (count < LIKELY) == is_small


@pytest.mark.parametrize("options", [{"top_k": 40, "top_p": 0.8}, {"top_k": 40}, {"top_p": 0.8}, {}])
def test_what_is_drawn_of_few_is_what_would_be_drawn_of_all(options):
    sampling = Sampling(temperature=0.7, **options)
    for seed in range(50):
        warm = np.random.default_rng(seed).normal(scale=3, size=500).astype(np.float32) / np.float32(0.7)
        kept = warm
        if sampling.top_k:
            kept = np.where(warm < np.sort(warm)[-sampling.top_k], np.float32(-np.inf), warm)
        kept = torch.tensor(kept[None])
        if sampling.top_p < 1:
            kept = TopPLogitsWarper(sampling.top_p)(None, kept)
        sums = kept[0].double().softmax(0).cumsum(0)
        want = int(torch.searchsorted(sums, np.random.default_rng(seed).random(), right=True))
        assert next_token(warm * np.float32(0.7), [], sampling, np.random.default_rng(seed)) == want


def test_tokens_are_drawn_as_often_as_they_are_probable():
    logits = np.log(np.array([0.5, 0.3, 0.15, 0.05], np.float32))
    random = np.random.default_rng(0)
    drawn = [next_token(logits, [], Sampling(temperature=1.0), random) for _ in range(4000)]
    assert np.allclose(np.bincount(drawn) / 4000, [0.5, 0.3, 0.15, 0.05], atol=0.03)


def test_what_is_excluded_is_never_drawn():
    random = np.random.default_rng(0)
    for _ in range(200):
        logits = without(random.normal(size=8).astype(np.float32), [0, 3, 7])
        assert next_token(logits, [], Sampling(temperature=5.0), random) not in (0, 3, 7)


@pytest.mark.parametrize(
    "options",
    [
        {"temperature": -1},
        {"temperature": float("inf")},
        {"temperature": float("nan")},
        {"top_k": -1},
        {"top_p": 0},
        {"repetition_penalty": 0},
        {"max_new_tokens": 0},
    ],
)
def test_values_without_meaning_are_refused(options):
    with pytest.raises(UsageError, match=next(iter(options))):
        Sampling(**options)
