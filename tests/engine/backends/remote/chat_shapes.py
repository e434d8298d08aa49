"""Streams of chat completions in the shapes of the servers, written after their documentation and reported streams."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from moss_agent.messages import Content, MessagePiece, Reasoning, ToolCall


def call(index: int | None = None, id: str | None = None, name: str | None = None, arguments: Any = None) -> dict:
    """One entry of `tool_calls`; what is None is left out."""
    function = {key: value for key, value in [("name", name), ("arguments", arguments)] if value is not None}
    told = {"index": index, "id": id, "function": function or None}
    return {"type": "function", **{key: value for key, value in told.items() if value is not None}}


def delta(finish: str | None = None, **fields: Any) -> dict:
    return {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": fields, "finish_reason": finish}]}


def calls(*entries: dict, finish: str | None = None) -> dict:
    return delta(finish, tool_calls=list(entries))


def usage(prompt: int, written: int, **more: Any) -> dict:
    return {"choices": [], "usage": {"prompt_tokens": prompt, "completion_tokens": written, **more}}


def sent(*events: dict | str, done: bool = True) -> bytes:
    """The bytes of a stream; a text is sent as it is."""
    lines = [event if isinstance(event, str) else f"data: {json.dumps(event)}\n\n" for event in events]
    return "".join([*lines, "data: [DONE]\n\n" if done else ""]).encode()


@dataclass(frozen=True)
class Shape:
    """A stream and what is read from it; an id that no server told is empty in `written`."""

    stream: bytes
    written: list[MessagePiece]


TWO = [ToolCall("call_a", "add", '{"numbers": "1,2"}'), ToolCall("call_b", "now", "{}")]
FIRST, SECOND = ("call_a", "add", '{"numbers": "1,2"}'), ("call_b", "now", "{}")

SHAPES = {
    "OpenAI": Shape(
        sent(
            delta(role="assistant", content=None, refusal=None),
            calls(call(0, "call_a", "add", "")),
            calls(call(0, arguments='{"numb')),
            calls(call(0, arguments='ers": "1,2"}')),
            calls(call(1, "call_b", "now", "")),
            calls(call(1, arguments="{}")),
            delta("tool_calls"),
            usage(20, 9, prompt_tokens_details={"cached_tokens": 16}),
        ),
        [*TWO],
    ),
    "DeepSeek": Shape(
        sent(
            ": keep-alive\n\n",
            delta(role="assistant", content=None, reasoning_content=""),
            delta(content=None, reasoning_content="Two "),
            delta(content=None, reasoning_content="numbers."),
            delta(content="", reasoning_content=None),
            calls(call(0, "call_a", "add", "")),
            calls(call(0, arguments='{"numbers": "1,2"}')),
            {**delta("tool_calls", content=""), "usage": {"prompt_tokens": 20, "prompt_cache_hit_tokens": 16}},
        ),
        [Reasoning("Two "), Reasoning("numbers."), TWO[0]],
    ),
    "Ollama: whole calls, all with index 0": Shape(
        sent(
            delta(role="assistant", content="", reasoning="Two numbers."),
            delta(role="assistant", content="", tool_calls=[call(0, *FIRST)]),
            delta(role="assistant", content="", tool_calls=[call(0, *SECOND)]),
            delta("tool_calls", role="assistant", content=""),
            usage(20, 9),
        ),
        [Reasoning("Two numbers."), *TWO],
    ),
    "Ollama before 0.4.7: no index": Shape(
        sent(delta(content="", tool_calls=[call(None, *FIRST), call(None, *SECOND)]), delta("stop", content="")),
        [*TWO],
    ),
    "llama.cpp": Shape(
        sent(
            delta(role="assistant", content=None),
            delta(reasoning_content="Two numbers."),
            calls(call(0, "call_a", "add", "{")),
            calls(call(0, arguments='"numbers"')),
            calls(call(0, arguments=': "1,2"')),
            calls(call(0, arguments="}")),
            calls(call(1, "call_b", "now", "{}")),
            {**delta("tool_calls"), "timings": {"prompt_n": 4, "predicted_n": 9}},
            usage(20, 9),
        ),
        [Reasoning("Two numbers."), *TWO],
    ),
    "vLLM": Shape(
        sent(
            delta(role="assistant", content=""),
            delta(reasoning="Two "),
            delta(reasoning="numbers."),
            calls(call(0, "call_a", "add")),
            calls(call(0, arguments='{"numbers": ')),
            calls(call(0, arguments='"1,2"}')),
            calls(call(1, "call_b", "now")),
            calls(call(1, arguments="{}")),
            {"choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "tool_calls", "stop_reason": None}]},
            usage(20, 9),
        ),
        [Reasoning("Two "), Reasoning("numbers."), *TWO],
    ),
    "LM Studio": Shape(
        sent(
            delta(role="assistant", content="I add."),
            calls(call(0, "call_a", "add", "")),
            calls(call(0, arguments='{"numbers": "1,2"}')),
            delta("tool_calls"),
        ),
        [Content("I add."), TWO[0]],
    ),
    "transformers serve": Shape(
        sent(
            delta(role="assistant"),
            delta(reasoning_content="Two numbers."),
            calls(call(0, *FIRST)),
            calls(call(1, *SECOND)),
            {**delta("tool_calls"), "usage": {"prompt_tokens": 20, "completion_tokens": 9, "total_tokens": 29}},
            done=False,
        ),
        [Reasoning("Two numbers."), *TWO],
    ),
    "DashScope: empty ids and nothing at all afterwards": Shape(
        sent(
            delta(role="assistant", content=None, tool_calls=[call(0, "call_a", "add", "")]),
            calls({"index": 0, "id": "", "type": "function", "function": {"name": None, "arguments": '{"numbers": '}}),
            calls({"index": 0, "id": "", "type": "function", "function": {"name": "", "arguments": '"1,2"}'}}),
            calls({"index": 0, "id": "", "type": "function", "function": {"name": None, "arguments": None}}),
            calls({"index": 0, "id": "", "type": "function", "function": {"arguments": ""}}),
            {**delta("tool_calls", content=None), "usage": None},
            usage(20, 9),
        ),
        [TWO[0]],
    ),
    "OpenRouter": Shape(
        sent(
            ": OPENROUTER PROCESSING\n\n",
            delta(role="assistant", content="", reasoning="Two numbers.", reasoning_details=[{"text": "Two numbers."}]),
            delta(role="assistant", content="It is "),
            delta(role="assistant", content="3."),
            delta("stop", role="assistant", content=""),
            {**delta(role="assistant", content=""), "usage": {"prompt_tokens": 20, "completion_tokens": 9}},
        ),
        [Reasoning("Two numbers."), Content("It is "), Content("3.")],
    ),
    "Gemini: no index, the end in the call's event": Shape(
        sent(calls(call(None, *FIRST)), calls(call(None, *SECOND), finish="stop")),
        [*TWO],
    ),
    "Mistral: thoughts among the parts of the content": Shape(
        sent(
            delta(content=[{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}]),
            delta(content=[{"type": "text", "text": "It is 3."}]),
            delta("stop", content=""),
        ),
        [Reasoning("Hm."), Content("It is 3.")],
    ),
    "thoughts between tags": Shape(
        sent(
            *[delta(content=piece) for piece in ("\n<th", "ink>\nTwo num", "bers.</t", "hink>\n", "\nIt is", " 3.")],
            delta("stop"),
        ),
        [Reasoning("Two num"), Reasoning("bers."), Content("It is"), Content(" 3.")],
    ),
    "functions, as they were before tools": Shape(
        sent(
            delta(function_call={"name": "add", "arguments": '{"numbers"'}),
            delta(function_call={"arguments": ': "1,2"}'}),
            delta("function_call"),
        ),
        [ToolCall("", "add", '{"numbers": "1,2"}')],
    ),
    "the name in every piece": Shape(
        sent(
            calls(call(0, "call_a", "add", '{"numbers"')),
            calls(call(0, "call_a", "add", ': "1,2"}')),
            calls(call(1, "call_b", "now", "")),
            delta("tool_calls"),
        ),
        [*TWO],
    ),
    "one id and one index for several calls": Shape(
        sent(
            calls(call(0, "call_a", "add", '{"numbers": "1,2"}')),
            calls(call(0, "call_a", "add", '{"numbers": "3,4"}')),
            delta("tool_calls"),
        ),
        [TWO[0], ToolCall("", "add", '{"numbers": "3,4"}')],
    ),
    "neither ids nor indexes": Shape(
        sent(
            calls(call(None, None, "add", '{"numbers": "1,2"}')),
            calls(call(None, None, "now", "")),
            calls(call(None, None, "add", '{"numbers": ')),
            calls(call(None, None, None, '"3,4"}')),
            delta("stop"),
        ),
        [
            ToolCall("", "add", '{"numbers": "1,2"}'),
            ToolCall("", "now", "{}"),
            ToolCall("", "add", '{"numbers": "3,4"}'),
        ],
    ),
    "one index and no arguments for two calls of one tool": Shape(
        sent(calls(call(0, "call_a", "now", "")), calls(call(0, "call_b", "now", "")), delta("tool_calls")),
        [ToolCall("call_a", "now", "{}"), TWO[1]],
    ),
    "the index from the second piece on": Shape(
        sent(
            calls(call(None, "call_a", "add", '{"numbers": ')),
            calls(call(0, arguments='"1,2"}')),
            delta("tool_calls"),
        ),
        [TWO[0]],
    ),
    "an id for the second call only": Shape(
        sent(
            calls(call(None, None, "now", "")),
            calls(call(None, "call_a", "add", '{"numbers": ')),
            calls(call(None, None, None, '"1,2"}')),
            delta("tool_calls"),
        ),
        [ToolCall("", "now", "{}"), TWO[0]],
    ),
    "twice the same call, with neither ids nor indexes": Shape(
        sent(calls(call(None, None, "now", "{}")), calls(call(None, None, "now", "{}")), delta("tool_calls")),
        [ToolCall("", "now", "{}"), ToolCall("", "now", "{}")],
    ),
    "pieces of two calls in turn": Shape(
        sent(
            calls(call(0, "call_a", "add", ""), call(1, "call_b", "now", "")),
            calls(call(0, arguments='{"numbers": '), call(1, arguments="{")),
            calls(call(0, arguments='"1,2"}'), call(1, arguments="}")),
            delta("tool_calls"),
        ),
        [*TWO],
    ),
    "arguments as an object": Shape(
        sent(calls(call(0, "call_a", "add", {"numbers": "1,2"})), calls(call(1, "call_b", "now", {}), finish="stop")),
        [*TWO],
    ),
    "no arguments": Shape(
        sent(calls(call(0, "call_a", "now"), call(1, "call_b", "now", "null")), delta("tool_calls")),
        [ToolCall("call_a", "now", "{}"), TWO[1]],
    ),
    "an empty object before the arguments": Shape(
        sent(
            calls(call(0, "call_a", "add", "{}")),
            calls(call(0, arguments='{"numbers": ')),
            calls(call(0, arguments='"1,2"}')),
            delta("tool_calls"),
        ),
        [TWO[0]],
    ),
    "a second call in the pieces of the first": Shape(
        sent(
            calls(call(0, "call_a", "add", "")),
            calls(call(0, name="", arguments='{"numbers": "1,2"}')),
            calls(call(0, name="", arguments='{"numbers": "3,4"}')),
            delta("tool_calls"),
        ),
        [TWO[0], ToolCall("", "add", '{"numbers": "3,4"}')],
    ),
    "the whole call once more at the end": Shape(
        sent(
            calls(call(0, "call_a", "add", '{"numbers":')),
            calls(call(0, arguments=' "1,2"}')),
            calls(call(0, *FIRST), finish="tool_calls"),
        ),
        [TWO[0]],
    ),
    "arguments that are no JSON": Shape(
        sent(calls(call(0, "call_a", "add", "{numbers: 1}")), calls(call(1, *SECOND)), delta("tool_calls")),
        [ToolCall("call_a", "add", "{numbers: 1}"), TWO[1]],
    ),
    "the id and the name after the arguments": Shape(
        sent(
            calls(call(0, arguments='{"numbers": "1,2"}')), calls(call(0, name="add")), calls(call(1, *SECOND)),
            delta("tool_calls"),
        ),
        [ToolCall("", "add", '{"numbers": "1,2"}'), TWO[1]],
    ),
}  # fmt: skip
