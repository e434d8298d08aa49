"""Sessions on servers that send what no model would: what is estimated, what is put right, what is an error."""

from __future__ import annotations

import json
import threading
from dataclasses import replace

import pytest

from moss_agent.engine.backends.remote.connection import Connection
from moss_agent.engine.backends.remote.kinds import PLAIN
from moss_agent.engine.backends.remote.served import connect
from moss_agent.engine.backends.remote.session import RemoteSession
from moss_agent.errors import ServerError, UsageError
from moss_agent.session import Generation, Sampling
from tests.engine.backends.remote.raw_server import Answer, RawServer, endless, page, serving, stream, told
from tests.engine.backends.remote.sessions import open_session, write
from tests.engine.writing import GREEDY

PATH = "/v1/completions"


def event(text: str = "", usage: tuple[int, int] | None = None, **choice: object) -> bytes:
    data = {"choices": [{"text": text, **choice}]}
    if usage:
        data["usage"] = {"prompt_tokens": usage[0], "completion_tokens": usage[1]}
    return f"data: {json.dumps(data)}\n\n".encode()


def plain_server(*answers: Answer) -> RawServer:
    return RawServer({PATH: list(answers)})


def write_one(answer: Answer) -> tuple[RemoteSession, Generation]:
    """What a session makes of that answer."""
    with serving(server := plain_server(answer)):
        session = open_session(server.url)
        session.extend("Q: 你好")
        return session, write(session)


def test_without_a_tokenizer_tokens_are_estimated_and_put_right_by_the_servers_count():
    session, written = write_one(
        stream(event(" one"), event(" two"), event(finish_reason="stop", usage=(16, 5)), b"data: [DONE]\n\n"),
    )
    assert written.text == " one two" and session._served.kind is PLAIN
    assert "".join(session._tokens) == "Q: 你好 one two"
    assert session.room == 1000 - 21 and written.generated == 5
    session.rewind(0)
    assert session.room == 1000


@pytest.mark.parametrize(("told", "room"), [((0, 0), 994), ((0, 3), 994), ((900_000, 1), 976)])
def test_counts_that_no_server_can_have_are_not_believed(told, room):
    session, _ = write_one(stream(event(" one"), event(finish_reason="stop", usage=told), b"data: [DONE]\n\n"))
    assert len(session._tokens) == 6 and session.room == room


def test_transformers_is_told_the_stop_texts_and_counts_to_the_end():
    kept = stream(event("Hi.<e"), event("ot>"), event(finish_reason="stop", usage=(9, 4)))
    server = RawServer({"/load_model": [page(405, b"{}")], PATH: [kept, stream(event("a", finish_reason="length"))]})
    with serving(server):
        session = open_session(server.url)
        session.extend("Q")
        written = write(session, Sampling(top_k=40, temperature=0.7), ["<eot>"])
        assert (written.text, written.stop, written.generated, session.room) == ("Hi.", "<eot>", 4, 1000 - 13)
        second = write(session, stop=[])
        assert (second.text, second.finish) == ("a", "length")
    first, second = [json.loads(request.splitlines()[-1]) for request in server.requests if PATH in request]
    assert first["stop"] == ["<eot>"] and "stop" not in second  # it fails on an empty list
    assert json.loads(first["generation_config"]) == {"do_sample": True, "top_k": 40, "repetition_penalty": 1.0}


def test_a_server_that_ends_at_a_stop_text_and_keeps_it_to_itself_has_ended():
    _, written = write_one(stream(event("Hi.", finish_reason="stop")))
    assert (written.text, written.stop, written.finish) == ("Hi.", "", "end")


@pytest.mark.parametrize("said", [event("word "), event("word " * 100, token_ids=[1])])
def test_a_server_that_does_not_end_is_cut_off(said):
    server = plain_server(endless(said))
    with serving(server):
        session = open_session(server.url)
        session.extend("Q")
        written = write(session, Sampling(max_new_tokens=4))
        assert written.finish == "length" and len(written.text) < 2000 and server.gone.wait(60)
    assert session.length < 1000


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (stream(event("a"), b"data: nonsense\n\n"), 60),
        (stream(event("a"), b'data: {"error": {"message": "worker \x1b[2J died"}}\n\n'), 60),
        (stream(event("a")), 60),
        (stream(event("a"), threading.Event().wait), 0.5),
        (page(200, b"{}"), 60),
        (page(500, b'{"error": {"message": "CUDA error"}}'), 60),
    ],
)
def test_after_an_error_the_session_is_as_it_was(answer, seconds):
    taken = threading.Event()
    with serving(server := plain_server(told(answer, taken), stream(event("fine", finish_reason="stop")))):
        session = open_session(server.url)
        session.extend("Q")
        served = session._served
        session._served = replace(served, connection=Connection(server.url, seconds=seconds))
        with pytest.raises(ServerError):
            write(session)
        session._served = served
        assert session.length == 1
        assert taken.wait(60)  # else the next request gets it
        assert write(session).text == "fine"


def test_settings_that_a_plain_server_may_not_know_are_sent_only_when_they_change_something():
    server = plain_server(stream(event("a", finish_reason="stop")))
    with serving(server):
        session = open_session(server.url)
        session.extend("Q")
        for sampling in (GREEDY, Sampling(top_k=40, repetition_penalty=1.02)):
            write(session, sampling)
    first, second = [json.loads(request.splitlines()[-1]) for request in server.requests if PATH in request]
    assert second.keys() - first.keys() == {"top_k", "repetition_penalty"}


@pytest.mark.parametrize(
    ("models", "name", "message"),
    [
        (["a", "b"], "", "several models, name one with --server-model, in a chat with /model ADDRESS"),
        (["a"], "c", "no model 'c'; it has: a"),
    ],
)
def test_the_model_has_to_be_clear(models, name, message):
    listed = json.dumps({"data": [{"id": model} for model in models]}).encode()
    with serving(server := RawServer({"/v1/models": [page(200, listed)]})):
        with pytest.raises(UsageError, match=message):
            connect(Connection(server.url), name)
        assert connect(Connection(server.url), "a").name == "a"


@pytest.mark.parametrize(
    "listed", [b"null", b"[3]", b'{"data": 3}', b'{"data": [3, {"id": 3}]}', b"<html>", b"[" * 9999]
)
def test_a_list_of_models_that_is_none_is_no_matter(listed):
    with serving(server := RawServer({"/v1/models": [page(200, listed)]})):
        assert connect(Connection(server.url), "any").name == "any"


@pytest.mark.parametrize("answer", [b"{}", b'{"tokens": ["a"]}', b'{"tokens": [true]}', b"nonsense"])
def test_tokens_that_are_none_are_an_error(answer):
    listed = b'{"data": [{"id": "a", "owned_by": "vllm", "max_model_len": true}]}'
    server = RawServer({"/v1/models": [page(200, listed)], "/tokenize": [page(200, answer)]})
    with serving(server), pytest.raises(ServerError, match="no list of tokens"):
        connect(Connection(server.url)).tokenize("a")
