"""A server that ends in the middle of an answer: the turn ends in one line, and what was said before stays."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from moss_agent import Agent
from moss_agent.errors import ServerError
from moss_agent.events import Text, Thoughts
from moss_agent.http import watch
from tests.engine.backends.remote.raw_server import Answer, RawServer, page, serving, stream

KINDS = {"vllm": "/health", "llamacpp": "/health", "transformers": "/health", "somebody": "/v1/models"}
"""Kinds of servers by what their list says, and where they are asked for a sign of life."""
PATHS = {"moss": "/v1/completions", "tools": "/v1/chat/completions"}


@pytest.fixture(autouse=True)
def short_silences(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "SILENCE", 0.05)
    monkeypatch.setattr(watch, "PAUSE", 0.1)


def event(family: str, text: str, finish: str | None = None) -> bytes:
    piece: dict[str, Any] = {"text": text} if family == "moss" else {"delta": {"content": text}}
    return f"data: {json.dumps({'choices': [{**piece, 'finish_reason': finish}]})}\n\n".encode()


def answered(family: str) -> list[Answer]:
    """A whole turn that says `Good.`"""
    if family == "tools":
        return [stream(event(family, "Good.", "stop"))]
    texts = [" Easy.<eot>\n", " None<eoc>\n", " Good.<eom>\n"]
    return [stream(event(family, text), event(family, "", "stop")) for text in texts]


def pages(kind: str, family: str, silent: Answer) -> dict[str, list[Answer]]:
    entry = {"id": "taught-moss" if family == "moss" else "chatty", "owned_by": kind, "max_model_len": 4096}
    models = [] if kind == "transformers" else [entry]
    return {
        "/v1/models": [page(200, json.dumps({"data": models}).encode())],
        "/load_model": [page(405 if kind == "transformers" else 404, b"{}")],
        "/tokenize": [page(200, b'{"tokens": [1, 2]}')],
        PATHS[family]: [*answered(family), silent],
    }


def open_agent(server: RawServer, family: str) -> Agent:
    return Agent.from_pretrained(server=server.url, server_model="", family=family, plugins=[])


@pytest.mark.parametrize("family", PATHS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_server_that_ends_in_an_answer_ends_the_turn_in_one_line(kind: str, family: str) -> None:
    shown = threading.Event()

    def end() -> None:
        assert shown.wait(60)  # else it may be found gone before the client has had the answer's beginning
        server.shutdown()
        server.server_close()  # from here on nothing listens
        threading.Event().wait()

    server = RawServer(pages(kind, family, stream(event(family, " Well"), end)))
    with serving(server), open_agent(server, family) as agent:
        assert agent.ask("Hello").text == "Good."
        with pytest.raises(ServerError, match="^127.0.0.1:[0-9]+ broke off in the middle: it has ended, or") as error:
            for each in agent.stream("And now?"):
                if isinstance(each, (Text, Thoughts)):
                    shown.set()
        assert "\n" not in str(error.value)
        assert [turn.text for turn in agent.conversation.turns] == ["Good."]


@pytest.mark.parametrize("family", PATHS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_server_that_is_slow_and_lives_is_waited_for(kind: str, family: str) -> None:
    asked = threading.Event()

    def until_asked() -> None:
        server.pages[KINDS[kind]] = [sign_of_life]
        assert asked.wait(60)

    def sign_of_life() -> Iterator[bytes]:
        if len([request for request in server.requests[before:] if f" {KINDS[kind]} " in request]) > 3:
            asked.set()
        return page(200, b"{}")()

    server = RawServer(pages(kind, family, stream(until_asked, *end_of_turn(family))))
    with serving(server), open_agent(server, family) as agent:
        agent.ask("Hello")
        before = len(server.requests)
        server.pages[PATHS[family]] += answered(family)[1:]
        assert agent.ask("And now?").text == "Good."


def end_of_turn(family: str) -> list[bytes]:
    if family == "tools":
        return [event(family, "Good.", "stop")]
    return [event(family, " Easy.<eot>\n"), event(family, "", "stop")]
