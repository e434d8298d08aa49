"""What becomes of a conversation that does not fit into the context: old turns are dropped, results shortened."""

from __future__ import annotations

import pytest

from moss_agent import Conversation
from moss_agent.cancellation import NEVER, Cancellation
from moss_agent.errors import ContextFull, EngineError
from moss_agent.events import (
    HistoryTrimmed,
    Notice,
)
from moss_agent.records import Turn
from tests.chat_scene import PLAIN, make_chat
from tests.scripted import PREAMBLE, ScriptedModel, ScriptedSession, scripted_runtime


def test_full_context_drops_the_oldest_turns_whole_and_says_so():
    chat, model = make_chat(PLAIN * 20, context_length=1200)
    trimmed = []
    for number in range(20):
        events = list(chat.stream(f"Question {number}"))
        trimmed += [event for event in events if isinstance(event, HistoryTrimmed)]
        text = model.text
        assert text.startswith(PREAMBLE + "<|Human|>: Question ")
        held = text.count("<eoh>")
        assert held == text.count("<eom>")
        assert len(text) <= 1200
    assert len(chat.conversation.turns) == 20
    assert sum(event.turns for event in trimmed) == 20 - held > 0
    assert len(trimmed) < sum(event.turns for event in trimmed)  # several at once, not one every turn


def test_results_that_do_not_fit_make_room_in_the_middle_of_a_turn():
    chat, model = make_chat([*PLAIN, " x<eot>", f' Echo("{"a" * 200}")<eoc>', " Done.<eom>"], context_length=760)
    chat.ask("Hi")
    events = list(chat.stream("Long"))
    assert [event.turns for event in events if isinstance(event, HistoryTrimmed)] == [1]
    assert events[-1].text == "Done."
    assert model.text.startswith(PREAMBLE + "<|Human|>: Long<eoh>")


@pytest.mark.parametrize("before", [0, 1])
def test_results_that_can_never_fit_are_shortened_and_the_answer_has_room(before: int):
    writes = [" x<eot>", ' Repeat("a"), Echo("b c")<eoc>', " Done.<eom>"]
    chat, model = make_chat([*PLAIN * before, *writes], context_length=1000)
    for _ in range(before):
        chat.ask("Hi")
    events = list(chat.stream("Long"))
    reply = events[-1]
    assert reply.text == "Done."
    assert (reply.calls[0].result, reply.calls[1].result) == ("a" * 500, "B C")
    assert "a" * 500 in model.text
    assert [event.message for event in events if isinstance(event, Notice)] == [
        "the results are shortened: they were too long for the context of the model"
    ]
    assert sum(event.turns for event in events if isinstance(event, HistoryTrimmed)) == before
    assert model.sessions[-1].room >= 32
    assert len(chat.conversation.turns) == before + 1


def test_a_question_that_can_never_fit_is_refused_and_nothing_is_lost():
    chat, model = make_chat(PLAIN * 3, context_length=1000)
    chat.ask("Hi")
    with pytest.raises(ContextFull):
        chat.ask("a" * 2000)
    assert len(chat.conversation.turns) == 1
    assert chat.ask("And?").text == "Hello."
    assert model.text.startswith(PREAMBLE + "<|Human|>: Hi<eoh>")


def test_a_turn_that_fails_after_a_trim_gives_the_old_turns_back():
    chat, model = make_chat([*PLAIN * 4, EngineError("boom"), *PLAIN], context_length=800)
    for number in range(4):
        chat.ask(f"Question {number}")
    held = model.text.count("<eoh>")
    with pytest.raises(EngineError):
        chat.ask("a" * 250)
    reply = chat.ask("Short?")
    assert model.text.count("<eoh>") >= held > 1
    assert reply.text == "Hello."


def test_usage_after_a_trim_counts_what_was_computed_again():
    chat, model = make_chat(PLAIN * 8, context_length=900)
    for _ in range(8):
        events = list(chat.stream("Hi"))
        if any(isinstance(event, HistoryTrimmed) for event in events):
            usage = events[-1].usage
            assert usage.cached_tokens == len(PREAMBLE)
            assert usage.prompt_tokens == usage.prefilled_tokens + usage.cached_tokens
            return
    pytest.fail("nothing was trimmed")


def test_a_loaded_conversation_that_is_too_long_loses_its_oldest_turns():
    chat, model = make_chat(PLAIN * 8)
    for _ in range(8):
        chat.ask("Hi")
    again, model = make_chat(PLAIN, conversation=chat.conversation, context_length=900)
    events = list(again.stream("And?"))
    assert isinstance(events[0], HistoryTrimmed)


@pytest.mark.parametrize("question", ["And?", "a" * 500])
@pytest.mark.parametrize("old", ["", "x" * 1_000_000])
def test_the_first_question_tokenises_no_turn_that_does_not_fit(question, old):
    """However many turns were loaded: their tokens are counted from the newest one backwards."""

    def first_question(count):
        turns = [Turn(f"Question {number:04}", answer="Hello.") for number in range(count)]
        turns[: count // 2] = [Turn(old)] * (count // 2)
        chat, model = make_chat(PLAIN, conversation=Conversation("", turns), context_length=2000)
        events = list(chat.stream(question))
        assert len(chat.conversation.turns) == count + 1
        assert f"Question {count - 1:04}" in model.text
        held = model.text.count("<eoh>")
        assert sum(event.turns for event in events if isinstance(event, HistoryTrimmed)) == count + 1 - held
        return model.counted, held

    few, held = first_question(40)
    many, held_too = first_question(1000)
    assert many == few < 8 * 2000
    assert held_too == held


def test_one_turn_that_is_longer_than_the_context_is_not_tokenised():
    conversation = Conversation("", [Turn("x" * 1_000_000), Turn("Hi", answer="Hello.")])
    chat, model = make_chat(PLAIN, conversation=conversation, context_length=2000)
    assert chat.ask("And?").text == "Hello."
    assert model.counted < 8 * 2000
    assert model.text.startswith(PREAMBLE + "<|Human|>: Hi<eoh>")


class FailingSession(ScriptedSession):
    """Fails to tokenise, as one on a server may, while its model says so."""

    def count(self, text: str, cancellation: Cancellation = NEVER) -> int:
        self._check("count")
        return super().count(text, cancellation)

    def extend(self, text: str, cancellation: Cancellation = NEVER) -> None:
        self._check("extend")
        super().extend(text, cancellation)

    def _check(self, what: str) -> None:
        if self.model.failing == what:
            raise EngineError("the server is gone")


class FailingModel(ScriptedModel):
    session_type = FailingSession
    failing = ""


@pytest.mark.parametrize(("failing", "question"), [("extend", "Three"), ("count", "a" * 250)])
def test_a_turn_that_fails_before_its_question_is_fed_leaves_the_window_in_step(failing, question):
    model = FailingModel(PLAIN * 3, context_length=620)
    chat = scripted_runtime(model, []).chat()
    chat.ask("One")
    chat.conversation = Conversation("", [*chat.conversation.turns, Turn("Two", answer="x")])
    model.failing = failing
    with pytest.raises(EngineError, match="gone"):
        chat.ask(question)
    model.failing = ""
    chat.ask("Four")
    assert [n for n in ("One", "Two", "Four") if f": {n}<eoh>" in model.text] == ["One", "Two", "Four"]


def test_a_trim_is_told_once_although_the_next_turn_fails():
    chat, model = make_chat([*PLAIN * 6, " x<eot>", EngineError("boom"), *PLAIN], context_length=800)
    for number in range(6):
        list(chat.stream(f"Question {number}"))
    held = model.text.count("<eoh>")
    with pytest.raises(EngineError):
        chat.ask("a" * 250)
    events = list(chat.stream("Short?"))
    assert not any(isinstance(event, HistoryTrimmed) for event in events)
    assert model.text.count("<eoh>") == held + 1
