"""Records of messages as the OpenAI API has them, with calls of tools."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal, NoReturn

from moss_agent.errors import UsageError, one_line
from moss_agent.messages import Message, Tool, ToolCall

Role = Literal["system", "user", "assistant", "tool"]

ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
}
FOLLOWS: dict[Role, tuple[str, ...]] = {
    "system": ("",),
    "user": ("", "system", "assistant"),
    "assistant": ("user", "tool"),
    "tool": ("assistant", "tool"),
}
"""The messages that one of a role may follow; "" for none."""


@dataclass(frozen=True)
class ChatRecord:
    """The messages, as they were written. tools: those that the record declares, else what its calls show of them."""

    messages: tuple[Message, ...]
    tools: tuple[Tool, ...]
    declares_tools: bool

    @property
    def system(self) -> str:
        """The system message; "" if there is none."""
        return self.messages[0].content if self.messages[0].role == "system" else ""


def read_chat(record: Mapping[str, Any]) -> ChatRecord:
    """Read a record. Raises UsageError, naming the message, if a model cannot learn from it as it is."""
    if "functions" in record:
        raise UsageError("functions are an old form of the API: write them as tools")
    messages = [_message(data, f"message {number}") for number, data in _numbered(record, "messages")]
    _check_order(messages)
    tools = [_tool(data, f"tool {number}") for number, data in _numbered(record, "tools")]
    calls = [call for message in messages for call in message.calls]
    names = {tool.name for tool in tools}
    if tools and (unknown := [call.name for call in calls if call.name not in names]):
        raise UsageError(f"it calls {one_line(unknown[0], 60)}, which is not among its tools")
    return ChatRecord(tuple(_in_order(messages)), tuple(tools or shown_tools(calls)), bool(tools))


def shown_tools(calls: Iterable[ToolCall]) -> list[Tool]:
    """Return the tools that the calls show: their names, and their parameters, all of them text."""
    parameters: dict[str, dict[str, Any]] = {}
    for call in calls:
        parameters.setdefault(call.name, {}).update(dict.fromkeys(json.loads(call.arguments), {"type": "string"}))
    return [text_tool(name, name, properties) for name, properties in parameters.items()]


def text_tool(name: str, description: str, parameters: Iterable[str]) -> Tool:
    """Return a tool whose parameters are text, all of them required."""
    properties = {parameter: {"type": "string"} for parameter in parameters}
    return Tool(name, description, {"type": "object", "properties": properties, "required": [*properties]})


def _numbered(record: Mapping[str, Any], field: str) -> Iterable[tuple[int, Any]]:
    items = record.get(field) or []
    if not isinstance(items, list):
        raise UsageError(f"{field} must be a list")
    return enumerate(items, 1)


def _message(data: Any, where: str) -> Message:
    if not isinstance(data, Mapping):
        _refuse(where, "it must be an object with role and content")
    role = ROLES.get(str(data.get("role")))
    if role is None:
        _refuse(where, f"unknown role {one_line(data.get('role'), 40)!r}: write system, user, assistant or tool")
    if "function_call" in data:
        _refuse(where, "function_call is an old form of the API: write tool_calls")
    if data.get("weight", 1) != 1:
        _refuse(where, "weights are not known here: leave out conversations that shall not be learned")
    content = _text(data.get("content"), where)
    if role == "tool":
        return Message(role, content, call_id=_name(data.get("tool_call_id"), where, "tool_call_id"))
    if role != "assistant":
        if not content.strip():
            _refuse(where, "its content is empty")
        return Message(role, content)
    calls = tuple(_call(call, where) for call in _calls(data.get("tool_calls"), where))
    if not content.strip() and not calls:
        _refuse(where, "it has neither content nor tool_calls")
    if len({call.id for call in calls}) < len(calls):
        _refuse(where, "two of its tool_calls have the same id")
    return Message(role, content.strip(), calls, _text(data.get("reasoning_content"), where).strip())


def _text(content: Any, where: str) -> str:
    """Return content: text, parts of text, or nothing."""
    if content is None or isinstance(content, str):
        return content or ""
    parts = content if isinstance(content, list) else [content]
    texts = [part.get("text") if isinstance(part, Mapping) else None for part in parts]
    if not all(isinstance(text, str) for text in texts):
        _refuse(where, "its content must be text")
    return "".join(map(str, texts))


def _calls(calls: Any, where: str) -> list[Any]:
    if calls is not None and not isinstance(calls, list):
        _refuse(where, "tool_calls must be a list")
    return calls or []


def _call(data: Any, where: str) -> ToolCall:
    function = data.get("function") if isinstance(data, Mapping) else None
    if not isinstance(function, Mapping):
        _refuse(where, "each of tool_calls must be an object with id and function")
    name = _name(function.get("name"), where, "the name of a call")
    identity = _name(data.get("id"), where, f"the id of the call of {one_line(name, 60)}")
    arguments = function.get("arguments") or {}
    try:
        read = json.loads(arguments) if isinstance(arguments, str) else arguments
        text = json.dumps(read, ensure_ascii=False, allow_nan=False)
    except (ValueError, RecursionError):
        read = text = None
    if not isinstance(read, dict) or text is None:
        _refuse(where, f"the arguments of {one_line(name, 60)} must be a JSON object: {one_line(arguments, 80)}")
    return ToolCall(identity, name, text)


def _tool(data: Any, where: str) -> Tool:
    function = data.get("function") if isinstance(data, Mapping) else None
    if not isinstance(function, Mapping):
        _refuse(where, 'it must be an object with type "function" and function')
    schema = function.get("parameters") or {}
    properties = schema.get("properties") or {} if isinstance(schema, Mapping) else None
    if not isinstance(properties, Mapping) or not isinstance(schema.get("required") or [], list):
        _refuse(where, "parameters must be a JSON schema of an object")
    description = function.get("description") or ""
    if not isinstance(description, str):
        _refuse(where, "its description must be text")
    name = _name(function.get("name"), where, "its name")
    return Tool(name, description, {"type": "object", **schema, "properties": dict(properties)})


def _name(value: Any, where: str, what: str) -> str:
    if not isinstance(value, str) or not value.strip():
        _refuse(where, f"{what} must be text, and not empty")
    return value


def _check_order(messages: Sequence[Message]) -> None:
    """Raise UsageError unless these are questions, calls, the results of each, and answers, in this order."""
    before, waiting = "", set[str]()
    for number, message in enumerate(messages, 1):
        where = f"message {number}"
        if message.role == "tool" and message.call_id not in waiting:
            _refuse(where, f"no call before it waits for the result of {one_line(message.call_id, 60)}")
        if message.role != "tool" and waiting:
            _refuse(where, f"the call {one_line(min(waiting), 60)} before it has no message of role tool")
        if before not in FOLLOWS[message.role]:
            told = f"cannot follow one of role {before}" if before else "cannot be the first"
            _refuse(where, f"a message of role {message.role} {told}")
        waiting = (waiting | {call.id for call in message.calls}) - {message.call_id}
        before = message.role
    if before != "assistant":
        raise UsageError("the last message must be the assistant's, which is what a model learns")


def _in_order(messages: Sequence[Message]) -> Iterator[Message]:
    """Yield the messages, results in the order of their calls: so the runtime tells them."""
    calls: list[str] = []
    for role, group in groupby(messages, lambda message: message.role):
        members = list(group)
        if role == "tool":
            members.sort(key=lambda message: calls.index(message.call_id))
        calls = [call.id for call in members[-1].calls]
        yield from members


def _refuse(where: str, reason: str) -> NoReturn:
    raise UsageError(f"{where}: {reason}")
