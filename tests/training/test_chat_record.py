"""Messages with calls: what is read, and what no model can learn from, named in one line."""

from __future__ import annotations

import json

import pytest

from moss_agent.errors import UsageError
from moss_agent.messages import Message, Tool, ToolCall
from moss_agent.training.chat_record import read_chat

ASK, SAY = {"role": "user", "content": "?"}, {"role": "assistant", "content": "!"}
TOLD = {"role": "tool", "tool_call_id": "a", "content": "1"}


def calling(*calls: object) -> dict[str, object]:
    return {"role": "assistant", "content": None, "tool_calls": list(calls)}


def call(identity: object = "a", arguments: object = '{"x": 1}', name: object = "f") -> dict[str, object]:
    return {"id": identity, "type": "function", "function": {"name": name, "arguments": arguments}}


def test_messages_calls_and_tools_are_read():
    chat = read_chat(
        {
            "messages": [
                {"role": "developer", "content": "Be brief."},
                {"role": "user", "content": [{"type": "text", "text": "1 "}, {"type": "text", "text": "or 2?"}]},
                {**calling(call(), call("b", {"y": "é"})), "reasoning_content": " Hm.\n"},
                {**TOLD, "tool_call_id": "b", "content": "2"},
                TOLD,
                {"role": "assistant", "content": " Both. ", "tool_calls": None},
            ],
            "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
        }
    )
    assert chat.messages == (
        Message("system", "Be brief."),
        Message("user", "1 or 2?"),
        Message("assistant", "", (ToolCall("a", "f", '{"x": 1}'), ToolCall("b", "f", '{"y": "é"}')), "Hm."),
        Message("tool", "1", call_id="a"),  # in the order of the calls
        Message("tool", "2", call_id="b"),
        Message("assistant", "Both."),
    )
    assert chat.tools == (Tool("f", "", {"type": "object", "properties": {}}),)
    assert chat.declares_tools and chat.system == "Be brief."


def test_tools_that_are_not_declared_are_those_that_the_calls_show():
    calls = calling(call(), call("b", '{"y": 2, "x": 3}'), call("c", "{}", "g"))
    chat = read_chat({"messages": [ASK, calls]})
    assert [tool.name for tool in chat.tools] == ["f", "g"] and not chat.declares_tools
    assert chat.tools[0].schema["properties"] == {"x": {"type": "string"}, "y": {"type": "string"}}


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ([], "the last message must be the assistant's"),
        ([ASK], "the last message must be the assistant's"),
        ([ASK, calling(call()), TOLD], "the last message must be the assistant's"),
        (["?"], "message 1: it must be an object with role and content"),
        ([{"role": "function", "content": ""}], "message 1: unknown role 'function'"),
        ([{"role": ["user"], "content": ""}], r"message 1: unknown role \"\['user'\]\""),
        ([ASK, ASK, SAY], "message 2: a message of role user cannot follow one of role user"),
        ([SAY], "message 1: a message of role assistant cannot be the first"),
        ([ASK, SAY, SAY], "message 3: a message of role assistant cannot follow one of role assistant"),
        ([ASK, SAY, {"role": "system", "content": "?"}], "message 3: a message of role system cannot follow"),
        ([ASK, calling(call()), TOLD, ASK, SAY], "message 4: a message of role user cannot follow one of role tool"),
        ([ASK, TOLD, SAY], "message 2: no call before it waits for the result of a"),
        ([ASK, calling(call()), TOLD, TOLD, SAY], "message 4: no call before it waits for the result of a"),
        ([ASK, calling(call()), ASK, SAY], "message 3: the call a before it has no message of role tool"),
        ([ASK, calling(call(), call("b")), TOLD, SAY], "message 4: the call b before it has no message of role tool"),
        ([ASK, calling(call(), call())], "message 2: two of its tool_calls have the same id"),
        ([{"role": "user", "content": " "}, SAY], "message 1: its content is empty"),
        ([{"role": "user"}, SAY], "message 1: its content is empty"),
        ([ASK, {"role": "assistant", "content": ""}], "message 2: it has neither content nor tool_calls"),
        ([{"role": "user", "content": [{"type": "image_url"}]}, SAY], "message 1: its content must be text"),
        ([{"role": "user", "content": 3}, SAY], "message 1: its content must be text"),
        ([ASK, {"role": "assistant", "function_call": {}}], "message 2: function_call is an old form"),
        ([ASK, {**SAY, "weight": 0}], "message 2: weights are not known here"),
        ([ASK, {**SAY, "tool_calls": {}}], "message 2: tool_calls must be a list"),
        ([ASK, calling("f()")], "message 2: each of tool_calls must be an object with id and function"),
        ([ASK, calling(call(name=""))], "message 2: the name of a call must be text"),
        ([ASK, calling(call(identity=None))], "message 2: the id of the call of f must be text"),
        ([ASK, calling(call(arguments="x=1"))], "message 2: the arguments of f must be a JSON object: x=1"),
        ([ASK, calling(call(arguments="[1]"))], r"message 2: the arguments of f must be a JSON object: \[1\]"),
        ([ASK, calling(call(arguments='{"x": 1e999}'))], "message 2: the arguments of f must be a JSON object"),
        ([ASK, calling(call(arguments="[" * 100_000))], "message 2: the arguments of f must be a JSON object"),
    ],
)
def test_what_cannot_be_learned_is_named_in_one_line(messages, said):
    with pytest.raises(UsageError, match=f"^{said}") as caught:
        read_chat({"messages": messages})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"tools": {}}, None),
        ({"tools": "f"}, "tools must be a list"),
        ({"tools": ["f"]}, "tool 1: it must be an object with type"),
        ({"tools": [{"function": {"name": None}}]}, "tool 1: its name must be text"),
        ({"tools": [{"function": {"name": "f", "description": 3}}]}, "tool 1: its description must be text"),
        ({"tools": [{"function": {"name": "f", "parameters": []}}]}, None),
        ({"tools": [{"function": {"name": "f", "parameters": "x"}}]}, "tool 1: parameters must be a JSON schema"),
        ({"tools": [{"function": {"name": "f", "parameters": {"required": 1}}}]}, "tool 1: parameters must be a JSON"),
        ({"tools": [{"function": {"name": "f", "parameters": {"properties": [1]}}}]}, "tool 1: parameters must be"),
        ({"tools": [{"function": {"name": "g"}}]}, "it calls f, which is not among its tools"),
        ({"functions": []}, "functions are an old form of the API: write them as tools"),
    ],
)
def test_tools_that_are_none_are_named(more, said):
    record = {"messages": [ASK, calling(call())], **json.loads(json.dumps(more))}
    if said is None:
        assert read_chat(record).tools[0].name == "f"
        return
    with pytest.raises(UsageError, match=f"^{said}"):
        read_chat(record)
