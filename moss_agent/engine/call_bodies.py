"""The calls in what chat models write: JSON objects, functions with parameters in tags, names before JSON."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Collection, Mapping
from typing import Any

from moss_agent.messages import ToolCall

NAME = re.compile(r'"name"\s*:\s*"([^"\\]+)"')
ARGUMENTS = re.compile(r'"(?:arguments|parameters)"\s*:\s*')
KEYS = {"name", "arguments", "parameters", "type", "id"}  # of an object that is a call
FUNCTION = re.compile(r"\s*<function=([^>\s]+)>(.*?)(</function>|</tool_call>\s*\Z|\Z)", re.DOTALL)
PARAMETER = re.compile(r"([^>\s]+)>\n?", re.DOTALL)
NAMED = re.compile(r"\s*([\w.:-]+)\s*(?:\[CALL_ID\]\w*)?(?:\[ARGS\])?\s*(?=\{)")
OBJECT = re.compile(r"[^\s;,]")
STRUCTURE = re.compile(r'["\\{}\[\]]')


class JsonEnd:
    """Finds where the JSON object or array ends that begins at `start`, in a text that grows."""

    def __init__(self, start: int) -> None:
        self._depth = 0
        self._in_string = False
        self._escaped = -1  # where the escaped character of a string stands
        self._position = start

    def find(self, text: str) -> int:
        """Return the position behind the value, -1 before it is there."""
        start, self._position = self._position, len(text)
        for match in STRUCTURE.finditer(text, start):
            at, sign = match.start(), match.group()
            if at == self._escaped:
                continue
            if self._in_string:
                self._escaped = at + 1 if sign == "\\" else self._escaped
                self._in_string = sign != '"'
            elif sign == '"':
                self._in_string = True
            elif sign != "\\":
                self._depth += 1 if sign in "{[" else -1
                if self._depth <= 0:
                    return at + 1
        return -1


def refuse_constant(constant: str) -> Any:
    """Raise ValueError: what Python's parser takes for NaN and infinities is no JSON."""
    raise ValueError(f"{constant} is no JSON")


def make_call(name: str, arguments: str) -> ToolCall:
    """Return a call with an id that no other has."""
    return ToolCall(secrets.token_hex(5)[:9], name, arguments)


def calls_in_json(text: str) -> list[ToolCall]:
    """Return the calls of objects, or lists of them, that follow one another; nothing if it is something else.

    The last object may be broken: its arguments are what was written. Brackets too many at the end mean nothing.
    """
    text = text.strip()
    if text.startswith("{{") and text.endswith("}}"):  # as a widespread template shows it by mistake
        text = text[1:-1]
    decoder = json.JSONDecoder(strict=False, parse_constant=refuse_constant)
    calls: list[ToolCall] = []
    at = 0
    while at := _next(text, at):
        try:
            value, at = decoder.raw_decode(text, at - 1)
        except (ValueError, RecursionError):
            if calls and not text[at - 1 :].strip("]} \n"):
                return calls
            broken = _broken_call(text[at - 1 :])
            return [*calls, broken] if broken else []
        for item in value if isinstance(value, list) else [value]:
            call = _call_of(item)
            if call is None:
                return []
            calls.append(call)
    return calls


def whole_message(text: str, names: Collection[str]) -> list[ToolCall]:
    """Return the calls that a message consists of, of tools with these names; nothing if it is something else."""
    calls = calls_in_json(_without_fence(text.strip()))
    return calls if all(call.name in names for call in calls) else []


def calls_in_tags(text: str, schemas: Mapping[str, Mapping[str, Any]]) -> list[ToolCall]:
    """Return the calls of functions whose parameters stand in tags, typed by the tool's schema, or in a JSON object.

    One that is cut off, or has anything else, has what was written as its arguments, which are none.
    """
    calls: list[ToolCall] = []
    at = 0
    while match := FUNCTION.match(text, at):
        calls.append(_tagged_call(match, schemas))
        at = match.end()
    return calls


def _tagged_call(match: re.Match[str], schemas: Mapping[str, Mapping[str, Any]]) -> ToolCall:
    name, body, end = match.groups()
    if not end:
        return make_call(name, body.strip() or match[0].strip())
    head, *parts = body.split("<parameter=")
    if head.strip():  # JSON, as Llama 3.1 is told to write it
        return make_call(name, _as_json(body.strip()))
    types = schemas.get(name, {}).get("properties", {})
    values: dict[str, Any] = {}
    for part in parts:
        key, (value, end, _) = PARAMETER.match(part), part.rpartition("</parameter>")
        if not key or not end:
            return make_call(name, body.strip())
        values[key[1]] = _typed(value[key.end() :].removesuffix("\n"), types.get(key[1]))
    return make_call(name, json.dumps(values, ensure_ascii=False))


def named_call(text: str) -> list[ToolCall]:
    """Return the call of a name before its arguments, or the calls of a list of objects."""
    match = NAMED.match(text)
    if not match:
        return calls_in_json(text)
    arguments = text[match.end() :].strip()
    return [make_call(match[1], _as_json(arguments))]


def _without_fence(text: str) -> str:
    """Return what stands between the lines of a fence, or the tags around a list of tools, that are all around it."""
    if text.startswith("<tools>") and text.endswith("</tools>"):  # models confuse them with those around a call
        return text.removeprefix("<tools>").removesuffix("</tools>")
    head, line, rest = text.partition("\n")
    is_fenced = head.startswith("```") and line and rest.endswith("```") and len(rest) >= 3
    return rest[:-3] if is_fenced else text


def _next(text: str, at: int) -> int:
    """Return one more than the position of what follows the signs between objects; 0 at the end."""
    match = OBJECT.search(text, at)
    return match.end() if match else 0


def _call_of(item: Any) -> ToolCall | None:
    if isinstance(item, dict) and item.keys() == {"type", "function"}:
        item = item["function"]
    if not isinstance(item, dict) or not item.keys() <= KEYS or not isinstance(item.get("name"), str):
        return None
    arguments = item.get("arguments", item.get("parameters", {}))
    if isinstance(arguments, str):  # JSON inside of JSON
        return make_call(item["name"], arguments)
    return make_call(item["name"], json.dumps({} if arguments is None else arguments, ensure_ascii=False))


def _broken_call(text: str) -> ToolCall | None:
    name, arguments = NAME.search(text), ARGUMENTS.search(text)
    if not name or not arguments or not text.startswith("{"):
        return None
    return make_call(name[1], text[arguments.end() :].strip())


def _typed(value: str, schema: Any) -> Any:
    """Return a parameter as JSON reads it, unless the schema takes text."""
    types = _types(schema)
    if "string" in types and not (value == "null" and "null" in types):
        return value
    try:
        return json.loads(value, parse_constant=refuse_constant)
    except (ValueError, RecursionError):
        return value


def _types(schema: Any) -> set[str]:
    """Return the JSON types that a schema names, with those of its alternatives, and that of text among its values."""
    if not isinstance(schema, Mapping):
        return set()
    named = schema.get("type", ())
    types = {named} if isinstance(named, str) else set(named)
    types |= {"string" for value in schema.get("enum", ()) if isinstance(value, str)}
    return types.union(*map(_types, schema.get("anyOf", ())))


def _as_json(text: str) -> str:
    """Return JSON as it is written everywhere else; other text as it is."""
    try:
        return json.dumps(json.loads(text, strict=False, parse_constant=refuse_constant), ensure_ascii=False)
    except (ValueError, RecursionError):
        return text
