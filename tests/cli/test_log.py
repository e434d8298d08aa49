"""`moss-agent log`, and the options that go on with a stored conversation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from moss_agent import Conversation
from moss_agent.cli import ask, chat
from moss_agent.events import Citation
from moss_agent.history import History
from moss_agent.records import Turn
from moss_agent.store import About
from tests.cli.conftest import Program
from tests.cli.scenes import HELLO, SUM, make_runtime

EVIL = "\x1b[2J\x1b]0;owned\x07evil\u202e\r\ntwo"


@pytest.fixture
def history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[History]:
    path = tmp_path / "own" / "history.sqlite"
    monkeypatch.setenv("MOSS_AGENT_HISTORY", str(path))
    with History() as opened:
        assert opened.path == path
        yield opened


def say(history: History, *turns: Turn, title: str = "Title") -> About:
    history.create(about := About(title, "mini"))
    parent = None
    for turn in turns:
        history.save(about.id, turn, parent)
        parent = turn.id
    return about


def test_without_conversations_there_is_nothing_to_see(history: History, command: Program) -> None:
    assert command("log", "list").stderr == "no conversation is stored yet\n"
    for action in (("show",), ("export",), ("delete", "last")):
        done = command("log", *action)
        assert done.returncode == 2 and "no conversation is stored yet" in done.stderr
    assert not history.path.exists()


def test_conversations_are_listed_shown_searched_and_deleted(history: History, command: Program) -> None:
    pytest.importorskip("opencc")
    source = Citation(1, "text", "A page", "https://example.org")
    about = say(history, Turn("Walrus?", answer="On ice<sup><|1|></sup>.", citations=(source,)), Turn("海象？"))
    say(history, Turn("Other"))
    listed = command("log", "list").stdout.splitlines()
    assert len(listed) == 3 and about.id[:8] in listed[2] and listed[2].endswith("Walrus?") and " 2 " in listed[2]
    assert len(command("log", "list", "--limit", "1").stdout.splitlines()) == 2
    shown = command("log", "show", about.id[:5]).stdout
    assert "> Walrus?\nOn ice[1].\n[1] A page https://example.org\n" in shown and "> 海象？" in shown
    assert "Walrus?" in command("log", "search", "walrus").stdout
    assert command("log", "search", "tiger").returncode == 1
    assert json.loads(command("log", "list", "--json").stdout.splitlines()[1])["title"] == "Walrus?"
    assert json.loads(command("log", "search", "--json", "海象").stdout)["question"] == "海象？"
    assert command("log", "delete", about.id[:5]).stdout == f"deleted: {about.id[:8]}  Walrus?\n"
    assert command("log", "show", about.id).returncode == 2
    assert len(command("log", "list").stdout.splitlines()) == 2


def test_other_answers_are_named_and_can_be_shown(history: History, command: Program) -> None:
    about = say(history, Turn("Hi", answer="one"))
    history.save(about.id, Turn("Hi", answer="two"), None)
    shown = command("log", "show").stdout
    other = shown.partition("(others: ")[2][:8]
    assert "two" in shown and "one" not in shown
    assert "one" in command("log", "show", other).stdout


def test_nothing_that_was_said_steers_the_terminal(history: History, command: Program) -> None:
    pytest.importorskip("opencc")
    say(history, Turn(EVIL, answer=EVIL, citations=(Citation(1, EVIL, EVIL, EVIL),)), title=EVIL)
    actions = [
        ["list"],
        ["list", "--json"],
        ["show"],
        ["show", "--json"],
        ["search", "evil"],
        ["search", "--json", "evil"],
    ]
    actions += [["export", "--to", kind] for kind in ("markdown", "html", "json", "moss", "openai")]
    for action in [*actions, ["delete", "last"]]:
        done = command("log", *action)
        assert done.returncode == 0
        assert not set(done.stdout + done.stderr) & set("\x1b\x07\r\u202e"), action


def test_a_conversation_is_exported_and_imported(history: History, command: Program, tmp_path: Path) -> None:
    say(history, Turn("Hi", answer="Hello."))
    assert command("log", "export").stdout.startswith("# Hi\n")
    for kind in ("json", "moss"):
        assert command("log", "export", "--to", kind, "--out", "talk").stderr == "written to talk\n"
        assert (tmp_path / "talk").stat().st_mode & 0o077 == 0
        done = command("log", "import", "talk")
        assert done.returncode == 0 and done.stdout.endswith("  Hi\n")
        assert history.load("last").turns[0].answer == "Hello."
    assert len(history.list(9)) == 3
    assert command("log", "export", "--out", "/dev/null").returncode == 2
    assert command("log", "import", "nowhere").returncode == 2
    assert command("log", "export", "--to", "word").returncode == 2
    assert command("log", "list", "--limit", "0").returncode == 2
    assert command("log", "list", "--limit", "100000000000000000000").returncode == 2


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    """`ask` and `chat` with a scripted model."""
    for module in (ask, chat):
        monkeypatch.setattr(module, "open_runtime", lambda *_: make_runtime([*HELLO, *SUM]))


@pytest.mark.usefixtures("scripted")
def test_ask_stores_its_question_and_goes_on(history: History, command: Program) -> None:
    assert command("ask", "Hi").returncode == 0
    assert command("ask", "-c", "And?").returncode == 0
    assert [turn.question for turn in history.load("last").turns] == ["Hi", "And?"]
    first = history.load("last").turns[0].id
    assert command("ask", "--id", first[:9], "Or?").returncode == 0
    assert [turn.question for turn in history.load("last").turns] == ["Hi", "Or?"]
    assert command("ask", "New").returncode == 0
    assert [one.turns for one in history.list(9)] == [1, 2]


@pytest.mark.usefixtures("scripted")
def test_ask_saves_the_conversation_and_spares_other_files(command: Program, tmp_path: Path) -> None:
    for count in (1, 1, 2):
        assert command("ask", "--save", "talk.json", *(["-c"] if count == 2 else []), "Hi").returncode == 0
        assert len(Conversation.load(tmp_path / "talk.json").turns) == count
    (tmp_path / "letter.txt").write_text("Dear")
    done = command("ask", "--save", "letter.txt", "Hi")
    assert done.returncode == 2 and "name another file" in done.stderr
    assert (tmp_path / "letter.txt").read_text() == "Dear"


@pytest.mark.usefixtures("scripted")
def test_what_is_not_to_be_stored_is_not(
    history: History, command: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert command("ask", "--no-log", "Hi").returncode == 0
    (tmp_path / "settings.toml").write_text("log = false")
    monkeypatch.setenv("MOSS_AGENT_SETTINGS", str(tmp_path / "settings.toml"))
    assert command("ask", "Hi").returncode == 0
    assert not history.path.exists()
    say(history, Turn("Old", answer="a"))
    assert command("ask", "-c", "Hi").returncode == 0  # goes on, and keeps nothing of it
    assert [turn.question for turn in history.load("last").turns] == ["Old"]


@pytest.mark.usefixtures("scripted")
def test_what_is_not_there_is_refused_before_a_model_is_loaded(history: History, command: Program) -> None:
    for arguments in (["ask", "-c", "Hi"], ["chat", "-c"], ["ask", "--id", "abc", "Hi"], ["ask", "--id", "", "Hi"]):
        done = command(*arguments)
        assert done.returncode == 2 and done.stderr.count("\n") == 1
    say(history, Turn("Old"))
    assert command("ask", "-c", "--id", "abc", "Hi").returncode == 2
    assert command("chat", "-c", "--load", "x.json").returncode == 2


@pytest.mark.usefixtures("scripted")
def test_a_damaged_file_is_a_note_beside_the_answer(history: History, command: Program) -> None:
    history.path.parent.mkdir()
    history.path.write_text("no database " * 1000)
    done = command("ask", "Hi")
    assert (done.returncode, done.stdout) == (0, "Hello.\n")
    assert done.stderr.count("is not stored") == 1
    done = command("log", "list")
    assert done.returncode == 1 and done.stderr.count("\n") == 1


@pytest.mark.usefixtures("scripted")
def test_old_conversations_go_by_the_setting(
    history: History, command: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    say(history, Turn("Old"))
    with history._file.writing() as db:
        db.execute("UPDATE conversations SET used = 1")
    (tmp_path / "settings.toml").write_text("keep_days = 30")
    monkeypatch.setenv("MOSS_AGENT_SETTINGS", str(tmp_path / "settings.toml"))
    assert command("ask", "Hi").returncode == 0
    assert [one.title for one in history.list(9)] == ["Hi"]
