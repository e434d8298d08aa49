"""Sessions on a served model: the same tokens as a session on the model itself, request by request."""

from __future__ import annotations

import pytest

from moss_agent.cancellation import Cancellation
from moss_agent.engine.backends.remote.kinds import LLAMA_CPP, VLLM
from moss_agent.errors import ContextFull, EngineError
from moss_agent.session import Sampling
from tests.engine.backends.remote.model_server import CONTEXT, ModelServer
from tests.engine.backends.remote.raw_server import serving
from tests.engine.backends.remote.sessions import MARKERS, open_session, write
from tests.engine.test_session import open_session as open_local
from tests.engine.tiny import make_model
from tests.engine.writing import GREEDY

TEXT = "The agent thinks 思考, writes 😀 commands."
KINDS = ["vllm", "llama.cpp"]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def llama():
    return make_model()


@pytest.mark.parametrize("kind", KINDS)
def test_several_rounds_give_the_tokens_of_a_local_session(llama, tokenizer, kind):
    """Random weights write bytes that are no text: only a server that tells ids can give those back exactly."""
    server = ModelServer(llama, tokenizer, kind)
    with serving(server):
        remote, local = open_session(server.url), open_local(llama, tokenizer, context_length=CONTEXT, markers=MARKERS)
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
    script = tokenizer.encode("I think<eot>" + surplus)
    server = ModelServer(llama, tokenizer, kind, [script], pauses_after=len(script))
    with serving(server):
        session = open_session(server.url)
        session.extend("Q")
        written = write(session, Sampling(max_new_tokens=400))
        server.goes_on.set()
        assert server.aborted.wait(60)
    assert (written.text, written.stop, written.finish) == ("I think", "<eot>", "stop")
    assert tokenizer.decode(session._tokens) == "QI think<eot>"


@pytest.mark.parametrize("kind", KINDS)
def test_the_end_token_ends_the_text_and_is_not_kept(llama, tokenizer, kind):
    server = ModelServer(llama, tokenizer, kind, [[*tokenizer.encode("Yes <eo"), 0]])
    with serving(server):
        session = open_session(server.url)
        session.extend("Q")
        written = write(session)
    assert (written.text, written.stop, written.finish) == ("Yes <eo", "", "end")
    assert tokenizer.decode(session._tokens) == "QYes <eo"


@pytest.mark.parametrize("kind", KINDS)
def test_markers_are_special_tokens_where_the_model_has_such(llama, marker_tokenizer, kind):
    server = ModelServer(llama, marker_tokenizer, kind)
    with serving(server):
        session = open_session(server.url, markers=["<eoh>"])
        session.extend("a<|endoftext|>b<eom>c<eoh>")
    special = [token for token in session._tokens if token in marker_tokenizer.get_added_vocab().values()]
    if kind == "llama.cpp":  # vLLM's tokenizer takes every special token at its word
        assert special == [marker_tokenizer.convert_tokens_to_ids("<eoh>")]
    assert special[-1] == session._tokens[-1] and len(session._tokens) > 3


def test_a_full_context_ends_the_text_and_leaves_room_for_a_marker(llama, tokenizer):
    server = ModelServer(llama, tokenizer, "vllm")
    with serving(server):
        session = open_session(server.url, context_length=64)
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
    server = ModelServer(llama, tokenizer, "vllm", pauses_after=3)
    with serving(server):
        session = open_session(server.url)
        session.extend(TEXT)
        before = session.length
        pieces = session.generate(MARKERS, Sampling(max_new_tokens=400), Cancellation())
        first = next(pieces)
        pieces.close()
        server.goes_on.set()
        assert server.aborted.wait(60)
        assert session.length == before
        assert next(session.generate(MARKERS, GREEDY, Cancellation())) == first


def test_sampling_is_sent_whole_and_a_seed_repeats_it(llama, tokenizer):
    sampling = Sampling(temperature=0.7, top_k=40, top_p=0.8, repetition_penalty=1.02, max_new_tokens=2)
    server = ModelServer(llama, tokenizer, "vllm")
    with serving(server):
        for _ in range(2):
            session = open_session(server.url, seed=5)
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
        write(open_session(server.url))
