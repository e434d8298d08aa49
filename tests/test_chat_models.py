"""Runtimes on servers of chat models: which dialect is chosen, whole turns over HTTP, servers that are confused."""

from __future__ import annotations

import json

import pytest

from moss_agent import Runtime, plugin
from moss_agent.dialects.moss import MossDialect
from moss_agent.dialects.tools import CUT_OFF, ToolsDialect
from moss_agent.errors import ServerError, UsageError
from moss_agent.events import CallStarted
from tests.engine.backends.remote.chat_shapes import call, calls, delta, sent, usage
from tests.engine.backends.remote.raw_server import RawServer, page, serving, stream

CHAT = "/v1/chat/completions"
RUN: list[float] = []


@plugin("Add", label="Adding")
def add(a: float, b: float = 0) -> str:
    RUN.append(a)
    return f"{a + b:g}"


def models(*names: str, owner: str = "someone") -> bytes:
    return json.dumps({"data": [{"id": name, "owned_by": owner} for name in names]}).encode()


def server(*streams: bytes, names: tuple[str, ...] = ("qwen3",), owner: str = "someone", **pages) -> RawServer:
    RUN.clear()
    listed = page(200, models(*names, owner=owner))
    return RawServer({"/v1/models": [listed], CHAT: [stream(each) for each in streams], **pages})


ADDING = calls(call(0, "a", "Add", '{"a": 37, "b": 89}'))
ADDED = sent(delta(content="126."), delta("stop"), usage(30, 4, prompt_tokens_details={"cached_tokens": 20}))


def test_a_turn_with_a_call():
    first = sent(delta(reasoning_content="A sum."), ADDING, delta("tool_calls"), usage(20, 9))
    with serving(served := server(first, ADDED)), Runtime.open(server=served.url, plugins=[add]) as runtime:
        reply = runtime.chat().ask("37+89?")
    assert (reply.text, reply.thoughts, reply.calls[0].result) == ("126.", "A sum.", "126")
    assert reply.usage.generated_tokens == 13
    bodies = [json.loads(each.split("\n", 20)[-1]) for each in served.requests if CHAT in each.split("\n")[0]]
    assert [tool["function"]["name"] for tool in bodies[0]["tools"]] == ["Add"]
    assert bodies[0]["messages"][0]["role"] == "system" and "temperature" not in bodies[0]
    told = bodies[1]["messages"][-2:]
    assert told[0]["reasoning_content"] == "A sum." and told[1]["content"] == "126"
    assert told[1]["tool_call_id"] == told[0]["tool_calls"][0]["id"]


@pytest.mark.parametrize(
    "names, settings, dialect",
    [
        (("qwen3",), {}, ToolsDialect),
        (("fnlp/moss-moon-003-sft-plugin",), {}, MossDialect),
        (("/home/me/moss_agent/models/Qwen3-8B",), {}, ToolsDialect),
        (("mini",), {}, MossDialect),
        (("my-tune",), {"family": "mini"}, MossDialect),
        (("my-tune",), {"dialect": "moss"}, MossDialect),
        (("some-model",), {"dialect": "shown"}, MossDialect),
        (("moss-chat",), {"dialect": "tools"}, ToolsDialect),
    ],
)
def test_the_dialect_that_fits_is_chosen(names, settings, dialect):
    with serving(served := server(names=names)), Runtime.open(server=served.url, plugins=[add], **settings) as runtime:
        assert isinstance(runtime._dialect, dialect)
        assert ("Examples:" in runtime._dialect.preamble) == (settings.get("dialect") == "shown")


@pytest.mark.parametrize(("tokens", "dialect"), [([9], MossDialect), ([9, 8, 7], ToolsDialect)])
def test_a_served_model_whose_tokenizer_has_the_markers_keeps_its_protocol(tokens, dialect):
    tokenized = {"/tokenize": [page(200, json.dumps({"tokens": tokens}).encode())]}
    served = server(names=("model.gguf",), owner="llamacpp", **tokenized)
    with serving(served), Runtime.open(server=served.url, plugins=[]) as runtime:
        assert isinstance(runtime._dialect, dialect)


def test_a_chat_model_opens_behind_a_gateway_that_hides_the_tokenizer():
    with serving(served := server(owner="vllm")), Runtime.open(server=served.url, plugins=[]) as runtime:
        assert isinstance(runtime._dialect, ToolsDialect)


def test_a_family_and_a_dialect_that_contradict_each_other_are_refused():
    with serving(served := server()), pytest.raises(UsageError, match="leave out one of the two settings"):
        Runtime.open(server=served.url, family="mini", dialect="tools")
    with pytest.raises(UsageError, match="use moss, tools, shown"):
        Runtime.open(server="http://127.0.0.1:9", dialect="french")


@pytest.mark.parametrize(
    "broken, message",
    [
        (sent(calls(call(0, "a", "Add", '{"a": 3')), done=False), "broke off"),
        (sent(delta(content="It is"), done=False), "broke off"),
        (sent("data: {}}\n\n"), "no completion"),
        (sent('data: {"error": {"message": "out of\\nmemory"}}\n\n'), "out of memory"),
        (b"", "broke off"),
        (sent(*[calls(call(i, f"c{i}", "Nothing", "{}")) for i in range(500)], delta("stop")), "more than 64"),
    ],
)
def test_a_stream_that_is_broken_ends_the_turn_and_runs_nothing(broken, message):
    with serving(served := server(broken, ADDED)), Runtime.open(server=served.url, plugins=[add]) as runtime:
        chat = runtime.chat()
        with pytest.raises(ServerError, match=message) as error:
            chat.ask("37+89?")
        assert "\n" not in str(error.value) and not RUN and not chat.conversation.turns
        assert chat.ask("And now?").text == "126."


def test_the_same_call_for_ever_ends():
    again = sent(ADDING, delta("tool_calls"))
    with serving(served := server(again)), Runtime.open(server=served.url, plugins=[add]) as runtime:
        reply = runtime.chat().ask("37+89?")
    assert len(reply.calls) == len(RUN) == 2 and reply.text == ""
    assert any("has to answer" in notice for notice in reply.notices)


def test_text_beside_calls_is_shown_and_kept():
    first = sent(delta(content="Let me see."), ADDING, delta(content=" Hm."), delta("tool_calls"))
    with serving(served := server(first, ADDED)), Runtime.open(server=served.url, plugins=[add]) as runtime:
        events = list(runtime.chat().stream("37+89?"))
    assert sum(isinstance(event, CallStarted) for event in events) == 1
    assert events[-1].text == "Let me see. Hm.\n\n126."


def test_what_a_server_answers_without_an_end_is_cut():
    endless = sent(*[delta(content="word ") for _ in range(200)], done=False)
    with serving(served := server(endless)), Runtime.open(server=served.url, plugins=[], max_new_tokens=50) as runtime:
        reply = runtime.chat().ask("Talk")
    assert reply.finish == "length" and 40 < reply.text.count("word") < 60
    assert reply.notices == (CUT_OFF,)


@pytest.mark.parametrize("said", [{"content": "It is"}, {"reasoning_content": "Hm, it may be"}])
def test_people_are_told_that_a_message_was_cut_off(said):
    cut_off = sent(delta(**said), delta("length"))
    with serving(served := server(cut_off)), Runtime.open(server=served.url, plugins=[]) as runtime:
        reply = runtime.chat().ask("What is it?")
    assert reply.finish == "length" and reply.notices == (CUT_OFF,)
