"""A conversation as the messages of a chat model, and its calls as ours."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count, islice
from typing import Any

from moss_agent.dialects.results import Told
from moss_agent.errors import one_line
from moss_agent.events import Call, Citation, Value
from moss_agent.messages import Message, Tool, ToolCall
from moss_agent.plugin_host import Plugin
from moss_agent.protocol import NO_RESULT, Command, as_told, as_value, as_written, join_surrogates, neutralise
from moss_agent.records import Round, Turn, as_command

NOT_RUN = "Not run: the turn has had too many calls."
EMPTY = "…"  # some servers refuse an empty message
SHOWN = "Done: the person sees the picture."
CITE = "(Behind each statement in your answer that a passage supports, write its number, like this: [{}].)"
_LONGEST_ERROR = 300  # characters

# What templates of chat models write as structure, besides what `neutralise` knows.
_TAG = re.compile(
    r"<(/?(?:tool_call|tool_response|tool_result|tools|think|start_of_turn|end_of_turn|arg_key|arg_value)\b[^<>]{0,99}"
    r"|/?s|bos|eos|sop|eop"
    r"|/?(?:seed|minimax):\w{2,40}"
    r"|\|\w{2,40}|\w{2,40}\||\|\"\|"  # Gemma 4: <|turn>, <turn|>, <|"|>
    r"|｜[^<>｜\n]{1,98}｜)>"  # DeepSeek  # noqa: RUF001
)
_BRACKETS = re.compile(
    r"\[/?(?:INST|SYSTEM_PROMPT|TOOL_CALLS|TOOL_RESULTS|AVAILABLE_TOOLS|TOOL_CONTENT|ARGS|CALL_ID|THINK|gMASK)\]"
    r"|\[e~\[|\]~!?b[\[\]]"  # MiniMax
)


class FaultyArguments(ValueError):
    """What a model wrote as arguments is none. The message says why, in one line."""


def harmless(text: str) -> str:
    """Return text from outside without what a template of a chat model could take for structure."""
    return _BRACKETS.sub(lambda found: f"❲{found[0][1:-1]}❳", _TAG.sub(r"‹\1›", neutralise(text)))


def tool_of(plugin: Plugin) -> Tool:
    """Return what a model is told of a plugin."""
    description = plugin.description or plugin.label
    return Tool(plugin.name, harmless(" ".join(description.split())), plugin.schema)


def turn_messages(turn: Turn, tools: Mapping[str, Tool]) -> Iterator[Message]:
    """Yield a turn that is over: the question, calls and results, what was said."""
    yield Message("user", harmless(turn.question))
    for done in turn.rounds:
        for message in round_messages(done, tools, done.thoughts):
            yield replace(message, reasoning="", past_reasoning=message.reasoning)
    last = turn.rounds[-1]
    thoughts = "" if last.calls else last.thoughts
    yield Message("assistant", harmless(as_written(turn.answer)) or EMPTY, past_reasoning=thoughts)


def round_messages(done: Round, tools: Mapping[str, Tool], reasoning: str) -> Iterator[Message]:
    """Yield a round's calls and their results; nothing of a round without calls but what was said.

    reasoning: what models that think between their calls are given back while the turn lasts.
    """
    calls = tuple(ToolCall(call.id or str(i), call.name, _arguments(call, tools)) for i, call in enumerate(done.calls))
    if calls or done.text:
        yield Message("assistant", harmless(as_written(done.text)), calls, reasoning if calls else "")
    for made, call in zip(calls, done.calls, strict=True):
        yield Message("tool", harmless(as_told(call.result)), call_id=made.id)


def numbered(messages: Sequence[Message]) -> list[Message]:
    """Return the messages with call ids that all templates take: nine letters and digits, in order of appearance."""
    numbers = (f"call{number:05d}" for number in count())
    ids: dict[str, str] = {}
    result = []
    for message in messages:
        ids |= {call.id: next(numbers) for call in message.calls}
        calls = tuple(replace(call, id=ids[call.id]) for call in message.calls)
        result.append(replace(message, calls=calls, call_id=ids.get(message.call_id, "")))
    return result


def command_of(call: ToolCall, tools: Mapping[str, Tool]) -> Command:
    """Return the command that a call means. Raises FaultyArguments."""
    named = _values(call.arguments)
    tool = tools.get(call.name)
    positional: list[Value] = []
    for name in tool.schema["properties"] if tool else ():
        if name not in named:
            break
        positional.append(named.pop(name))
    return Command(call.name, tuple(positional), named)


def for_chat(told: Told) -> Told:
    """Return the calls with the results that a chat model is told, which numbers the passages of searches only."""
    numbers = iter(sorted(told.sources))  # the passages have the first, in the order of the calls
    calls: list[Call] = []
    sources: dict[int, Citation] = {}
    for call in told.calls:
        found = [told.sources[number] for number in islice(numbers, len(call.hits))]
        calls.append(replace(call, result=_result_text(call, found)))
        sources |= {source.number: source for source in found}
    return Told(told.text, tuple(calls), sources)


def _result_text(call: Call, sources: Sequence[Citation]) -> str:
    """Return what a chat model is told of a call. sources: the call's hits, numbered."""
    if not call.ok:
        reason = one_line(call.error)[:_LONGEST_ERROR]
        return call.result if call.result != NO_RESULT or not reason else f"{NO_RESULT} {reason}"
    if call.images:
        return SHOWN
    if not sources:
        return call.result
    passages = ("\n".join(filter(None, (f"[{s.number}] {s.title}", s.url, s.text))) for s in sources)
    return "\n\n".join([*passages, CITE.format(sources[0].number)])


def _arguments(call: Call, tools: Mapping[str, Tool]) -> str:
    """Return the arguments as a JSON object; those by position get the names of the plugin's parameters."""
    tool, command = tools.get(call.name), as_command(call)
    names = [*tool.schema["properties"]] if tool else []
    names += [f"argument_{i}" for i in range(len(names), len(command.arguments))]
    given = dict(zip(names, command.arguments, strict=False)) | dict(command.named)
    return harmless(json.dumps(given, ensure_ascii=False))


def _values(arguments: str) -> dict[str, Value]:
    """Return the arguments by name. Raises FaultyArguments."""
    try:
        data = json.loads(arguments.strip() or "{}", parse_constant=_refuse)
        if isinstance(data, str):  # packed twice
            data = json.loads(data, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise FaultyArguments(f"the arguments are no JSON: {one_line(arguments)[:100]}") from None
    if not isinstance(data, dict):
        raise FaultyArguments(f"the arguments must be a JSON object, not {one_line(arguments)[:100]}")
    return {name: _value(name, value) for name, value in zip(map(join_surrogates, data), data.values(), strict=True)}


def _value(name: str, value: object) -> Value:
    try:
        return as_value(value)
    except ValueError as error:
        raise FaultyArguments(f"{one_line(name)[:40]} {error}") from None


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")
