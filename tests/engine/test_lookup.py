"""Guessed tokens: found where the same stood before, checked in one step, and without any effect on the text."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moss_agent.engine import lookup, scheduler
from moss_agent.engine.backends.batched import BatchedBackend
from moss_agent.engine.backends.transformers import TransformersBackend
from moss_agent.engine.lookup import LONGEST, REST, SIZES, Lookup
from moss_agent.session import Sampling
from tests.engine.test_session import open_model
from tests.engine.tiny import llama, make_model
from tests.engine.writing import write

pytestmark = pytest.mark.slow

REPEATED = "Calculate(35*12-4) gives 416. " * 4


def test_what_stood_behind_the_same_tokens_is_guessed_the_last_time_first():
    assert Lookup([1, 2, 3, 4, 5, 9, 1, 2]).guess() == [3, 4, 5, 9, 1, 2]
    assert Lookup([1, 2, 3, 1, 2, 4, 5, 1, 2]).guess() == [4, 5, 1, 2]
    assert Lookup([7, 1, 2, 3, 9, 1, 2, 4, 7, 1, 2]).guess()[0] == 3  # three the same are better than two
    assert Lookup([1, 2, 3, 4]).guess() == Lookup([]).guess() == Lookup([1]).guess() == []


@given(st.lists(st.integers(0, 3), max_size=60), st.integers(1, 5))
def test_a_guess_is_what_followed_the_longest_match(ids, step):
    known: list[int] = []
    guesses = Lookup(known)
    for begin in range(0, len(ids), step):
        known += ids[begin : begin + step]
        guess = guesses.guess()
        matches = [
            [end for end in range(size, len(known)) if known[end - size : end] == known[-size:]] for size in SIZES
        ]
        ends = next((found for found in matches if found), [])
        assert guess == (known[ends[-1] : ends[-1] + LONGEST] if ends else [])


def test_after_wrong_guesses_some_tokens_go_without():
    ids = [1, 2, 3] * 5
    guesses = Lookup(ids)
    while guess := guesses.guess():
        guesses.learn(len(guess), 0)
    ids += [1, 2, 3] * (REST // 3)
    assert guesses.guess() == [1, 2, 3]


@pytest.mark.slow
@pytest.mark.parametrize("sampling", [Sampling(max_new_tokens=60), Sampling(1.0, top_p=0.9, max_new_tokens=60)])
def test_a_text_is_the_same_with_guesses_and_without(tokenizer, monkeypatch, sampling):
    texts = []
    for most in (scheduler.MOST_GUESSING, 0):
        monkeypatch.setattr(scheduler, "MOST_GUESSING", most)
        session = open_model(make_model(llama), tokenizer, seed=5).session("")
        session.extend(REPEATED)
        texts.append(write(session, sampling, []).text)
        session.extend(" And?")
        texts.append(write(session, sampling, []).text)
    assert texts[:2] == texts[2:]


@pytest.mark.slow
def test_a_model_that_repeats_itself_takes_fewer_steps_than_tokens(tokenizer, monkeypatch):
    steps = []
    forward = BatchedBackend.forward
    monkeypatch.setattr(BatchedBackend, "forward", lambda *arguments: steps.append(1) or forward(*arguments))
    monkeypatch.setattr(lookup, "DOUBT", 0.0)
    session = open_model(make_model(llama), tokenizer).session("")
    session.extend(REPEATED)
    generation = write(session, Sampling(repetition_penalty=0.5, max_new_tokens=60), [])
    assert generation.generated == 60 and len(steps) < 55


@pytest.mark.slow
@pytest.mark.parametrize("build", [BatchedBackend, TransformersBackend])
def test_logits_after_several_tokens_are_those_of_one_after_the_other(build):
    backend = build(make_model(llama))
    one, other, beside = backend.new_cache(), backend.new_cache(), backend.new_cache()
    single = [backend.forward([one], [[token]])[0] for token in (5, 6, 7, 8)]
    several = backend.forward([other, beside], [[5, 6, 7, 8], [9]], [3, 1])
    assert len(several) == 4 and other.length == 4
    for row, expected in zip(several, single[1:], strict=False):
        np.testing.assert_allclose(row, expected, rtol=1e-3, atol=1e-3)
