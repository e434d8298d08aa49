"""Chat models on servers over real sockets: what is asked, what is read, what is counted."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from typing import Any

import pytest

from moss_agent.cancellation import Cancellation
from moss_agent.engine.backends.remote.chat import RemoteChatModel, RemoteChatSession
from moss_agent.engine.backends.remote.connection import Connection
from moss_agent.engine.backends.remote.kinds import LLAMA_CPP, PLAIN, TRANSFORMERS, VLLM, ServerKind
from moss_agent.engine.backends.remote.served import ServedModel
from moss_agent.errors import Cancelled, ContextFull, ServerError
from moss_agent.http import sending
from moss_agent.messages import ChatModel, Content, Message, MessagePiece, Reasoning, Tool, ToolCall
from moss_agent.session import Generation
from tests.engine.backends.remote.chat_shapes import SHAPES, TWO, calls, delta, sent, usage
from tests.engine.backends.remote.chat_shapes import call as entry
from tests.engine.backends.remote.raw_server import Answer, RawServer, endless, page, serving, stream, told
from tests.engine.writing import write_message
from tests.http.silent_server import STREAM, silent_server

PATH = "/v1/chat/completions"
SCHEMA = {"type": "object", "properties": {"numbers": {"type": "string"}}, "required": ["numbers"]}
TOOLS = [Tool("add", "Adds numbers.", SCHEMA), Tool("now", "Tells the time.", {"type": "object", "properties": {}})]
ASKED = [Message("system", "Be kind."), Message("user", "What is 1+2?")]
CALLED = [*ASKED, Message("assistant", "", (TWO[0],), "Two numbers."), Message("tool", "3", call_id="call_a")]
HI = stream(sent(delta(content="Hi."), delta("stop"), usage(140, 2)))


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(sending, "PAUSE", 0.001)


def chat_server(*answers: Answer) -> RawServer:
    return RawServer({PATH: list(answers)})


def open_session(
    url: str, kind: ServerKind = PLAIN, tools: list[Tool] = TOOLS, seconds: float = 60, **options: Any
) -> RemoteChatSession:
    served = ServedModel(Connection(url, seconds=seconds), kind, "tiny", None)
    settings: dict[str, Any] = {"context_length": 1000, "sampling": {}, "max_new_tokens": 99, "seed": None, **options}
    model: ChatModel = RemoteChatModel(served, **settings)
    session = model.chat_session(tools)
    assert isinstance(session, RemoteChatSession)
    return session


def write(
    session: RemoteChatSession, messages: list[Message] = ASKED, may_call: bool = True
) -> tuple[list[MessagePiece], Generation]:
    return write_message(session, messages, may_call)


def bodies(server: RawServer) -> list[dict[str, Any]]:
    return [json.loads(request.splitlines()[-1]) for request in server.requests if PATH in request]


def asked(kind: ServerKind = PLAIN, messages: list[Message] = ASKED, may_call: bool = True, **options: Any) -> dict:
    """The body of a request."""
    with serving(server := chat_server(HI)):
        write(open_session(server.url, kind, **options), messages, may_call)
    return bodies(server)[0]


def test_a_request_has_the_conversation_and_the_tools():
    body = asked(messages=CALLED)
    assert body.pop("tools")[0] == {
        "type": "function",
        "function": {"name": "add", "description": "Adds numbers.", "parameters": SCHEMA},
    }
    call = {"id": "call_a", "type": "function", "function": {"name": "add", "arguments": '{"numbers": "1,2"}'}}
    assert body == {
        "model": "tiny",
        "messages": [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": "What is 1+2?"},
            {"role": "assistant", "content": None, "reasoning_content": "Two numbers.", "tool_calls": [call]},
            {"role": "tool", "content": "3", "tool_call_id": "call_a"},
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_completion_tokens": 99,
    }


def test_calls_are_forbidden_with_the_tools_still_there():
    free, bound = asked(), asked(may_call=False)
    assert bound.pop("tool_choice") == "none" and free == bound
    assert not {"tools", "tool_choice"} & asked(may_call=False, tools=[]).keys()


@pytest.mark.parametrize(
    ("kind", "sampling", "fields"),
    [
        (PLAIN, {}, {}),
        (PLAIN, {"temperature": 0.0, "top_p": 0.8, "top_k": 0}, {"temperature": 0.0, "top_p": 0.8, "top_k": 0}),
        (VLLM, {"top_k": 0, "repetition_penalty": 1.02}, {"top_k": -1, "repetition_penalty": 1.02}),
        (VLLM, {"temperature": 0}, {"temperature": 0}),
        (LLAMA_CPP, {}, {"cache_prompt": True}),
        (
            LLAMA_CPP,
            {"repetition_penalty": 1.02, "top_k": 40},
            {"cache_prompt": True, "repeat_penalty": 1.02, "repeat_last_n": 65536, "top_k": 40},
        ),
        (TRANSFORMERS, {}, {}),
        (TRANSFORMERS, {"top_p": 0.8}, {"top_p": 0.8}),
        (
            TRANSFORMERS,
            {"temperature": 0.7, "top_k": 40},
            {"temperature": 0.7, "generation_config": '{"top_k": 40, "do_sample": true}'},
        ),
    ],
)
def test_of_the_sampling_what_the_user_has_set_is_sent_under_the_servers_names(kind, sampling, fields):
    plain, body = asked(), asked(kind, sampling=sampling)
    assert {name: value for name, value in body.items() if name not in plain} == fields


def test_a_seed_gives_the_same_seeds_again_but_not_twice_in_a_chat():
    with serving(server := chat_server(HI)):
        for _ in range(2):
            session = open_session(server.url, seed=5)
            write(session), write(session)
    seeds = [body["seed"] for body in bodies(server)]
    assert seeds[:2] == seeds[2:] and seeds[0] != seeds[1]
    assert "seed" not in asked()


@pytest.mark.parametrize(
    ("written", "told"),
    [('{"a": 1}', '{"a": 1}'), ("{a: 1", '{"not_json": "{a: 1"}'), ("[1]", '{"not_json": "[1]"}')]
    + [('{"a": NaN}', '{"not_json": "{\\"a\\": NaN}"}')]
    + [("[" * 99_999, json.dumps({"not_json": "[" * 99_999}))],
)
def test_what_a_model_wrote_wrongly_does_not_end_the_conversation(written, told):
    call = ToolCall("call_a", "add numbers\n" + "x" * 99, written)
    messages = [*ASKED, Message("assistant", "I add.", (call, ToolCall("b", "", "{}")))]
    sent_back = asked(messages=messages, context_length=1 << 20)["messages"][-1]
    assert sent_back["content"] == "I add."
    function = sent_back["tool_calls"][0]["function"]
    assert function["arguments"] == told and function["name"] == "add_numbers_" + "x" * 52
    assert sent_back["tool_calls"][1]["function"]["name"] == "unknown"


@pytest.mark.parametrize("shape", ["Ollama: whole calls, all with index 0", "llama.cpp"])
def test_thoughts_go_back_under_the_name_that_the_server_gives_them(shape):
    with serving(server := chat_server(stream(SHAPES[shape].stream), HI)):
        session = open_session(server.url)
        written, _ = write(session)
        assert written == SHAPES[shape].written
        write(session, CALLED)
    field = "reasoning" if shape.startswith("Ollama") else "reasoning_content"
    assert bodies(server)[1]["messages"][2][field] == "Two numbers."


def refusal(status: int, **body: Any) -> Answer:
    return page(status, json.dumps(body).encode())


TALKED = [*ASKED, Message("assistant", "", (TWO[0],), past_reasoning="Two numbers."), *CALLED[3:]]
TALKED += [Message("assistant", "3."), Message("user", "And 3+4?"), replace(CALLED[2], reasoning="Again.")]
EXTRA = {"type": "extra_forbidden", "loc": ["body", "max_completion_tokens"], "msg": "Extra inputs are not permitted"}
NO_LIMIT = refusal(422, object="error", message={"detail": [EXTRA]})
UNKNOWN = refusal(400, error={"message": "'messages.2': property 'reasoning_content' is unsupported"})
WANTED = "The `reasoning_content` in the thinking mode must be passed back to the API."


@pytest.mark.parametrize(
    ("refusals", "thoughts", "limit"),
    [
        ([], [None, None, "Again."], "max_completion_tokens"),
        ([refusal(400, error={"message": WANTED})], ["Two numbers.", "", "Again."], "max_completion_tokens"),
        ([UNKNOWN], [None, None, None], "max_completion_tokens"),
        ([NO_LIMIT, UNKNOWN], [None, None, None], "max_tokens"),
    ],
)
def test_what_a_server_refuses_is_sent_in_another_form_from_then_on(refusals, thoughts, limit):
    with serving(server := chat_server(*refusals, HI)):
        session = open_session(server.url)
        assert write(session, TALKED)[1].text == "Hi."
        write(session._model.chat_session(TOOLS), TALKED)
    *refused, repeated, later = bodies(server)
    assert len(refused) == len(refusals) and repeated == later
    told = [message.get("reasoning_content") for message in later["messages"] if message["role"] == "assistant"]
    assert told == thoughts and later.keys() & {"max_completion_tokens", "max_tokens"} == {limit}


def test_what_is_refused_in_each_form_is_told_and_leaves_the_form_as_it_was():
    with serving(server := chat_server(UNKNOWN, UNKNOWN, HI)):
        session = open_session(server.url)
        with pytest.raises(ServerError, match="property 'reasoning_content' is unsupported"):
            write(session, CALLED)
        write(session, CALLED)
    first, second, last = bodies(server)
    assert second != first == last


def test_a_forbidden_call_that_the_server_does_not_read_is_no_answer():
    text = '<tool_call>\n{"name": "now", "arguments": {}}\n</tool_call>'
    with serving(server := chat_server(stream(sent(delta(content=text), delta("stop"))))):
        (written,), generation = write(open_session(server.url), may_call=False)
    assert isinstance(written, ToolCall) and generation.text == ""


def test_an_earlier_id_is_not_given_again():
    with serving(server := chat_server(stream(SHAPES["OpenAI"].stream))):
        written, _ = write(open_session(server.url), CALLED)
    assert written[0] != TWO[0] and (written[0].name, written[0].arguments) == (TWO[0].name, TWO[0].arguments)
    assert written[1] == TWO[1]


def test_what_was_written_is_counted_as_the_server_does():
    with serving(server := chat_server(stream(SHAPES["OpenAI"].stream))):
        _, generation = write(open_session(server.url))
    assert generation == Generation("", "", "end", cached=16, prefilled=4, generated=9)


def test_without_the_servers_counts_tokens_are_estimated():
    with serving(server := chat_server(stream(SHAPES["LM Studio"].stream))):
        session = open_session(server.url)
        _, first = write(session)
        _, second = write(session, CALLED)
    assert (first.text, first.stop, first.finish) == ("I add.", "", "end")
    assert (first.cached, first.prefilled, first.generated) == (0, session.count(ASKED), 3)
    # The message that the server itself has written is known to it, the result is new.
    assert (second.cached, second.cached + second.prefilled) == (session.count(CALLED[:3]), session.count(CALLED))


def test_estimates_are_put_right_by_the_servers_counts():
    with serving(server := chat_server(HI, stream(sent(delta("stop"), usage(10**9, 1))))):
        session = open_session(server.url)
        before = session.count(ASKED)
        _, written = write(session)
        assert session.count(ASKED) == 140 != before and written.generated == 2
        longer = session.count(CALLED)
        assert longer > 140
        write(session)
        assert session.count(ASKED) == before * 4  # no tokenizer makes more of a text


def test_a_message_that_was_cut_says_so():
    with serving(server := chat_server(stream(sent(delta(content="It"), delta("length"))))):
        assert write(open_session(server.url))[1].finish == "length"


def test_a_server_that_does_not_end_is_left():
    server = chat_server(endless(sent(delta(content="word "), done=False)))
    with serving(server):
        _, written = write(open_session(server.url, max_new_tokens=4))
        assert (written.text, written.finish, written.generated) == ("word " * 5, "length", 5)
        assert server.gone.wait(60)


def test_a_conversation_that_is_too_long_is_not_sent():
    with serving(server := chat_server(HI)):
        session = open_session(server.url, context_length=100)
        with pytest.raises(ContextFull, match="shorten it"):
            write(session, [Message("user", "word " * 100)])
        assert server.requests == []
        write(open_session(server.url, tools=[], context_length=50))
    assert bodies(server)[0]["max_completion_tokens"] == 50 - open_session(server.url, tools=[]).count(ASKED)


ERRORS = [
    (page(404, b'{"error": {"message": "model not found"}}'), ServerError, f"nothing at {PATH} .*model not found"),
    (page(400, b'{"error": {"message": "maximum context length is 9 tokens"}}'), ContextFull, "context_length"),
    (page(400, b'{"error": {"message": "tiny does not support tools"}}'), ServerError, "does not support tools"),
    (page(401, b"{}"), ServerError, "wants a key"),
    (page(402, b'{"error": {"message": "Insufficient Balance"}}'), ServerError, "Insufficient Balance"),
    (page(200, b"{}"), ServerError, "where a stream was asked for"),
    (stream(sent(delta(content="a"), "data: nonsense\n\n")), ServerError, "no completion"),
    (stream(sent(delta(content="a"), {"error": {"message": "no memory"}})), ServerError, "failed: no memory"),
    (stream(sent(delta(content="a"), done=False)), ServerError, "broke off"),
    (stream(sent(calls(entry(0, "a", "add", '{"n')))), ServerError, "broke off"),
    (stream(sent(delta("content_filter"))), ServerError, "content filter"),
    (stream(b"data: " + b"a" * (1 << 21)), ServerError, "without an end"),
]
SILENT = [
    (stream(sent(delta(content="a"), done=False), threading.Event().wait), ServerError, "nothing came for 0.5 seconds"),
    (stream(*[b": ping\n\n", threading.Event().wait]), ServerError, "nothing came for 0.5 seconds"),
]


@pytest.mark.parametrize(
    ("answer", "kind", "said", "seconds"), [*((*row, 60) for row in ERRORS), *((*row, 0.5) for row in SILENT)]
)
def test_an_error_is_one_line_and_the_next_message_is_not_affected(answer, kind, said, seconds):
    taken = threading.Event()
    with serving(server := chat_server(told(answer, taken), HI)):
        session = open_session(server.url, seconds=seconds)
        before = session.count(CALLED)
        with pytest.raises(kind, match=said) as error:
            write(session)
        assert type(error.value) is kind and "\n" not in str(error.value)
        assert session.count(CALLED) == before
        assert taken.wait(60)  # else the next message gets it
        session._model.served = replace(session._model.served, connection=Connection(server.url, seconds=60))
        assert write(session)[1].text == "Hi."


def test_a_server_that_stays_on_the_line_after_its_answer_has_answered():
    said = sent(delta(content="Hi."), calls(entry(0, "a", "now")), delta("stop"), done=False)
    with serving(server := chat_server(stream(said, threading.Event().wait))):
        written, generation = write(open_session(server.url, seconds=2))  # it waits them out
    assert written == [Content("Hi."), ToolCall("a", "now", "{}")] and generation.finish == "end"


@pytest.mark.parametrize("says", [b"", STREAM.replace(b"data: 1\n\n", sent(delta(content="Hi"), done=False))])
def test_cancelling_ends_a_silent_server_at_once(says):
    def cancel():
        server.heard.wait()
        cancellation.cancel()

    cancellation = Cancellation()
    with silent_server(says) as server:
        session = open_session(f"http://127.0.0.1:{server.port}", seconds=300)
        pieces = session.write(ASKED, may_call=True, cancellation=cancellation)
        if says:
            assert next(pieces) == Content("Hi")
        threading.Thread(target=cancel, daemon=True).start()
        with pytest.raises(Cancelled):
            next(pieces)
        assert server.left.wait(60)


def test_closing_the_iterator_ends_the_request_and_changes_nothing():
    with serving(server := chat_server(endless(sent(delta(reasoning="Hm. "), done=False)), HI)):
        session = open_session(server.url, max_new_tokens=900)
        pieces = session.write(ASKED, may_call=True, cancellation=Cancellation())
        assert next(pieces) == Reasoning("Hm. ")
        pieces.close()
        assert server.gone.wait(60)
        _, written = write(session)
        assert (written.text, written.cached) == ("Hi.", 0)
