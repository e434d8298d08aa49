"""/plugins and /model: what a chat goes on with, and that the conversation comes along."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from moss_agent.cli import switching
from moss_agent.cli.chat import run
from moss_agent.cli.chat_commands import completed
from moss_agent.cli.printing import Printer
from moss_agent.cli.switching import other_model
from moss_agent.cli.talk import Talk
from moss_agent.errors import CheckpointError
from moss_agent.history import History
from moss_agent.settings import Settings
from tests.cli.scenes import HELLO, SUM, THINK, add, post
from tests.cli.test_chat import typing
from tests.scripted import ScriptedModel, opened_runtime

UNKNOWN = [THINK, ' Add("1,2")<eoc>', " I cannot add.<eom>"]


class Scene:
    """A chat that is stored, with a model that writes these replies."""

    def __init__(self, replies: Sequence[str], **settings: object) -> None:
        self.model = ScriptedModel(replies)
        self.out = io.StringIO()
        chosen = Settings(plugins=(add, post), **settings)
        runtime = opened_runtime(self.model, chosen)
        self.store = History()
        self.talk = Talk(runtime, runtime.chat(store=self.store), Printer(self.out, self.out), chosen)

    def type(self, *lines: str) -> str:
        begin = len(self.out.getvalue())
        run(lambda: self.talk, typing(lines), self.talk.printer)
        return self.out.getvalue()[begin:]


@pytest.fixture(autouse=True)
def a_store_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOSS_AGENT_HISTORY", str(tmp_path / "history.db"))


def test_a_plugin_that_is_switched_off_cannot_be_called_any_more() -> None:
    scene = Scene([*SUM, *UNKNOWN])
    scene.type("What is 1+2?")
    assert scene.type("/plugins off Add") == "Going on with post.\n"
    assert "no plugin Add is enabled; enabled: Post" in scene.type("And 1+2?")
    assert "- Adder" not in scene.model.text and "- Board: enabled" in scene.model.text


def test_the_conversation_comes_along_and_stays_the_same_in_the_store() -> None:
    scene = Scene([*SUM, *HELLO, *HELLO])
    scene.type("What is 1+2?", "/plugins off Add", "Hi", "/plugins off Post", "Hello")
    assert scene.model.text.count("<|Human|>") == 3 and "It is 3" in scene.model.text
    (listed,) = scene.store.list(10)
    assert (listed.id, listed.turns) == (scene.talk.chat.id, 3)


def test_a_chat_that_is_not_stored_is_carried_over_too() -> None:
    scene = Scene([*SUM, *HELLO])
    scene.talk.chat = scene.talk.runtime.chat()
    scene.type("What is 1+2?", "/plugins off Add", "Hi")
    assert [turn.question for turn in scene.talk.chat.conversation.turns] == ["What is 1+2?", "Hi"]
    assert "It is 3" in scene.model.text


def test_plugins_that_were_off_from_the_beginning_can_be_switched_on() -> None:
    scene = Scene([])
    shown = scene.type("/plugins off Add Post", "/plugins on calculator", "/plugins")
    assert "Going on with no plugin." in shown and "Going on with calculator." in shown
    lines = [line.split()[:2] for line in shown.splitlines()[-8:]]
    assert ["on", "calculator"] in lines and ["off", "equation_solver"] in lines


def test_a_plugin_that_the_settings_deny_stays_off() -> None:
    scene = Scene([], approval={"calculator": "deny"})
    assert "calculator is denied by [approval]" in scene.type("/plugins on calculator")
    assert list(scene.talk.runtime.plugins) == ["Add", "Post"]


def test_where_nothing_is_on_nothing_can_be_switched_off() -> None:
    shown = Scene([]).type("/plugins off Add Post", "/plugins off Add")
    assert "nothing is switched off by 'Add'; these plugins are on: none\n" in shown


def test_plugins_are_completed() -> None:
    talk = Scene([]).talk
    assert [word for word, _ in completed(["/plugins", "o"], talk)] == ["on", "off"]
    assert [word for word, _ in completed(["/plugins", "off", ""], talk)] == ["scenes", "post"]
    assert [word for word, _ in completed(["/plugins", "on", "equation_solver", "calc"], talk)] == ["calculator"]
    assert not list(completed(["/plugins", "on", "calc"], None))


@pytest.mark.parametrize("line", ["/plugins off", "/plugins maybe Add", "/plugins off Nothing", "/plugins on Nothing"])
def test_what_cannot_be_switched_changes_nothing(line: str) -> None:
    scene = Scene([*SUM])
    chat = scene.talk.chat
    assert re.match(
        "name plugins|no plugin 'Nothing'|nothing .* 'Nothing'; these plugins are on: scenes, post", scene.type(line)
    )
    assert scene.talk.chat is chat
    assert "It is 3" in scene.type("What is 1+2?")


def test_another_model_goes_on_with_the_conversation(monkeypatch: pytest.MonkeyPatch) -> None:
    scene, other = Scene([*SUM]), ScriptedModel([*HELLO])
    opened: list[Settings] = []

    def open_runtime(settings: Settings) -> object:
        opened.append(settings)
        return opened_runtime(other, settings)

    monkeypatch.setattr(switching, "open_runtime", open_runtime)
    scene.type("What is 1+2?", "/plugins off Post")
    assert "Going on with scripted." in scene.type("/model other/one")
    assert scene.model.closed
    scene.type("Hi")
    assert opened[0].model == "other/one" and opened[0].plugins == (add,)
    assert "It is 3" in other.text and "- Adder: enabled" in other.text and "- Board" not in other.text
    assert scene.store.list(10)[0].turns == 2
    scene.talk.close()
    assert other.closed


def test_a_model_that_cannot_be_had_leaves_the_one_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(settings: Settings) -> None:
        raise CheckpointError("no such model")

    monkeypatch.setattr(switching, "open_runtime", fail)
    scene = Scene([*SUM])
    assert scene.type("/model nothing") == "no such model\n"
    assert "It is 3" in scene.type("What is 1+2?")


@pytest.mark.parametrize(
    ("before", "name", "after"),
    [
        ({}, "mini", {"model": "mini"}),
        ({}, "http://127.0.0.1:1", {"server": "http://127.0.0.1:1"}),
        ({"server": "http://a", "server_model": "x"}, "y", {"server": "http://a", "server_model": "y"}),
        ({"server": "http://a", "server_model": "x"}, "http://b", {"server": "http://b"}),
        ({"model": "mini"}, "http://b  y", {"model": "mini", "server": "http://b", "server_model": "y"}),
        ({}, "a folder", {"model": "a folder"}),
    ],
)
def test_a_name_is_the_servers_where_there_is_one(before: dict[str, str], name: str, after: dict[str, str]) -> None:
    assert other_model(Settings(**before), name) == Settings(**after)
