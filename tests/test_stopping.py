"""Turns that are stopped, cancelled or closed: what is kept of them, and how they go on."""

from __future__ import annotations

import asyncio
import gc
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from moss_agent import Conversation, plugin
from moss_agent.chat import Chat
from moss_agent.draft import Draft
from moss_agent.errors import Cancelled, EngineError, UsageError
from moss_agent.events import (
    ApprovalRequested,
    CallFinished,
    Notice,
    Reply,
    Text,
    Thoughts,
)
from moss_agent.plugin_host import Policy
from moss_agent.records import Turn
from tests.chat_scene import PLAIN, echo, make_chat, stop_at
from tests.scripted import PREAMBLE, ScriptedModel, ScriptedSession, scripted_chat, scripted_runtime


def test_closing_the_stream_undoes_the_turn_unless_the_reply_was_given():
    chat, model = make_chat(PLAIN * 2)
    events = chat.stream("Hi")
    next(events)
    events.close()
    assert chat.conversation.turns == [] and model.text == PREAMBLE
    chat, model = make_chat(PLAIN)
    for event in chat.stream("Hi"):
        if isinstance(event, Reply):
            break
    assert len(chat.conversation.turns) == 1


def test_astream_gives_the_same_events():
    async def collect() -> list:
        return [event async for event in make_chat(PLAIN)[0].astream("Hi")]

    events = asyncio.run(collect())
    assert [type(e) for e in events] == [type(e) for e in make_chat(PLAIN)[0].stream("Hi")]


def waiting_chat() -> tuple[Chat, threading.Event, threading.Event]:
    """A chat whose first turn calls a plugin that sets the first event and waits for the second."""
    started, may_end = threading.Event(), threading.Event()

    @plugin("Wait", label="Wait", timeout=300)
    def wait(text: str) -> str:
        started.set()
        may_end.wait()
        return "done"

    chat, _ = scripted_chat([" x<eot>", ' Wait("a")<eoc>', *PLAIN], [wait])
    return chat, started, may_end


def test_cancelling_astream_undoes_the_turn_and_does_not_wait_for_the_plugin():
    chat, started, may_end = waiting_chat()

    async def cancel() -> None:
        async def run() -> None:
            async for _ in chat.astream("Hi"):
                pass

        task = asyncio.ensure_future(run())
        await asyncio.to_thread(started.wait)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    may_end.set()
    assert chat.conversation.turns == []
    assert chat.ask("Again").text == "Hello."


def test_a_task_that_is_cancelled_twice_ends_its_turn_in_silence(caplog):
    computing, may_end = threading.Event(), threading.Event()

    class Busy(ScriptedSession):
        """Computes a token, which nothing can interrupt."""

        def generate(self, stop, sampling, cancellation):
            computing.set()
            may_end.wait()
            cancellation.check()
            return (yield from super().generate(stop, sampling, cancellation))

    model = ScriptedModel(PLAIN)
    model.session_type = Busy
    chat = scripted_runtime(model, []).chat()

    async def run() -> None:
        async for _ in chat.astream("Hi"):
            pass

    async def cancel() -> None:
        task = asyncio.ensure_future(run())
        await asyncio.to_thread(computing.wait)
        for _ in range(2):
            task.cancel()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        with pytest.raises(asyncio.CancelledError):
            await task
        may_end.set()

    asyncio.run(cancel())
    gc.collect()
    assert caplog.records == [] and chat.conversation.turns == []
    while chat._lock._busy.locked():  # its thread may still be at the end of the turn
        pass
    assert chat.ask("Again?").text == "Hello."


def test_cancel_ends_a_turn_that_another_thread_runs():
    chat, started, may_end = waiting_chat()
    threading.Thread(target=lambda: (started.wait(), chat.cancel())).start()
    with pytest.raises(Cancelled):
        chat.ask("Hi")
    may_end.set()
    assert chat.conversation.turns == []


@pytest.mark.parametrize("pieces", [2, 20])
def test_a_stopped_turn_can_be_kept_and_gone_on_with(pieces):
    """Two pieces are thoughts; twenty are of the answer."""
    answer = " This answer is quite long, so that it can be stopped in its middle.<eom>"
    chat, model = make_chat([" Thinking.<eot>", ' Echo("a")<eoc>', answer])
    events = chat.stream("Hi", keep_stopped=True)
    shown = [next(events) for _ in range(pieces)]
    events.close()
    (turn,) = chat.conversation.turns
    assert turn.status == "stopped"
    assert "".join(e.text for e in shown if isinstance(e, Text)) == turn.text.strip()
    assert turn.thoughts.startswith("".join(e.text for e in shown if isinstance(e, Thoughts)).strip())
    model.replies = [" and its end.<eom>"] if turn.answer else [*PLAIN]
    reply = list(chat.stream_on())[-1]
    assert reply.text == (turn.text + " and its end." if turn.answer else "Hello.")
    assert [(t.id, t.status) for t in chat.conversation.turns] == [(turn.id, "done")]
    assert model.text.count("<|Human|>:") == 1
    assert [call.result for call in reply.calls] == (["A"] if turn.answer else [])


def test_a_turn_that_goes_on_can_be_stopped_again():
    chat, model = make_chat([" x<eot>", ' Echo("a")<eoc>', " One two three.<eom>"])
    stop_at(chat.stream("Hi", keep_stopped=True), "One")
    first = chat.conversation.turns[0]
    for reply, at in ((" and four and five", "four"), (" and six", "six")):
        model.replies = [reply]
        stop_at(chat.stream_on(keep_stopped=True), at)
    (turn,) = chat.conversation.turns
    assert (turn.id, turn.status, turn.answer[: len(first.answer)]) == (first.id, "stopped", first.answer)
    assert "four" in turn.answer and turn.answer.endswith("six") and turn.calls == first.calls
    model.replies = [" and the end.<eom>"]
    assert list(chat.stream_on())[-1].text == turn.answer + " and the end."
    assert model.text.count("One") == model.text.count("<|Human|>:") == 1


def test_a_new_attempt_that_is_stopped_replaces_the_old_turn_if_it_is_kept():
    chat, model = make_chat([*PLAIN, EngineError("boom"), *PLAIN[:2], " Better and better.<eom>"])
    chat.ask("Hi")
    with pytest.raises(EngineError):
        chat.regenerate(keep_stopped=True)
    assert [turn.answer for turn in chat.conversation.turns] == ["Hello."]  # nothing was written
    stop_at(chat.stream_again(keep_stopped=True), "Better")
    (turn,) = chat.conversation.turns
    assert (turn.question, turn.status, turn.answer[:6]) == ("Hi", "stopped", "Better")


@pytest.mark.parametrize(("until", "count"), [(CallFinished, 2), (ApprovalRequested, 3)])
def test_a_stopped_turn_tells_of_the_calls_that_had_not_ended(until, count):
    may_end = threading.Event()

    @plugin("Wait", label="Wait", timeout=300)
    def wait(text: str, days: int = 1) -> str:
        may_end.wait()
        return "done"

    @plugin("Ask", label="Ask", approval="ask")
    def ask(text: str) -> str:
        return "never"

    commands = ['Wait("a", days=2)', 'Echo("b")', 'Ask("c")'][:count]
    chat, _ = scripted_chat([" x<eot>", f" {', '.join(commands)}<eoc>"], [wait, echo, ask], policy=Policy())
    events = chat.stream("Hi", keep_stopped=True)
    while not isinstance(next(events), until):
        pass
    events.close()
    may_end.set()
    (turn,) = Conversation.from_json(chat.conversation.to_json()).turns
    told = {(call.name, call.arguments, tuple(call.named.items())): call.error for call in turn.calls}
    assert told.pop(("Wait", ("a",), (("days", 2),))) == "stopped"
    assert told.pop(("Echo", ("b",), ())) in ("", "stopped")
    assert told == ({("Ask", ("c",), ()): "stopped"} if count == 3 else {})


def test_calls_whose_results_were_being_told_are_recorded():
    chat, _ = make_chat([" x<eot>", ' Repeat("a")<eoc>'], context_length=1000)
    events = chat.stream("Hi", keep_stopped=True)
    while not isinstance(next(events), Notice):  # that the results are shortened
        pass
    events.close()
    assert [call.name for call in chat.conversation.turns[0].calls] == ["Repeat"]


def test_a_stopped_turn_is_part_of_what_the_model_sees_or_dropped():
    chat, model = make_chat([*PLAIN * 2, " x<eot>", " None<eoc>", " Bye.<eom>"])
    events = chat.stream("Hi", keep_stopped=True)
    assert any(isinstance(event, Text) for event in iter(lambda: next(events), None))
    events.close()
    chat.ask("And?")
    assert model.text.count("<|Human|>:") == 2 and chat.conversation.turns[0].status == "stopped"
    chat.drop()
    chat.drop()
    chat.ask("New?")
    assert model.text.startswith(PREAMBLE + "<|Human|>: New?<eoh>")
    with pytest.raises(UsageError, match="not stopped"):
        next(chat.stream_on())
    assert len(chat.conversation.turns) == 1


def test_the_calls_of_a_turn_that_goes_on_are_numbered_through():
    replies = [" x<eot>", ' Echo("a")<eoc>', "<|Commands|>:", ' Echo("b")<eoc>', " Never."]
    chat, model = make_chat(replies, max_rounds=2)
    events = chat.stream("Hi", keep_stopped=True)
    while not isinstance(event := next(events), CallFinished) or event.index == 0:
        pass
    events.close()
    model.replies = ["<|Commands|>:", ' Echo("c")<eoc>', " Done.<eom>"]
    reply = list(chat.stream_on())[-1]
    assert [(call.argument, call.id) for call in reply.calls] == [
        ("a", f"{reply.turn_id}.0"),
        ("c", f"{reply.turn_id}.1"),
    ]


def test_closing_a_chat_ends_a_turn_that_nobody_reads_on():
    chat, model = make_chat([*PLAIN, " x<eot>", *PLAIN])
    chat.ask("Hi")
    events = chat.stream_again()
    next(events)
    chat.close()
    assert model.sessions[-1].closed and model.text == PREAMBLE
    assert [turn.answer for turn in chat.conversation.turns] == ["Hello."]
    with pytest.raises(Cancelled, match="closed"):
        next(events)
    with pytest.raises(UsageError, match="closed"):
        chat.ask("And?")


def test_closing_a_chat_waits_for_a_turn_that_another_thread_computes():
    computing = threading.Event()

    class Waiting(ScriptedSession):
        def generate(self, stop, sampling, cancellation):
            computing.set()
            cancellation.wait(60)
            threading.Event().wait(0.05)  # time enough for a `close` that does not wait
            assert not self.closed
            return (yield from super().generate(stop, sampling, cancellation))

    model = ScriptedModel(PLAIN)
    model.session_type = Waiting
    chat = scripted_runtime(model, []).chat()
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(chat.ask, "Hi")
        computing.wait()
        chat.close()
        assert isinstance(asking.exception(), Cancelled)
    assert model.sessions[-1].closed and chat.conversation.turns == []


def test_a_callback_of_the_turn_may_close_the_chat():
    @plugin("Ask", label="Ask", approval="ask")
    def ask(text: str) -> str:
        return "never"

    replies = [" x<eot>", ' Ask("a")<eoc>', *PLAIN]
    chat, model = scripted_chat(replies, [ask], policy=Policy(), on_approval=lambda _: chat.close())
    with pytest.raises(Cancelled):
        chat.ask("Hi")
    assert model.sessions[-1].closed and chat.conversation.turns == []


def test_a_stopped_answer_keeps_its_citations_and_can_cite_more():
    chat, model = make_chat([" x<eot>", ' Find("q")<eoc>', " About q 2<|2|> and so on and so on.<eom>"])
    events = chat.stream("Hi", keep_stopped=True)
    text = ""
    while "so" not in text:
        text += getattr(next(events), "text", "")
    events.close()
    stopped = Conversation.from_json(chat.conversation.to_json()).turns[0]
    assert (stopped.text[:28], [each.title for each in stopped.citations]) == (
        "About q 2<sup><|2|></sup> an",
        ["title 2"],
    )
    model.replies = [" on<|1|>.<eom>"]
    chat.conversation = Conversation("", [stopped])
    reply = list(chat.stream_on())[-1]
    assert reply.text == stopped.text + " on<sup><|1|></sup>."
    assert ([each.number for each in reply.citations], reply.notices) == ([2, 1], ())


@pytest.mark.parametrize("shown", ["a <", "a <<eo", "a <<"])
def test_no_marker_grows_where_an_answer_was_stopped(shown):
    chat, model = make_chat(
        ["eom> b<eom>"], conversation=Conversation("", [Turn("Hi", answer=shown, status="stopped")])
    )
    assert list(chat.stream_on())[-1].text == "a eom> b"


@pytest.mark.parametrize("begun", ["<sup", "<sup><|1|>", "<|1", "<<su"])
def test_a_stopped_answer_ends_before_a_citation_that_is_not_whole(begun):
    stopped = Draft("What is moss?", answer=f"Moss is small{begun}").turn("stopped")
    assert stopped.answer == "Moss is small"


def test_a_turn_that_goes_on_has_cost_what_it_had_before_too():
    chat, model = make_chat([" x<eot>", ' Echo("a")<eoc>', " One two three.<eom>"])
    stop_at(chat.stream("Hi", keep_stopped=True), "One")
    stopped = replace(chat.conversation.turns[0], seconds=100.0)
    chat.conversation, model.replies = Conversation("", [stopped]), [" and four.<eom>"]
    reply = list(chat.stream_on())[-1]
    assert reply.usage.generated_tokens == stopped.usage.generated_tokens + len(" and four.") > len(" and four.")
    assert reply.usage.prompt_tokens == reply.usage.prefilled_tokens + reply.usage.cached_tokens
    assert reply.seconds > 100
