"""The sampling steps against their definitions."""

from __future__ import annotations

import pytest
import torch
from transformers import RepetitionPenaltyLogitsProcessor, TopPLogitsWarper

from moss_agent.engine.sampling import keep_nucleus, next_token, penalize
from moss_agent.errors import UsageError
from moss_agent.session import Sampling

LOGITS = torch.randn(200, generator=torch.Generator().manual_seed(3)) * 3
pytestmark = pytest.mark.slow


def draw(sampling: Sampling, count: int = 400) -> set[int]:
    generator = torch.Generator().manual_seed(0)
    return {next_token(LOGITS, [], sampling, generator) for _ in range(count)}


def test_temperature_zero_takes_the_most_probable():
    assert draw(Sampling(temperature=0.0)) == {int(LOGITS.argmax())}


def test_top_k_draws_from_the_k_most_probable_only():
    assert draw(Sampling(temperature=2.0, top_k=3)) == set(LOGITS.topk(3).indices.tolist())


@pytest.mark.parametrize("top_p", [0.05, 0.5, 0.8, 0.99])
def test_nucleus_is_that_of_transformers(top_p):
    want = TopPLogitsWarper(top_p)(None, LOGITS[None])[0]
    assert torch.equal(keep_nucleus(LOGITS, top_p), want)


@pytest.mark.parametrize("penalty", [0.8, 1.02, 1.5])
def test_repetition_penalty_is_that_of_transformers(penalty):
    context = [5, 7, 7, 199]
    want = RepetitionPenaltyLogitsProcessor(penalty)(torch.tensor([context]), LOGITS[None].clone())[0]
    assert torch.allclose(penalize(LOGITS, context, penalty), want)


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
