"""Caches keep to their budget, and are given up where memory is short."""

from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from moss_agent.engine.backends.batched import GrowingCache
from moss_agent.errors import OutOfMemory
from moss_agent.session import Sampling
from tests.engine.test_scheduler import FEW, PREAMBLE, ask_all
from tests.engine.test_session import open_model, recompute
from tests.engine.tiny import llama, make_model
from tests.engine.writing import write

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model():
    return make_model()


def test_idle_caches_are_given_up_when_memory_is_short(model, tokenizer):
    opened = open_model(model, tokenizer)
    idle, busy = opened.session(PREAMBLE), opened.session(PREAMBLE)
    write(idle, FEW)
    failures = [torch.OutOfMemoryError("CUDA out of memory")]

    def fail(*_):
        if failures:
            raise failures.pop()

    hook = model.get_input_embeddings().register_forward_pre_hook(fail)
    try:
        busy.extend(" And?")
        write(busy, FEW)
        assert idle._sequence.cache is None
        failures[:] = [torch.OutOfMemoryError("CUDA out of memory")] * 9
        busy.extend(" And?")
        with pytest.raises(OutOfMemory):
            write(busy, FEW)
    finally:
        hook.remove()


def test_idle_caches_are_given_up_when_there_is_no_memory_for_a_copy_of_the_preamble(tokenizer, monkeypatch):
    opened = open_model(make_model(llama), tokenizer)
    idle, new = opened.session(PREAMBLE), opened.session(PREAMBLE)
    write(idle, FEW)
    failures, moved = [torch.OutOfMemoryError("CUDA out of memory")], GrowingCache._moved

    def fail(*given):
        if failures:
            raise failures.pop()
        return moved(*given)

    monkeypatch.setattr(GrowingCache, "_moved", fail)
    new.extend(" And?")
    want = recompute(opened.scheduler._backend._model, new._sequence.ids, 6)
    write(new, FEW)
    assert idle._sequence.cache is None and new._sequence.ids == want


def caches_alive() -> dict[int, GrowingCache]:
    return {id(each): each for each in gc.get_objects() if type(each) is GrowingCache}


def test_sequences_that_grow_out_of_the_budget_take_turns(tokenizer):
    inner = make_model(llama)
    opened = open_model(inner, tokenizer, context_length=120, cache_tokens=120)
    sessions = [opened.session("") for _ in range(3)]
    for number, session in enumerate(sessions):
        session.extend("ab"[number % 2] * 30)
    held = []

    def look(*_):
        held.append(sum(cache.length for s in sessions if (cache := s._sequence.cache)))

    hook = inner.get_input_embeddings().register_forward_pre_hook(look)
    long = Sampling(max_new_tokens=40)
    want = [recompute(inner, session._sequence.ids, 40) for session in sessions]
    held.clear()
    assert ask_all(sessions, long) == want
    hook.remove()
    assert max(held) <= 120


def test_sequences_that_fit_only_alone_get_the_memory_of_the_whole_step(tokenizer, monkeypatch):
    inner = make_model(llama)
    opened = open_model(inner, tokenizer)
    sessions = [opened.session("") for _ in range(2)]
    for number, session in enumerate(sessions):
        session.extend("ab"[number] * 100)
    want = [recompute(inner, session._sequence.ids, 1) for session in sessions]
    moved, others = GrowingCache._moved, caches_alive()

    def limited(*given):
        own = [cache for number, cache in caches_alive().items() if number not in others]
        if sum(keys.shape[2] for cache in own for keys, _ in cache._layers.values()) > 3 * 130:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return moved(*given)

    monkeypatch.setattr(GrowingCache, "_moved", limited)
    monkeypatch.setattr("moss_agent.engine.backends.batched.BLOCK", 1)
    waiting = opened.scheduler
    waiting._leader = "nobody yet"  # both ask before either of them leads
    pool = ThreadPoolExecutor(2)
    futures = [pool.submit(write, session, Sampling(max_new_tokens=1)) for session in sessions]
    with waiting._changed:
        while len(waiting._requests) < 2:
            waiting._changed.wait(0.01)
        waiting._leader = None
        waiting._changed.notify_all()
    for future in futures:
        future.result()
    pool.shutdown()
    assert [session._sequence.ids for session in sessions] == want


@pytest.mark.parametrize("released", [True, RuntimeError("the plugin failed")])
def test_what_others_release_is_asked_for_once(tokenizer, released):
    asked = []

    def release():
        asked.append(released)
        if released is not True:
            raise released
        return True

    inner = make_model(llama)
    session = open_model(inner, tokenizer, release=release).session(PREAMBLE)
    computed = []

    def fail(*_):
        computed.append(1)
        raise torch.OutOfMemoryError("CUDA out of memory")

    hook = inner.get_input_embeddings().register_forward_pre_hook(fail)
    with pytest.raises(OutOfMemory):
        write(session, FEW)
    hook.remove()
    assert len(asked) == 1 and len(computed) == (2 if released is True else 1)
    write(session, FEW)


def test_preambles_that_no_step_needs_are_given_up_when_memory_is_short(tokenizer):
    inner = make_model(llama)
    opened = open_model(inner, tokenizer)
    idle, busy = opened.session(PREAMBLE * 3), opened.session(PREAMBLE)
    write(idle, FEW)
    opened.scheduler.forget(idle._sequence)
    failures = [torch.OutOfMemoryError("CUDA out of memory")]

    def fail(*_):
        if failures:
            raise failures.pop()

    hook = inner.get_input_embeddings().register_forward_pre_hook(fail)
    write(busy, FEW)
    hook.remove()
    assert idle._sequence.prefix.cache is None and busy._sequence.prefix.cache is not None
    want = recompute(inner, idle._sequence.ids, 6)
    write(idle, FEW)
    assert idle._sequence.ids == want


def test_a_cut_sequence_gives_memory_back(tokenizer):
    session = open_model(make_model(llama), tokenizer, context_length=2048).session("")
    session.extend("The agent thinks, and writes. " * 130)
    write(session, FEW)
    before = memory_of(session)
    session.rewind(40)
    write(session, FEW)
    assert memory_of(session) < before / 4


def memory_of(session) -> int:
    return sum(part.untyped_storage().nbytes() for layer in session._sequence.cache._layers.values() for part in layer)
