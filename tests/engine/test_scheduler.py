"""Many conversations on one model: same tokens as one after the other, whatever happens to the others."""

from __future__ import annotations

import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from transformers import OpenAIGPTConfig, OpenAIGPTLMHeadModel

from moss_agent.cancellation import Cancellation
from moss_agent.engine import cache_budget, scheduler
from moss_agent.errors import Cancelled, EngineError
from moss_agent.session import Sampling
from tests.engine.test_session import open_model, recompute
from tests.engine.tiny import make_model
from tests.engine.writing import STOPS, write

PREAMBLE = "The agent thinks 思考."
TEXTS = [f" Question {number}: {'and so on ' * number}" for number in range(8)]
FEW = Sampling(max_new_tokens=6)
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model():
    return make_model()


def ask_all(sessions, sampling: Sampling = FEW) -> list[list[int]]:
    """Every session writes in a thread of its own; the ids that each then has."""
    with ThreadPoolExecutor(len(sessions)) as pool:
        list(pool.map(lambda session: write(session, sampling), sessions))
    return [session._sequence.ids for session in sessions]


def opened_sessions(opened):
    sessions = [opened.session(PREAMBLE) for _ in TEXTS]
    for session, text in zip(sessions, TEXTS, strict=True):
        session.extend(text)
    return sessions


def recorded(opened, monkeypatch, look):
    """What `look` returns of the caches and ids of every step, in a list that grows."""
    steps, forward = [], opened.scheduler._backend.forward

    def record(caches, ids, wanted):
        steps.append(look(caches, ids))
        return forward(caches, ids, wanted)

    monkeypatch.setattr(opened.scheduler._backend, "forward", record)
    return steps


def test_threads_get_what_they_get_one_after_the_other(model, tokenizer):
    sessions = opened_sessions(open_model(model, tokenizer))
    want = [recompute(model, session._sequence.ids, 6) for session in sessions]
    assert ask_all(sessions) == want


def test_the_preamble_is_computed_once_by_threads_that_begin_together(model, tokenizer, monkeypatch):
    monkeypatch.setattr(scheduler, "MOST_GUESSING", 0)
    computed = []
    hook = model.get_input_embeddings().register_forward_pre_hook(lambda _, args: computed.append(args[0].numel()))
    opened = open_model(model, tokenizer)
    sessions = opened_sessions(opened)
    start = sum(session.length for session in sessions)
    ask_all(sessions, Sampling(max_new_tokens=1))
    hook.remove()
    assert sum(computed) == start - (len(sessions) - 1) * opened.session(PREAMBLE).length


def test_sequences_that_do_not_fit_together_go_on_with_the_same_tokens(model, tokenizer, monkeypatch):
    monkeypatch.setattr(cache_budget, "RECENT", 0.0)
    opened = open_model(model, tokenizer, context_length=120, cache_tokens=120)
    sessions = opened_sessions(opened)[:4]
    want = [recompute(model, session._sequence.ids, 6) for session in sessions]
    assert ask_all(sessions) == want
    caches = [session._sequence.cache for session in sessions if session._sequence.cache is not None]
    assert sum(cache.length for cache in caches) <= 120 < sum(session.length for session in sessions)
    for session in sessions:
        session.extend(" And?")
    want = [recompute(model, session._sequence.ids, 6) for session in sessions]
    assert ask_all(sessions) == want


def test_a_generation_that_is_not_read_does_not_stop_the_others(model, tokenizer):
    opened = open_model(model, tokenizer, context_length=100, cache_tokens=100)
    first, second = opened.session(PREAMBLE), opened.session(PREAMBLE)
    first.extend(" a" * 30)
    second.extend(" b" * 30)
    want = recompute(model, first._sequence.ids, 6)
    pieces = first.generate(STOPS, FEW, Cancellation())
    next(pieces)
    write(second, FEW)
    list(pieces)
    assert first._sequence.ids == want


def test_threads_that_were_in_one_step_are_in_the_next_one_together(model, tokenizer, monkeypatch):
    monkeypatch.setattr(scheduler, "GATHERING", 1e6)  # as long as it takes, on a busy machine too
    monkeypatch.setattr(scheduler, "LONGEST_GATHERING", 20.0)
    opened = open_model(model, tokenizer)
    sessions = opened_sessions(opened)

    def ids_of(caches, ids):
        while not steps and len(opened.scheduler._requests) < len(sessions):
            time.sleep(0.001)  # the first step: on a busy machine its thread could write all before others begin
        return [id(each) for each in caches]

    steps = recorded(opened, monkeypatch, ids_of)
    ask_all(sessions, Sampling(max_new_tokens=10))
    whole = [step for step in steps if len(step) == len(sessions)]
    assert len(steps) < 10 + len(sessions) and len(whole) > 2
    assert all(step == whole[-1] for step in whole[1:]), "in the same order, once none reads its question"
    assert not opened.scheduler._choosing, "nobody waits for one that has ended"


def test_nobody_waits_twice_for_one_that_is_late(model, tokenizer, monkeypatch):
    monkeypatch.setattr(scheduler, "GATHERING", 1e6)
    monkeypatch.setattr(scheduler, "LONGEST_GATHERING", 0.5)
    opened = open_model(model, tokenizer)
    slow, quick = opened.session(PREAMBLE), opened.session(PREAMBLE)
    slow.extend(" a" * 9)
    want = recompute(model, slow._sequence.ids, 30)
    pieces = slow.generate(STOPS, Sampling(max_new_tokens=30), Cancellation())
    next(pieces)
    assert slow._sequence in opened.scheduler._choosing
    write(quick, FEW)
    late, enter = [], opened.scheduler._enter
    monkeypatch.setattr(
        opened.scheduler, "_enter", lambda request: (enter(request), late.append(bool(opened.scheduler._late)))
    )
    list(pieces)
    assert late[0] and not all(late) and slow._sequence.ids == want


def test_waiting_for_others_can_be_cancelled(model, tokenizer, monkeypatch):
    monkeypatch.setattr(scheduler, "GATHERING", 1e9)
    monkeypatch.setattr(scheduler, "LONGEST_GATHERING", 1e3)
    opened = open_model(model, tokenizer)
    other, session = opened.session(PREAMBLE), opened.session(PREAMBLE)
    pieces = other.generate(STOPS, FEW, Cancellation())
    next(pieces)
    cancellation = Cancellation()
    with ThreadPoolExecutor(1) as pool:
        written = pool.submit(lambda: list(session.generate(STOPS, FEW, cancellation)))
        while not opened.scheduler._requests:
            time.sleep(0.001)
        cancellation.cancel()
        with pytest.raises(Cancelled):
            written.result(timeout=60)
    opened.scheduler.forget(other._sequence)
    write(session, FEW)


@pytest.mark.parametrize("failure", [RuntimeError, IndexError])
def test_a_failure_of_one_sequence_is_not_that_of_the_others(model, tokenizer, failure):
    sessions = opened_sessions(open_model(model, tokenizer))
    bad = tokenizer.encode("🎉")[-1]
    sessions[3]._sequence.ids.append(bad)
    want = [recompute(model, session._sequence.ids, 6) for session in sessions]

    def fail(_, args):
        if bad in args[0].flatten().tolist():
            raise failure("some kernel failed")

    hook = model.get_input_embeddings().register_forward_pre_hook(fail)
    with ThreadPoolExecutor(len(sessions)) as pool:
        futures = [pool.submit(write, session, FEW) for session in sessions]
    hook.remove()
    assert [type(future.exception()) for future in futures] == [
        EngineError if number == 3 else type(None) for number in range(8)
    ]
    assert [s._sequence.ids for i, s in enumerate(sessions) if i != 3] == [w for i, w in enumerate(want) if i != 3]
    write(sessions[3], FEW)
    assert sessions[3]._sequence.ids == want[3]


def test_a_model_that_keeps_no_cache_is_refused_in_its_first_step(tokenizer):
    config = OpenAIGPTConfig(vocab_size=400, n_embd=48, n_layer=2, n_head=4)
    model = make_model(lambda: OpenAIGPTLMHeadModel(config))
    sessions = opened_sessions(open_model(model, tokenizer))
    steps: list[int] = []

    def count(*_):
        steps.append(1)
        assert len(steps) < 100, "it goes on for ever"

    model.get_input_embeddings().register_forward_pre_hook(count)
    with ThreadPoolExecutor(len(sessions)) as pool:
        futures = [pool.submit(write, session, FEW) for session in sessions]
    for future in futures:
        with pytest.raises(EngineError, match="keeps no cache .* through a server"):
            future.result()


def test_a_cache_that_does_not_grow_fails_its_own_sequence_only(model, tokenizer, monkeypatch):
    opened = open_model(model, tokenizer)
    sessions = opened_sessions(opened)
    want = [recompute(model, session._sequence.ids, 6) for session in sessions]
    bad, steps, forward = sessions.pop(3), [], opened.scheduler._backend.forward

    def lose(caches, ids, wanted):
        logits = forward(caches, ids, wanted)
        for cache in caches:
            if cache is bad._sequence.cache:
                steps.append(1)
                assert len(steps) < 100, "it goes on for ever"
                cache.cut(cache.length - 1)
        return logits

    monkeypatch.setattr(opened.scheduler._backend, "forward", lose)
    with ThreadPoolExecutor(len(want)) as pool:
        failed, *futures = [pool.submit(write, session, FEW) for session in (bad, *sessions)]
    assert "keeps no cache" in str(failed.exception())
    for future in futures:
        future.result()
    monkeypatch.undo()
    write(bad, FEW)
    sessions.insert(3, bad)
    assert [session._sequence.ids for session in sessions] == want


def test_a_sequence_that_waits_long_gets_the_memory_of_others_that_go_on(model, tokenizer, monkeypatch):
    monkeypatch.setattr(cache_budget, "RECENT", 1e9)
    monkeypatch.setattr(cache_budget, "PATIENCE", 0.0)
    opened = open_model(model, tokenizer, context_length=120, cache_tokens=120)
    sessions = [opened.session(PREAMBLE) for _ in range(2)]
    for session in sessions:
        session.extend(" a" * 30)
        want = recompute(model, session._sequence.ids, 6)
        write(session, FEW)
        assert session._sequence.ids == want
    assert [session._sequence.cache is None for session in sessions] == [True, False]


def test_counts_of_threads_that_begin_together_add_up_to_the_prompt(model, tokenizer):
    sessions = opened_sessions(open_model(model, tokenizer))
    lengths = [session.length for session in sessions]
    with ThreadPoolExecutor(len(sessions)) as pool:
        written = list(pool.map(lambda session: write(session, FEW), sessions))
    assert [each.cached + each.prefilled for each in written] == lengths


def test_a_step_reads_no_more_than_a_chunk_of_all_texts_together(model, tokenizer, monkeypatch):
    monkeypatch.setattr(scheduler, "PREFILL_CHUNK", 10)
    monkeypatch.setattr(scheduler, "MOST_GUESSING", 0)
    opened = open_model(model, tokenizer)
    steps = recorded(opened, monkeypatch, lambda caches, ids: [*map(len, ids)])
    sessions = opened_sessions(opened)
    want = [recompute(model, session._sequence.ids, 6) for session in sessions]
    assert ask_all(sessions) == want
    assert max(map(len, steps)) > 1 and all(sum(step) <= 10 + len(step) for step in steps)


def test_an_interrupt_at_any_line_lets_the_others_go_on(model, tokenizer):
    """Where a step ends, too: the interrupted thread leads, and others must not wait for it."""
    opened = open_model(model, tokenizer)
    traced = {"logits", "_enter", "_leave", "_lead_or_wait", "_end_step", "_run", "_compute", "_finish"}
    traced |= {"_until_gathered", "_schedule", "choose", "_fitting", "_make_room", "note", "pause"}
    lines = 0

    def interrupt(frame, event, _):
        nonlocal lines
        if frame.f_code.co_name not in traced:
            return None if frame.f_code.co_name not in ("write", "generate") else interrupt
        lines -= event == "line"
        if lines == 0:
            lines = -1_000_000
            raise KeyboardInterrupt
        return interrupt

    for line in range(1, 600):
        lines = line
        session, other = opened.session(PREAMBLE), opened.session(PREAMBLE)
        sys.settrace(interrupt)
        try:
            write(session, Sampling(max_new_tokens=1))
            break
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(None)
        write(other, Sampling(max_new_tokens=1))
        session.rewind(0)  # as a turn that is interrupted is rolled back: a token may have been chosen
        write(session, Sampling(max_new_tokens=1))
        assert session._sequence.ids == other._sequence.ids
    assert 10 < line < 599


def test_cancelling_wakes_a_thread_that_waits_for_another_ones_step(model, tokenizer):
    opened = open_model(model, tokenizer)
    leader, follower = opened.session(PREAMBLE), opened.session(PREAMBLE)
    write(leader, FEW)
    leader.extend(" And?")
    computing, may_go_on, cancellation = threading.Event(), threading.Event(), Cancellation()

    def block(*_):
        computing.set()
        may_go_on.wait()

    hook = model.get_input_embeddings().register_forward_pre_hook(block)
    with ThreadPoolExecutor(2) as pool:
        leading = pool.submit(write, leader, FEW)
        computing.wait()
        following = pool.submit(lambda: list(follower.generate(STOPS, FEW, cancellation)))
        cancellation.cancel()
        assert isinstance(following.exception(), Cancelled)
        assert not leading.done()
        may_go_on.set()
        leading.result()
    hook.remove()
    write(follower, FEW)


def test_a_chat_that_is_asked_by_two_interrupts_goes_on_as_if_nothing_had_happened(model, tokenizer):
    """The first one ends waiting for another thread's step, the second one waiting for its end."""
    opened = open_model(model, tokenizer)
    session, leader = opened.session(PREAMBLE), opened.session(PREAMBLE)
    write(session, FEW)
    write(leader, FEW)
    session.extend(" And?")
    want = recompute(model, session._sequence.ids, 6)
    begun, go_on = threading.Event(), threading.Event()

    def hold(*_):
        begun.set()
        go_on.wait(60)

    hook = model.get_input_embeddings().register_forward_pre_hook(hold)
    waits = []

    def interrupted(*given):
        waits.append(given)
        if len(waits) == 2:
            go_on.set()
        raise KeyboardInterrupt

    pool = ThreadPoolExecutor(1)
    with opened.scheduler._changed:
        written = pool.submit(write, leader, FEW)
        request = scheduler._Request(session._sequence)
        opened.scheduler._requests.append(request)
    assert begun.wait(60)
    assert request in opened.scheduler._batch
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(opened.scheduler._changed, "wait", interrupted)
        with pytest.raises(KeyboardInterrupt):
            opened.scheduler._leave(request)
    hook.remove()
    go_on.set()
    write(session, FEW)
    written.result()
    pool.shutdown()
    assert session._sequence.ids == want
