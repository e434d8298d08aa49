"""What a chat leaves in its store, as it happens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from moss_agent import Chat, Conversation, Runtime, plugin, recorder
from moss_agent.checkpoints.families import load_family
from moss_agent.dialects.moss import MossDialect
from moss_agent.errors import EngineError, HistoryError, UsageError
from moss_agent.events import CallFinished, Notice, Reply, Text, Thoughts
from moss_agent.history import History
from moss_agent.opening.plugins import open_plugins
from moss_agent.records import Turn
from moss_agent.session import Sampling
from moss_agent.settings import make_settings
from moss_agent.store import About
from tests.chat_scene import PLAIN, PLUGINS, stop_at
from tests.scripted import PREAMBLE, ScriptedModel, scripted_runtime
from tests.scripted_chat import ScriptedChatModel, runtime_of

ECHO = [" x<eot>", ' Echo("a")<eoc>', " This is A, and it is long.<eom>"]


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    with History(tmp_path / "history.sqlite") as opened:
        yield opened


def make_runtime(*replies: str | BaseException) -> Runtime:
    return scripted_runtime(ScriptedModel(replies), PLUGINS)


def make_chat(history: History, *replies: str | BaseException) -> Chat:
    return make_runtime(*replies).chat(store=history)


def stored(history: History, name: str = "last") -> list[tuple[str, str, str]]:
    return [(turn.question, turn.answer, turn.status) for turn in history.load(name).turns]


def test_a_conversation_is_stored_whole(history: History) -> None:
    chat = make_chat(history, *ECHO, *PLAIN)
    assert chat.id == ""
    chat.ask("Hi")
    chat.ask("And?")
    found = history.load(chat.id)
    assert found.turns == chat.conversation.turns
    assert (found.about.title, found.about.preamble) == ("Hi", PREAMBLE)


def test_each_step_is_stored_before_it_is_shown(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "SECONDS", 0.0)
    shown, seen = {Text: "", Thoughts: ""}, set()
    for event in make_chat(history, *ECHO).stream("Hi"):
        seen.add(type(event))
        (turn,) = history.load(event.turn_id).turns
        if isinstance(event, (Text, Thoughts)):
            shown[type(event)] += event.text
        if isinstance(event, CallFinished):
            assert event.call in turn.calls
        assert turn.text.strip().startswith(shown[Text].strip())
        assert turn.thoughts.strip().startswith(shown[Thoughts].strip())
        assert turn.question == "Hi"
        assert history.list(1)[0].status == ("done" if isinstance(event, Reply) else "running")
    assert seen >= {Text, Thoughts, CallFinished, Reply}


def test_pieces_of_text_are_not_written_one_by_one(history: History) -> None:
    writes = []

    class Counting(History):
        def save(self, *arguments: object, **named: object) -> None:
            writes.append(arguments)
            super().save(*arguments, **named)

    with Counting(history.path) as counting:
        events = make_chat(counting, " x<eot>", " None<eoc>", " word" * 500).stream("Hi")
        assert len([event for event in events if isinstance(event, Text)]) > 500
    assert len(writes) < 20


def test_nothing_is_stored_without_a_store(history: History) -> None:
    make_runtime(*PLAIN).chat().ask("Hi")
    assert not history.path.exists()
    chat = make_runtime(*PLAIN).chat()
    chat.ask("Hi")
    for wanting in (chat.fork, chat.resume):
        with pytest.raises(UsageError, match="not stored"):
            wanting()


def test_a_conversation_goes_on_in_another_chat(history: History) -> None:
    first = make_chat(history, *PLAIN)
    first.ask("Hi")
    second = make_runtime(*ECHO).resume(first.id[:6], store=history)
    assert second.id == first.id and second.conversation.turns == first.conversation.turns
    second.ask("And?")
    assert [question for question, *_ in stored(history)] == ["Hi", "And?"]


def fails(ask: Callable[[Chat], object]) -> Callable[[Chat], None]:
    def go_on(chat: Chat) -> None:
        with pytest.raises(EngineError):
            ask(chat)

    return go_on


@pytest.mark.parametrize(
    ("reply", "go_on", "left"),
    [
        (" x<eot>", lambda chat: chat.ask("c"), "abc"),
        (" x<eot>", Chat.fork, "ab"),
        (EngineError("boom"), fails(lambda chat: chat.ask("c")), "ab"),
        (EngineError("boom"), fails(Chat.regenerate), "ab"),
    ],
)
def test_a_conversation_goes_on_after_a_turn_that_somebody_is_still_writing(
    history: History, reply: str | BaseException, go_on: Callable[[Chat], object], left: str
) -> None:
    first = make_chat(history, *PLAIN, *ECHO)
    first.ask("a")
    running = first.stream("b")
    next(running)
    second = make_runtime(reply, *PLAIN[1:]).resume(store=history)
    go_on(second)
    assert history.load(second.id).turns == second.conversation.turns
    assert [turn.question for turn in second.conversation.turns] == [*left]
    running.close()


def test_what_was_stopped_is_gone_on_with_elsewhere(history: History) -> None:
    chat = make_chat(history, *ECHO)
    stop_at(chat.stream("Hi", keep_stopped=True), "This is")
    assert stored(history)[0][2] == "stopped"
    again = make_runtime(" and the rest.<eom>").resume(store=history)
    reply = list(again.stream_on())[-1]
    assert stored(history) == [("Hi", reply.text, "done")]
    assert reply.text.startswith("This is") and reply.text.endswith(" and the rest.")


def test_going_on_loses_no_call_that_was_shown(history: History) -> None:
    """Stopped before the model was told its result, the call is run again, in another turn."""
    chat = make_chat(history, *ECHO)
    events = chat.stream("Hi", keep_stopped=True)
    while not isinstance(next(events), CallFinished):
        pass
    events.close()
    (stopped,) = chat.conversation.turns
    again = make_runtime(*ECHO).resume(store=history)
    list(again.stream_on())
    (done,) = history.load("last").turns
    assert done.status == "done" and history.others(done.id) == [stopped.id]
    assert history.load(stopped.id).turns[0].calls == stopped.calls != ()


def test_an_answer_given_anew_keeps_the_other(history: History) -> None:
    chat = make_chat(history, *PLAIN, *ECHO, *PLAIN)
    chat.ask("Hi")
    chat.ask("And?")
    old = chat.conversation.turns[-1]
    chat.regenerate()
    assert [answer for _, answer, _ in stored(history)] == ["Hello.", "Hello."]
    assert history.others(chat.conversation.turns[-1].id) == [old.id]
    assert history.load(old.id[:10]).turns[-1] == old


def test_an_edited_question_begins_a_branch(history: History) -> None:
    chat = make_chat(history, *PLAIN * 5)
    for question in "abc":
        chat.ask(question)
    last = chat.conversation.turns[-1].id
    list(chat.stream_edited(2, "B"))
    assert [turn.question for turn in chat.conversation.turns] == ["a", "B"]
    assert [question for question, *_ in stored(history)] == ["a", "B"]
    assert [question for question, *_ in stored(history, last)] == ["a", "b", "c"]
    list(chat.stream_edited(1, "A"))
    assert [question for question, *_ in stored(history)] == ["A"]
    assert history.list(1)[0].title == "A"
    for number in (0, 2):
        with pytest.raises(UsageError, match="no question"):
            chat.stream_edited(number, "x")


@pytest.mark.parametrize("number", [1, 2])
def test_a_branch_that_fails_leaves_everything_as_it_was(history: History, number: int) -> None:
    chat = make_chat(history, *PLAIN * 3, " x<eot>", EngineError("boom"))
    for question in "abc":
        chat.ask(question)
    before = history.load("last")
    with pytest.raises(EngineError):
        list(chat.stream_edited(number, "B"))
    assert chat.conversation.turns == before.turns
    assert history.load("last") == before
    assert history.others(before.turns[number - 1].id) == []


def test_a_first_question_that_fails_leaves_nothing(history: History) -> None:
    chat = make_chat(history, EngineError("boom"), *PLAIN)
    with pytest.raises(EngineError):
        chat.ask("Hi", keep_stopped=True)
    assert history.list(5) == [] and chat.id == ""
    chat.ask("Hi")
    assert stored(history) == [("Hi", "Hello.", "done")]


def test_going_on_that_fails_leaves_the_stopped_turn(history: History) -> None:
    chat = make_chat(history, *ECHO, EngineError("boom"))
    stop_at(chat.stream("Hi", keep_stopped=True), "This is")
    before = history.load("last")
    with pytest.raises(EngineError):
        list(chat.stream_on())
    assert history.load("last") == before and chat.conversation.turns == before.turns


def test_a_fork_goes_on_alone(history: History) -> None:
    chat = make_chat(history, *PLAIN * 3)
    chat.ask("a")
    old = chat.id
    new = chat.fork()
    chat.ask("b")
    assert new == chat.id != old
    assert [question for question, *_ in stored(history, old)] == ["a"]
    assert [question for question, *_ in stored(history, new)] == ["a", "b"]
    history.delete(old)
    assert [question for question, *_ in stored(history, new)] == ["a", "b"]
    history.delete(new)
    assert history.list(5) == []


def test_a_turn_that_is_dropped_stays_in_the_tree(history: History) -> None:
    chat = make_chat(history, *PLAIN * 3)
    chat.ask("a")
    chat.ask("b")
    dropped = chat.drop()
    assert [question for question, *_ in stored(history)] == ["a"]
    assert [question for question, *_ in stored(history, dropped.id)] == ["a", "b"]
    chat.drop()
    assert stored(history) == []
    chat.ask("c")
    assert [question for question, *_ in stored(history)] == ["c"] and len(history.list(5)) == 1


def test_a_reset_begins_a_new_conversation(history: History) -> None:
    chat = make_chat(history, *PLAIN * 2)
    chat.ask("a")
    chat.reset()
    chat.ask("b")
    assert [one.title for one in history.list(5)] == ["b", "a"]


def test_a_loaded_conversation_is_stored_with_its_next_question(history: History) -> None:
    elsewhere = make_runtime(*PLAIN).chat()
    elsewhere.ask("a")
    loaded = Conversation.from_json(elsewhere.conversation.to_json())
    for _ in range(2):
        chat = make_runtime(*PLAIN).chat(loaded, store=history)
        assert history.list(5) == [] or len(history.list(5)) == 1
        chat.ask("b")
        assert [question for question, *_ in stored(history)] == ["a", "b"]
    assert len(history.list(5)) == 2


def test_a_chat_model_that_goes_on_writes_another_turn(history: History) -> None:
    model = ScriptedChatModel([["One two ", "three"], ["Four"]])
    chat = runtime_of(model).chat(store=history)
    stop_at(chat.stream("Hi", keep_stopped=True), "One")
    (stopped,) = chat.conversation.turns
    list(chat.stream_on())
    assert [answer for _, answer, _ in stored(history)] == ["Four"]
    assert history.load(stopped.id).turns == [stopped]


class Broken:
    """A store that is none."""

    def __getattr__(self, name: str) -> object:
        raise RuntimeError("no such luck")


def test_a_store_that_fails_is_one_notice_and_the_chat_goes_on() -> None:
    chat = make_runtime(*ECHO, *PLAIN).chat(store=Broken())
    notices = [event.message for event in chat.stream("Hi") if isinstance(event, Notice)]
    assert notices == ["what is said from here on is not stored: no such luck"]
    assert chat.ask("And?").notices == ()
    assert chat.conversation.turns[0].notices == tuple(notices)
    with pytest.raises(HistoryError, match="not stored any more: no such luck"):
        chat.fork()


def test_a_store_that_fails_at_the_end_of_a_turn_is_told_with_it(history: History) -> None:
    class Full(History):
        def save(self, conversation: str, turn: Turn, parent: str | None, *, is_running: bool = False) -> None:
            if not is_running:
                raise HistoryError("full")
            super().save(conversation, turn, parent, is_running=is_running)

    with Full(history.path) as full:
        chat = make_chat(full, *PLAIN)
        *_, notice, reply = chat.stream("Hi")
    assert isinstance(notice, Notice) and notice.turn_id == reply.turn_id
    assert reply.notices == chat.conversation.turns[0].notices == (notice.message,)


@pytest.mark.parametrize("is_written", [True, False])
def test_an_interrupt_while_the_end_of_a_turn_is_stored_loses_nothing(history: History, is_written: bool) -> None:
    class Interrupted(History):
        was_interrupted = False

        def save(self, conversation: str, turn: Turn, parent: str | None, *, is_running: bool = False) -> None:
            interrupts = not (is_running or self.was_interrupted)
            if is_written or not interrupts:
                super().save(conversation, turn, parent, is_running=is_running)
            if interrupts:
                self.was_interrupted = True
                raise KeyboardInterrupt

    with Interrupted(history.path) as store:
        chat = make_chat(store, *PLAIN * 2)
        with pytest.raises(KeyboardInterrupt):
            chat.ask("a")
        assert [turn.status for turn in chat.conversation.turns] == ["done"]
        chat.ask("b")
    assert history.load("last").turns == chat.conversation.turns
    assert [question for question, *_ in stored(history)] == ["a", "b"]


@pytest.mark.parametrize("goes_on", [False, True])
def test_an_interrupt_while_a_conversation_begins_costs_no_later_turn(history: History, goes_on: bool) -> None:
    class Interrupted(History):
        was_interrupted = False

        def create(self, *arguments: About, **named: str | None) -> None:
            if not self.was_interrupted:
                self.was_interrupted = True
                raise KeyboardInterrupt
            super().create(*arguments, **named)

    stopped = Conversation("", [Turn("a", answer="So", status="stopped")])
    with Interrupted(history.path) as store:
        chat = make_runtime(*PLAIN).chat(stopped if goes_on else None, store=store)
        with pytest.raises(KeyboardInterrupt):
            list(chat.stream_on(keep_stopped=True) if goes_on else chat.stream("a"))
        assert chat.ask("b").notices == ()
    assert [question for question, *_ in stored(history)] == (["a", "b"] if goes_on else ["b"])


def test_what_is_said_in_a_conversation_that_is_deleted_meanwhile_is_not_stored(history: History) -> None:
    chat = make_chat(history, *PLAIN * 2)
    chat.ask("a")
    history.delete(chat.id)
    assert "deleted meanwhile" in chat.ask("b").notices[0]
    assert history.list(5) == []


@plugin("Secret", label="Keeps a secret", key="secret")
def secret(text: str, *, key: str = "") -> str:
    return f"{len(key)} characters"


def test_settings_of_plugins_and_keys_are_not_stored(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOSS_AGENT_API_KEY", "sk-environment")
    settings = make_settings({"plugins": [secret], "plugin_settings": {"secret": {"key": "sk-settings"}}})
    model = ScriptedModel([" x<eot>", ' Secret("a")<eoc>', " Done.<eom>"])
    runtime = Runtime(MossDialect(model, PREAMBLE, Sampling()), open_plugins(settings, load_family("mini")))
    assert runtime.chat(store=history).ask("Hi").calls[0].result == "11 characters"
    history.close()
    written = b"".join(path.read_bytes() for path in history.path.parent.iterdir())
    assert b"11 characters" in written and b"sk-" not in written
