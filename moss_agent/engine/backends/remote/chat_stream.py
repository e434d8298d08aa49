"""The stream of a chat completion into reasoning, content and calls.

The format: https://platform.openai.com/docs/api-reference/chat-streaming, and what servers make of it: docs/serving.md.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from moss_agent.engine.backends.remote.chat_calls import CallPiece, Calls
from moss_agent.engine.backends.remote.stream import (
    LONGEST_TOKEN,
    Usage,
    parse_event,
    parse_usage,
    read_parts,
    well_formed,
)
from moss_agent.engine.call_forms import Forms, MessageReader
from moss_agent.errors import ServerError, one_line
from moss_agent.messages import Content, MessagePiece, Reasoning, Tool

# What some models write and their server does not read. Templates that begin the thoughts themselves (DeepSeek-R1, QwQ)
# leave nothing to tell thoughts from an answer by: such servers have to be started with their parser.
UNREAD = Forms(("<think>", "</think>"), "<tool_call>", "</tool_call>", whole=True)
REASONING_FIELDS = ("reasoning_content", "reasoning")
# Reasons why a message ends that is not whole; what else servers say is a good end.
CUT = ("length", "max_tokens", "model_length", "model_context_window_exceeded")
FAILED = re.compile("error|abort|fail|malformed|insufficient")
FILTERED = re.compile("content_filter|safety|recitation|sensitive|prohibited|blocklist|spii")


@dataclass(frozen=True)
class Delta:
    """What one event brings. reasoning_field: the name under which the server tells reasoning."""

    content: str = ""
    reasoning: str = ""
    reasoning_field: str = ""
    calls: tuple[CallPiece, ...] = ()
    finish: str = ""
    usage: Usage | None = None

    @property
    def lengths(self) -> tuple[int, ...]:
        """Characters of each part of the message in it."""
        calls = (len(piece.name) + len(piece.arguments) for piece in self.calls)
        return len(self.content), len(self.reasoning), *calls

    @property
    def goes_on(self) -> bool:
        return bool(any(self.lengths) or self.finish)


@dataclass(frozen=True)
class Ending:
    """A message that has been read. text: its content alone. pieces: events with something of the message in them."""

    text: str
    finish: Literal["end", "length"]
    pieces: int
    usage: Usage | None
    reasoning_field: str


def read_chat(
    chunks: Iterable[bytes], seconds: float, limit: int, taken: Collection[str] = (), tools: Sequence[Tool] = ()
) -> Generator[MessagePiece, None, Ending]:
    """Yield a message as it comes, calls when they are complete, and return what is to be told at its end.

    limit: tokens after which a message is cut that the server does not cut. taken: ids of earlier calls.
    tools: those that the model may call, in its text too where the server does not read such calls. Raises ServerError
    if the stream is broken, cut off, or silent for so many seconds, and if the server gives up.
    """
    message = _Message(limit, taken, tools)
    for delta in read_parts(chunks, seconds, parse_delta, Delta()):
        yield from message.add(delta)
        if message.is_too_long:
            break
    yield from message.end()
    return message.ending()


def parse_delta(data: str) -> Delta:
    """Read one event. Raises ServerError for an error that the server reports, and for no completion."""
    return parse_event(data, _delta)


class _Message:
    """The message while it comes."""

    def __init__(self, limit: int, taken: Collection[str], tools: Sequence[Tool]) -> None:
        self._limit = limit
        self._calls = Calls(taken)
        self._tools = tools
        self._forms = UNREAD if tools else UNREAD.without_calls()
        self._reader = MessageReader(self._forms, tools)
        self._text: list[str] = []
        self._pieces = 0
        self._length = 0
        self._finish = ""
        self._usage: Usage | None = None
        self._reasoning_field = ""

    @property
    def is_too_long(self) -> bool:
        return self._pieces > self._limit or self._length > self._limit * LONGEST_TOKEN

    def add(self, delta: Delta) -> Iterator[MessagePiece]:
        self._usage = delta.usage or self._usage
        self._length += sum(delta.lengths)
        self._pieces += any(delta.lengths)
        if delta.reasoning:
            self._reasoning_field = delta.reasoning_field
            yield from self._forget_tags()
            yield Reasoning(delta.reasoning)
        yield from self._noted(self._reader.push(delta.content))
        for piece in delta.calls:
            yield from self._calls.add(piece)
        if delta.finish:
            self._finish = delta.finish
            self._check()
            yield from self.end()

    def end(self) -> Iterator[MessagePiece]:
        """Yield what was held back. A call may be complete without showing it; not if the message was cut."""
        if not self._finish and not self.is_too_long and self._calls.is_cut:
            raise ServerError("the server broke off in the middle of a tool call: ask again")
        yield from self._noted(self._reader.push("", is_last=True))
        yield from self._calls.end(cut=self._is_cut)

    def ending(self) -> Ending:
        finish: Literal["end", "length"] = "length" if self._is_cut else "end"
        return Ending("".join(self._text), finish, self._pieces, self._usage, self._reasoning_field)

    @property
    def _is_cut(self) -> bool:
        return self.is_too_long or self._finish in CUT

    def _forget_tags(self) -> Iterator[MessagePiece]:
        """Look for no thoughts in the text: this server finds them itself."""
        if self._forms.thought:
            yield from self._noted(self._reader.push("", is_last=True))
            self._forms = replace(self._forms, thought=None)
            self._reader = MessageReader(self._forms, self._tools)

    def _check(self) -> None:
        if FAILED.search(self._finish):
            raise ServerError(f"the server gave up in the middle of its answer ({one_line(self._finish)}): ask again")
        if FILTERED.search(self._finish):
            raise ServerError("the server's content filter stopped the answer: ask in other words")

    def _noted(self, pieces: Iterable[MessagePiece]) -> Iterator[MessagePiece]:
        for piece in pieces:
            if isinstance(piece, Content):
                self._text.append(piece.text)
            yield piece


def _delta(event: dict[str, Any], choice: dict[str, Any]) -> Delta:
    delta = choice.get("delta") or choice.get("message") or {}
    field = next((name for name in REASONING_FIELDS if delta.get(name)), "")
    content = delta.get("content") or delta.get("refusal")
    parts = content if isinstance(content, list) else []  # Mistral's way to tell thoughts
    thoughts = [_text(part) for item in parts for part in item.get("thinking") or ()]
    return Delta(
        content="".join(map(_text, parts)) if parts else _string(content),
        reasoning=_string(delta.get(field)) + "".join(thoughts),
        reasoning_field=field,
        calls=tuple(_call_pieces(delta)),
        finish=str(choice.get("finish_reason") or "").lower(),
        usage=parse_usage(event),
    )


def _call_pieces(delta: dict[str, Any]) -> Iterator[CallPiece]:
    for item in delta.get("tool_calls") or ():
        function, index = item.get("function") or {}, item.get("index")
        yield CallPiece(
            index if type(index) is int else None,
            well_formed(str(item.get("id") or "")),
            _string(function.get("name")),
            _arguments(function.get("arguments")),
        )
    if old := delta.get("function_call"):
        yield CallPiece(0, "", _string(old.get("name")), _arguments(old.get("arguments")))


def _arguments(value: Any) -> str:
    return _string(value if isinstance(value, (str, type(None))) else json.dumps(value, ensure_ascii=False))


def _text(part: dict[str, Any]) -> str:
    return _string(part.get("text"))


def _string(value: Any) -> str:
    if not isinstance(value, (str, type(None))):
        raise TypeError("no text")
    return well_formed(value or "")
