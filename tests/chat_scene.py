"""Chats on a scripted model with plugins that really run."""

from __future__ import annotations

import threading

from moss_agent import Hit, PluginError, plugin
from moss_agent.chat import Chat
from moss_agent.events import (
    Picture,
    Text,
)
from tests.scripted import ScriptedModel, scripted_chat

PLAIN = [" Thinking.<eot>", " None<eoc>", " Hello.<eom>"]


@plugin("Echo", label="Echo")
def echo(text: str) -> str:
    return text.upper()


@plugin("Repeat", label="Repeat")
def repeat(text: str) -> str:
    return text * 2000


@plugin("Lines", label="Lines")
def lines(text: str) -> list[str]:
    return text.split("|")


@plugin("Find", label="Find")
def find(query: str) -> list[Hit]:
    return [Hit(f"{query} {n}", f"title {n}", f"https://example.org/{n}") for n in range(1, 6)]


@plugin("Paint", label="Paint")
def paint(description: str) -> Picture:
    return Picture("/tmp/picture.png", description)


@plugin("Fail", label="Fail")
def fail(text: str) -> str:
    raise PluginError("the reason for people")


@plugin("Crash", label="Crash")
def crash(text: str) -> str:
    raise SystemExit("leaving")


@plugin("Slow", label="Slow", timeout=0.2)
def slow(text: str) -> str:
    threading.Event().wait()
    return "never"


PLUGINS = [find, echo, repeat, lines, paint, fail, crash, slow]


def make_chat(replies, **options) -> tuple[Chat, ScriptedModel]:
    return scripted_chat(replies, PLUGINS, **options)


def stop_at(events, text: str) -> None:
    """Read the answer up to the text, and stop there."""
    answer = ""
    while text not in answer:
        event = next(events)
        answer += event.text if isinstance(event, Text) else ""
    events.close()
