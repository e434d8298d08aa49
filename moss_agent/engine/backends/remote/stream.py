"""Server-sent events into what they bring: JSON, errors, counts; and into pieces of a completion.

The format: https://html.spec.whatwg.org/multipage/server-sent-events.html (fields other than `data` mean nothing
here) and https://platform.openai.com/docs/api-reference/completions for the JSON in it.
"""

from __future__ import annotations

import codecs
import io
import json
import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import msgspec

from moss_agent.engine.backends.remote.error_words import said_in
from moss_agent.errors import ServerError, one_line

LONGEST_EVENT = 1 << 20  # characters
LONGEST_TOKEN = 256  # characters
DONE = "[DONE]"


@dataclass(frozen=True)
class Usage:
    """Tokens as the server counts them. cached: those of the prompt that it still had; None if it does not say."""

    prompt: int
    written: int
    cached: int | None = None


@dataclass(frozen=True)
class Piece:
    """What one event brings.

    tokens: ids of `text`, from servers that tell them. finish: why the text ended, empty while it goes on.
    usage: None while the server does not say.
    """

    text: str = ""
    tokens: tuple[int, ...] = ()
    finish: str = ""
    usage: Usage | None = None

    @property
    def goes_on(self) -> bool:
        return bool(self.text or self.tokens or self.finish)


class Part(Protocol):
    """What an event brings. finish: why the answer ended, empty while it goes on.

    goes_on: whether it brings something of the answer, or its end; counts and ids alone are none.
    """

    @property
    def finish(self) -> str: ...

    @property
    def goes_on(self) -> bool: ...


AnyPart = TypeVar("AnyPart", bound=Part)


def read_pieces(chunks: Iterable[bytes], seconds: float) -> Iterator[Piece]:
    """Yield the pieces of a completion. Raises ServerError as `read_parts` does."""
    return read_parts(chunks, seconds, parse_piece, Piece())


def read_parts(
    chunks: Iterable[bytes], seconds: float, parse: Callable[[str], AnyPart], nothing: AnyPart
) -> Iterator[AnyPart]:
    """Yield what `parse` makes of each event, unless it is `nothing`, up to the end that the server marks.

    Raises ServerError if the stream is broken, cut off, or brings nothing of the answer for so many seconds before
    that has ended; once it has, only counts can be missing. The seconds before the first event, in which the server may
    have been asked several times, are the connection's to count.
    """
    finished, deadline = False, math.inf
    try:
        for data in read_events(chunks):
            if data == DONE:
                return
            part = parse(data) if data else nothing
            now = time.monotonic()
            if part.goes_on or deadline == math.inf:
                finished, deadline = finished or bool(part.finish), now + seconds
            elif now > deadline:
                raise ServerError(f"the server has sent no text for {seconds:g} seconds (setting server_timeout)")
            if part != nothing:
                yield part
    except ServerError:
        if not finished:
            raise
    if not finished:
        raise ServerError("the server broke off in the middle of its text: ask again")


def read_events(chunks: Iterable[bytes]) -> Iterator[str]:
    """Yield the data of each event; an empty text for a comment. Bytes that are no UTF-8 become U+FFFD."""
    line: list[str] = []  # parts of the line that has not ended
    data: list[str] = []
    held = 0
    for text in _decode(chunks):
        *ends, rest = text.split("\n")
        held += len(text)
        for end in ends:
            whole, line = "".join([*line, end]), []
            if whole.startswith("data:"):
                data.append(whole[5:].removeprefix(" "))
            elif whole.startswith(":"):
                yield ""
            elif not whole:
                if data:
                    yield "\n".join(data)
                data, held = [], 0
        line.append(rest)
        if held > LONGEST_EVENT:
            raise ServerError("the server sends an event without an end")


def _decode(chunks: Iterable[bytes]) -> Iterator[str]:
    """Yield the text of `chunks`, every line break as a newline."""
    decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder("utf-8")("replace"), translate=True)
    for chunk in chunks:
        yield decoder.decode(chunk)
    yield decoder.decode(b"", final=True)


def parse_piece(data: str) -> Piece:
    """Read one event of a completion. Raises ServerError as `parse_event` does."""
    return parse_event(data, _piece)


def parse_event(data: str, read: Callable[[dict[str, Any], dict[str, Any]], AnyPart]) -> AnyPart:
    """Return what `read` makes of one event's JSON and the first choice in it.

    Raises ServerError for an error that the server reports, and for what is no completion.
    """
    try:
        event = _json(data)
        if told := event.get("error") or (event if event.get("object") == "error" else None):
            raise ServerError(f"the server failed: {said_in(told)}")
        return read(event, (event.get("choices") or [{}])[0])
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
        raise ServerError(f"the server sends what is no completion: {one_line(data)}") from None


def _json(data: str) -> Any:
    """Return the JSON of an event, by the quicker reader where it is JSON to the letter."""
    try:
        return msgspec.json.decode(data)
    except msgspec.DecodeError:  # half a character, numbers without bounds
        return json.loads(data)


def parse_usage(event: dict[str, Any]) -> Usage | None:
    """Return the counts in an event, if there are any; one that is left out is 0."""
    if not (usage := event.get("usage")):
        return None
    cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens", usage.get("prompt_cache_hit_tokens"))
    prompt, written = _count(usage.get("prompt_tokens") or 0), _count(usage.get("completion_tokens") or 0)
    return Usage(prompt, written, None if cached is None else min(_count(cached), prompt))


def well_formed(text: str) -> str:
    """Join surrogates to characters; those alone become U+FFFD: JSON can hold them, UTF-8 cannot."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _piece(event: dict[str, Any], choice: dict[str, Any]) -> Piece:
    return Piece(
        text=well_formed(choice.get("text") or ""),
        tokens=tuple(map(_count, choice.get("token_ids") or ())),
        finish=str(choice.get("finish_reason") or ""),
        usage=parse_usage(event),
    )


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise TypeError("no count")
    return value
