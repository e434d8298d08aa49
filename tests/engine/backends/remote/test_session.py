"""Sessions on a served model: the same tokens as a session on the model itself, request by request."""

from __future__ import annotations

import json
import threading
from dataclasses import replace

import pytest

from moss_agent.cancellation import Cancellation
from moss_agent.engine.backends.remote.connection import Connection
from moss_agent.engine.backends.remote.kinds import LLAMA_CPP, PLAIN, VLLM
from moss_agent.engine.backends.remote.served import connect
from moss_agent.engine.backends.remote.session import RemoteModel, RemoteSession
from moss_agent.errors import ContextFull, EngineError, ServerError, UsageError
from moss_agent.session import Generation, Sampling, Session
from tests.engine.backends.remote.model_server import CONTEXT, ModelServer
from tests.engine.backends.remote.raw_server import Answer, RawServer, page, serving, stream
from tests.engine.conftest import make_model
from tests.engine.test_session import open_session as open_local
from tests.engine.test_session import write as write_to_end

GREEDY = Sampling(max_new_tokens=12)
MARKERS = ["<eoh>", "<eot>", "<eoc>", "<eor>", "<eom>"]
TEXT = "The agent thinks 思考, writes 😀 commands."
KINDS = ["vllm", "llama.cpp"]
PATH = "/v1/completions"


@pytest.fixture(scope="module")
def llama():
    return make_model()


def open_session(server: ModelServer | RawServer, **options) -> RemoteSession:
    served = connect(Connection(server.url, seconds=20))
    model = RemoteModel(served, **{"context_length": served.context_length or 1000, "markers": MARKERS, **options})
    return model.session("")


def write(session: Session, sampling: Sampling = GREEDY, stop: list[str] = MARKERS) -> Generation:
    return write_to_end(session, sampling, stop)


@pytest.mark.parametrize("kind", KINDS)
def test_several_rounds_give_the_tokens_of_a_local_session(llama, tokenizer, kind):
    """Random weights write bytes that are no text: only a server that tells ids can give those back exactly."""
    server = ModelServer(llama, tokenizer, kind)
    with serving(server):
        remote, local = open_session(server), open_local(llama, tokenizer, context_length=CONTEXT, markers=MARKERS)
        assert (remote.context_length, remote._served.kind) == (CONTEXT, VLLM if kind == "vllm" else LLAMA_CPP)
        for text in (TEXT, " And then?", "\n<|Commands|>:")[: 3 if kind == "vllm" else 1]:
            for session in (remote, local):
                session.extend(text)
            before = remote.length
            ours, its = write(remote), write(local)
            assert (ours.text, ours.finish, ours.stop) == (its.text, its.finish, its.stop)
            assert (ours.finish, ours.cached + ours.prefilled) == ("length", before)
            if kind == "vllm":
                assert remote._tokens == local._sequence.ids
                assert before + ours.generated == remote.length
        mark = remote.length
        remote.rewind(9)
        assert remote.length == 9 and mark > 9


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("surplus", ["", " and more"])
def test_a_stop_text_of_several_tokens_ends_the_request(llama, tokenizer, kind, surplus):
    server = ModelServer(llama, tokenizer, kind, [tokenizer.encode("I think<eot>" + surplus)])
    with serving(server):
        session = open_session(server)
        session.extend("Q")
        written = write(session, Sampling(max_new_tokens=400))
        assert server.aborted.wait(60)
    assert (written.text, written.stop, written.finish) == ("I think", "<eot>", "stop")
    assert tokenizer.decode(session._tokens) == "QI think<eot>"


@pytest.mark.parametrize("kind", KINDS)
def test_the_end_token_ends_the_text_and_is_not_kept(llama, tokenizer, kind):
    server = ModelServer(llama, tokenizer, kind, [[*tokenizer.encode("Yes <eo"), 0]])
    with serving(server):
        session = open_session(server)
        session.extend("Q")
        written = write(session)
    assert (written.text, written.stop, written.finish) == ("Yes <eo", "", "end")
    assert tokenizer.decode(session._tokens) == "QYes <eo"


@pytest.mark.parametrize("kind", KINDS)
def test_markers_are_special_tokens_where_the_model_has_such(llama, marker_tokenizer, kind):
    server = ModelServer(llama, marker_tokenizer, kind)
    with serving(server):
        session = open_session(server, markers=["<eoh>"])
        session.extend("a<|endoftext|>b<eom>c<eoh>")
    special = [token for token in session._tokens if token in marker_tokenizer.get_added_vocab().values()]
    if kind == "llama.cpp":  # vLLM's tokenizer takes every special token at its word
        assert special == [marker_tokenizer.convert_tokens_to_ids("<eoh>")]
    assert special[-1] == session._tokens[-1] and len(session._tokens) > 3


def test_a_full_context_ends_the_text_and_leaves_room_for_a_marker(llama, tokenizer):
    server = ModelServer(llama, tokenizer, "vllm")
    with serving(server):
        session = open_session(server, context_length=64)
        session.extend("a" * 30)
        assert write(session, Sampling(max_new_tokens=500)).finish == "length"
        session.extend("<eom>")
        full = write(session)
        assert (full.text, full.finish) == ("", "length")
        with pytest.raises(ContextFull, match="shorten it"):
            session.extend("word " * 100)
        session.context_length = 10_000  # more than the server takes
        session.extend("a" * CONTEXT)
        with pytest.raises(ContextFull, match="maximum context length is 512"):
            write(session)


def test_closing_the_iterator_ends_the_request_and_changes_nothing(llama, tokenizer):
    server = ModelServer(llama, tokenizer, "vllm")
    with serving(server):
        session = open_session(server)
        session.extend(TEXT)
        before = session.length
        pieces = session.generate(MARKERS, Sampling(max_new_tokens=400), Cancellation())
        first = next(pieces)
        pieces.close()
        assert server.aborted.wait(5)
        assert session.length == before
        assert next(session.generate(MARKERS, GREEDY, Cancellation())) == first


def test_sampling_is_sent_whole_and_a_seed_repeats_it(llama, tokenizer):
    sampling = Sampling(temperature=0.7, top_k=40, top_p=0.8, repetition_penalty=1.02, max_new_tokens=2)
    server = ModelServer(llama, tokenizer, "vllm")
    with serving(server):
        for _ in range(2):
            session = open_session(server, seed=5)
            for text in ("a", "b"):
                session.extend(text)
                write(session, sampling)
    sent = server.requests[0]
    assert (sent["temperature"], sent["top_k"], sent["top_p"], sent["repetition_penalty"]) == (0.7, 40, 0.8, 1.02)
    seeds = [request["seed"] for request in server.requests]
    assert seeds[:2] == seeds[2:] and seeds[0] != seeds[1]


def test_an_empty_session_has_nothing_to_continue(llama, tokenizer):
    server = ModelServer(llama, tokenizer, "vllm")
    with serving(server), pytest.raises(EngineError, match="extend the session first"):
        write(open_session(server))


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
        session = open_session(server)
        session.extend("Q: 你好")
        return session, write(session)


def test_without_a_tokenizer_tokens_are_estimated_and_put_right_by_the_servers_count():
    session, written = write_one(
        stream(event(" one"), event(" two"), event(finish_reason="stop", usage=(40, 12)), b"data: [DONE]\n\n"),
    )
    assert written.text == " one two" and session._served.kind is PLAIN
    assert "".join(session._tokens) == "Q: 你好 one two"
    assert session.room == 1000 - 52 and written.generated == 12
    session.rewind(0)
    assert session.room == 1000


def test_transformers_is_told_the_stop_texts_and_counts_to_the_end():
    kept = stream(event("Hi.<e"), event("ot>"), event(finish_reason="stop", usage=(9, 4)))
    server = RawServer({"/load_model": [page(405, b"{}")], PATH: [kept, stream(event("a", finish_reason="length"))]})
    with serving(server):
        session = open_session(server)
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


def test_a_server_that_does_not_end_is_cut_off():
    server = plain_server(stream(*[event("word ")] * 100_000))
    with serving(server):
        session = open_session(server)
        session.extend("Q")
        assert write(session, Sampling(max_new_tokens=4)).finish == "length" and server.gone.wait()
    assert session.length < 1000


@pytest.mark.parametrize(
    "answer",
    [
        stream(event("a"), b"data: nonsense\n\n"),
        stream(event("a"), b'data: {"error": {"message": "worker \x1b[2J died"}}\n\n'),
        stream(event("a")),
        stream(event("a"), threading.Event().wait),
        page(200, b"{}"),
        page(500, b'{"error": {"message": "CUDA error"}}'),
    ],
)
def test_after_an_error_the_session_is_as_it_was(answer):
    with serving(server := plain_server(answer, stream(event("fine", finish_reason="stop")))):
        session = open_session(server)
        session.extend("Q")
        served = session._served
        session._served = replace(
            served, connection=Connection(server.url, seconds=0.5)
        )  # leaves one that falls silent
        with pytest.raises(ServerError):
            write(session)
        session._served = served
        assert session.length == 1
        assert write(session).text == "fine"


def test_settings_that_a_plain_server_may_not_know_are_sent_only_when_they_change_something():
    server = plain_server(stream(event("a", finish_reason="stop")))
    with serving(server):
        session = open_session(server)
        session.extend("Q")
        for sampling in (GREEDY, Sampling(top_k=40, repetition_penalty=1.02)):
            write(session, sampling)
    first, second = [json.loads(request.splitlines()[-1]) for request in server.requests if PATH in request]
    assert second.keys() - first.keys() == {"top_k", "repetition_penalty"}


@pytest.mark.parametrize(
    ("models", "name", "message"),
    [(["a", "b"], "", "several models, name one with --server-model: a, b"), (["a"], "c", "no model 'c'; it has: a")],
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
