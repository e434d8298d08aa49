"""`chat` on a scripted model: what the user types in, what becomes of it."""

from __future__ import annotations

import io
import stat
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from moss_agent import Conversation, Picture, PluginError, plugin
from moss_agent.chat import Chat
from moss_agent.cli.chat import run
from moss_agent.cli.printing import Printer
from moss_agent.cli.talk import Talk, show
from moss_agent.errors import EngineError
from moss_agent.events import CallStarted, Events, Text
from moss_agent.history import History
from moss_agent.runtime import Runtime
from moss_agent.settings import Settings
from tests.cli.scenes import HELLO, NONE, SUM, THINK, Stopped, make_chat, make_runtime
from tests.scripted import ScriptedModel, scripted_runtime

AGAIN = [THINK, NONE, " Hello again.<eom>"]


NOT_FILES = {
    "~nosuchuser/x": "there is no such home folder",
    "a\0b": "no file can have that name",
    "a" * 5000: "File name too long",
    "\ud800": "no file can have that name",
    "/dev/zero": "is a device or pipe",
    "/": "name",
}


def typing(lines: Sequence[str | type[BaseException]]) -> Callable[[], str]:
    """Lines as `input` gives them; an exception among them is raised."""
    rest = iter([*lines, EOFError])

    def read() -> str:
        line = next(rest)
        if isinstance(line, str):
            return line
        raise line

    return read


def talk(chat: Chat, *lines: str | type[BaseException]) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    printer = Printer(out, err)
    run(lambda: Talk(make_runtime([]), chat, printer, Settings()), typing(lines), printer)
    return out.getvalue(), err.getvalue()


def test_questions_are_answered_one_after_another() -> None:
    chat = make_chat([*SUM, *HELLO])
    out, err = talk(chat, "What is 1+2?", "", "Hi")
    assert out == "It is 3[1].\nHello.\n"
    assert '→ Add("1,2")' in err
    assert [turn.question for turn in chat.conversation.turns] == ["What is 1+2?", "Hi"]


def test_clear_starts_over_and_stop_leaves() -> None:
    chat = make_chat([*HELLO, *AGAIN])
    out, err = talk(chat, "Hi", "clear", "Hello?", "stop", "never read")
    assert out == "Hello.\nHello again.\n"
    assert "Started over." in err
    assert [turn.question for turn in chat.conversation.turns] == ["Hello?"]


def test_again_replaces_the_answer() -> None:
    chat = make_chat([*HELLO, *AGAIN])
    out, _ = talk(chat, "Hi", "/again")
    assert out == "Hello.\nHello again.\n"
    assert [turn.answer for turn in chat.conversation.turns] == ["Hello again."]


def test_a_conversation_is_saved_and_loaded(tmp_path: Path) -> None:
    file = tmp_path / "my chat.json"
    talk(make_chat(HELLO), "Hi", f"/save {file}")
    chat = make_chat([*SUM, *AGAIN])
    _, err = talk(chat, "What is 1+2?", f"/load {file}", "And?", f"/save {file}")
    assert "Going on after 1 turn." in err
    assert [turn.question for turn in chat.conversation.turns] == ["Hi", "And?"]
    assert len(Conversation.load(file).turns) == 2


def test_save_replaces_nothing_but_conversations(tmp_path: Path) -> None:
    file = tmp_path / "precious.txt"
    file.write_text("precious")
    _, err = talk(make_chat(HELLO), "Hi", f"/save {file}")
    assert f"{file} has something else in it than a saved conversation: name another file" in err
    assert file.read_text() == "precious"


@pytest.mark.parametrize(("file", "beginning"), [("talk.md", "# Hi\n"), ("talk.html", "<!"), ("talk.json", "{")])
def test_an_exported_conversation_is_for_its_owner_and_replaces_nothing(
    tmp_path: Path, file: str, beginning: str
) -> None:
    path = tmp_path / file
    _, err = talk(make_chat(HELLO), "Hi", f"/export {path}", f"/export {path}")
    assert f"Written to {path}." in err and f"cannot write to {path}: it exists" in err
    assert path.read_text().startswith(beginning) and stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_export_that_fails_leaves_no_file(tmp_path: Path) -> None:
    chat = make_chat(HELLO)
    chat.ask("Hi")
    chat.conversation = Conversation("", [replace(chat.conversation.turns[0], answer="half a character: \ud800")])
    _, err = talk(chat, f"/export {tmp_path}/talk.md")
    assert "cannot write to" in err and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("/help", "/save FILE"),
        ("/frob", "there is no /frob; /help lists"),
        ("/save", "name the file"),
        ("/load nowhere.json", "nowhere.json"),
        ("/continue", "there is no turn to take back"),
        ("/drop", "there is no turn to take back"),
        ("/again", "there is no turn to take back"),
        *((f"/{word} {name}", told) for word in ("save", "load") for name, told in NOT_FILES.items()),
    ],
)
def test_what_cannot_be_done_is_said_and_the_chat_goes_on(line: str, told: str) -> None:
    out, err = talk(make_chat(HELLO), line, "Hi")
    assert told in err
    assert out == "Hello.\n"


@pytest.mark.parametrize(
    "line",
    ["/home/x/file what is this?", "/usr", "/usr/bin", "/", "/?", "/24 is what network?", "//", "/etc\u3000是什么"],
)
def test_a_line_that_begins_with_a_path_is_text(line: str) -> None:
    chat = make_chat(HELLO)
    out, _ = talk(chat, line)
    assert out == "Hello.\n"
    assert [turn.question for turn in chat.conversation.turns] == [line]


def test_a_command_may_be_followed_by_any_blank(tmp_path: Path) -> None:
    talk(make_chat(HELLO), "Hi", f"/save\t{tmp_path}/x.json")
    assert len(Conversation.load(tmp_path / "x.json").turns) == 1


def test_a_failing_model_does_not_end_the_chat() -> None:
    chat = make_chat([THINK, EngineError("out of memory: shorten it"), *HELLO])
    out, err = talk(chat, "What?", "Hi")
    assert "out of memory: shorten it\n" in err
    assert out == "Hello.\n"


def test_an_interrupt_before_anything_is_written_forgets_the_question() -> None:
    chat = make_chat([*HELLO, KeyboardInterrupt(), *AGAIN])
    out, err = talk(chat, "Hi", "What?", "And?")
    assert "Stopped. The conversation is as it was before." in err
    assert out == "Hello.\nHello again.\n"
    assert [turn.question for turn in chat.conversation.turns] == ["Hi", "And?"]


def test_an_answer_that_was_stopped_can_be_continued() -> None:
    chat = make_chat([*SUM[:2], Stopped(" It is"), " 3.<eom>"])
    out, err = talk(chat, "What is 1+2?", "/continue")
    assert "Stopped. What was written is kept: /continue goes on with it, /undo removes it." in err
    assert out == "It is 3.\n"
    (turn,) = chat.conversation.turns
    assert (turn.status, turn.answer, turn.calls[0].result) == ("done", "It is 3.", "3")


def test_an_answer_that_goes_on_can_be_stopped_again() -> None:
    chat = make_chat([*SUM[:2], Stopped(" It"), Stopped(" is"), " 3.<eom>"])
    out, err = talk(chat, "What is 1+2?", "/continue", "/continue")
    assert err.count("Stopped. What was written is kept") == 2
    assert out == "It is 3.\n" and chat.conversation.turns[0].answer == "It is 3."


def test_an_answer_that_was_stopped_can_be_removed_or_left() -> None:
    chat = make_chat([THINK, NONE, Stopped(" It"), *HELLO, THINK, NONE, Stopped(" Or"), *AGAIN])
    out, err = talk(chat, "What?", "/drop", "Hi", "Really?", "So?")
    assert "Removed: What?" in err
    assert out == "Hello.\nHello again.\n"
    assert [(turn.question, turn.status) for turn in chat.conversation.turns] == [
        ("Hi", "done"),
        ("Really?", "stopped"),
        ("So?", "done"),
    ]


def test_what_was_written_before_a_failure_is_kept_too() -> None:
    chat = make_chat([THINK, EngineError("no server: start it"), *HELLO])
    out, err = talk(chat, "Hi", "/continue")
    assert "no server: start it\nWhat was written is kept" in err
    assert out == "Hello.\n"


def test_two_interrupts_in_a_row_leave() -> None:
    chat = make_chat([*HELLO, *AGAIN])
    out, err = talk(chat, KeyboardInterrupt, "Hi", KeyboardInterrupt, KeyboardInterrupt, "Hello?")
    assert out == "Hello.\n"
    assert err.count("Ctrl-C once more") == 2


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    with History(tmp_path / "history.sqlite") as opened:
        yield opened


def stored_chat(history: History, replies: Sequence[str]) -> Chat:
    return make_runtime(replies).chat(store=history)


def test_an_edited_question_begins_a_branch(history: History) -> None:
    chat = stored_chat(history, HELLO * 3)
    out, err = talk(chat, "Hi", "And?", "/turns", "/edit 1  Hello there ", "/edit", "/edit x y", "/edit 7 y", "/edit 1")
    assert "1. Hi\n2. And?" in err and out == "Hello.\n" * 3
    assert [turn.question for turn in chat.conversation.turns] == ["Hello there"]
    assert err.count("name the question") == 2 and "there is no question 7" in err and "the question is empty" in err


def test_a_stored_conversation_is_listed_resumed_and_forked(history: History) -> None:
    first = stored_chat(history, HELLO)
    talk(first, "Hi \x1b[2J there")
    chat = stored_chat(history, [*SUM, *AGAIN])
    _, err = talk(chat, "/log", f"/resume {first.id[:6]}", "What is 1+2?", "/fork", "And?", "/turns")
    assert f"{first.id[:8]}  " in err and "\x1b" not in err
    assert "Going on after 1 turn: Hi there" in err and f"Going on in {chat.id[:8]}" in err
    assert [len(history.load(id).turns) for id in (first.id, chat.id)] == [2, 3]
    _, err = talk(stored_chat(history, []), "/resume", "/resume zz", "/turns")
    assert "Going on after 3 turns" in err and "zz is no id" in err and "3. And?" in err


def test_a_stopped_answer_is_told_when_its_conversation_goes_on(history: History) -> None:
    talk(stored_chat(history, [THINK, NONE, Stopped(" It is long<eom>")]), "Hi")
    chat = stored_chat(history, [" and this is the rest.<eom>"])
    out, err = talk(chat, "/resume", "/continue")
    assert "The last answer was stopped." in err and "/continue goes on with it" in err
    assert [turn.status for turn in history.load("last").turns] == ["done"]


def test_a_chat_that_is_not_stored_says_so() -> None:
    _, err = talk(make_chat(HELLO), "Hi", "/log", "/resume", "/fork")
    assert err.count("this chat is not stored") == 3


@plugin("Text2Image", label="Pictures")
def paint(description: str, *, folder: str = "/tmp") -> Picture:
    if "moss" not in description:
        raise PluginError("only moss can be drawn")
    return Picture(f"{folder}/moss.png", description, notices=("moss is green",))


def test_a_picture_is_drawn_without_the_model() -> None:
    chat, out = make_chat([]), io.StringIO()
    settings = Settings(plugin_settings={paint.key: {"folder": "/pictures"}})
    talk = Talk(scripted_runtime(ScriptedModel([]), [paint]), chat, Printer(out, out), settings)
    run(lambda: talk, typing(["/image a moss", "/image a fox", "/image"]), talk.printer)
    shown = out.getvalue()
    assert '→ Text2Image("a moss")' in shown and "picture: /pictures/moss.png" in shown
    assert shown.count("note: moss is green\n") == 1
    assert "failed: only moss can be drawn" in shown and "say what to draw" in shown
    assert not chat.conversation.turns


def on_terminal(monkeypatch: pytest.MonkeyPatch, runtime: Runtime, settings: Settings) -> tuple[Talk, io.StringIO]:
    """A chat, and the terminal, which shows the calls that are running."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    out = io.StringIO()
    monkeypatch.setattr(out, "isatty", lambda: True)
    return Talk(runtime, runtime.chat(), Printer(out, out), settings), out


def test_a_picture_with_a_wrong_setting_is_a_failed_call(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = Settings(plugin_settings={paint.key: {"folder": 3}})
    before = threading.enumerate()
    talk, out = on_terminal(monkeypatch, scripted_runtime(ScriptedModel([]), [paint]), wrong)
    run(lambda: talk, typing(["/image a moss"]), talk.printer)
    assert "failed: folder = 3 under [plugins." in out.getvalue()
    assert set(threading.enumerate()) <= set(before)  # nothing is shown to be running any more


def test_a_turn_that_fails_cuts_its_answer_off_and_shows_no_running_call(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing() -> Events:
        yield CallStarted(0, "Add", "1,2", ("1,2",))
        yield Text("It is")
        raise EngineError("the server is gone")

    before = threading.enumerate()
    talk, out = on_terminal(monkeypatch, make_runtime([]), Settings())
    show(talk, failing())
    assert "It is […]" in out.getvalue()
    assert set(threading.enumerate()) <= set(before)


def test_without_a_plugin_that_draws_nothing_is_drawn() -> None:
    _, err = talk(make_chat([]), "/image a moss")
    assert "no plugin that draws is enabled" in err
