"""Server-sent events into pieces of a completion.

The format: https://html.spec.whatwg.org/multipage/server-sent-events.html (fields other than `data` mean nothing
here) and https://platform.openai.com/docs/api-reference/completions for the JSON in it.
"""

from __future__ import annotations

import codecs
import io
import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from moss_agent.errors import ServerError, one_line

LONGEST_EVENT = 1 << 20  # characters
DONE = "[DONE]"


@dataclass(frozen=True)
class Piece:
    """What one event brings.

    tokens: ids of `text`, from servers that tell them. finish: why the text ended, empty while it goes on.
    usage: tokens of the prompt and of the whole text, as the server counts them; None while it does not say.
    """

    text: str = ""
    tokens: tuple[int, ...] = ()
    finish: str = ""
    usage: tuple[int, int] | None = None


NOTHING = Piece()


def read_pieces(chunks: Iterable[bytes], seconds: float) -> Iterator[Piece]:
    """Yield the pieces of a stream. Raises ServerError if it is broken, cut off, or silent for so many seconds."""
    finished, deadline = False, time.monotonic() + seconds
    for data in read_events(chunks):
        if data == DONE:
            return
        piece = parse_piece(data) if data else NOTHING
        if piece != NOTHING:
            finished, deadline = finished or bool(piece.finish), time.monotonic() + seconds
            yield piece
        elif time.monotonic() > deadline:
            raise ServerError(f"the server has sent no text for {seconds:g} seconds (setting server_timeout)")
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
    """Read one event's JSON. Raises ServerError for an error that the server reports, and for no completion."""
    try:
        event = json.loads(data)
        if event.get("error"):
            told = event["error"]
            raise ServerError(f"the server failed: {one_line(told.get('message') if isinstance(told, dict) else told)}")
        usage = event.get("usage")
        choice = (event.get("choices") or [{}])[0]
        return Piece(
            text=_well_formed(choice.get("text") or ""),
            tokens=tuple(map(_count, choice.get("token_ids") or ())),
            finish=str(choice.get("finish_reason") or ""),
            usage=(_count(usage["prompt_tokens"]), _count(usage["completion_tokens"])) if usage else None,
        )
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
        raise ServerError(f"the server sends what is no completion: {one_line(data)}") from None


def _well_formed(text: str) -> str:
    """Join surrogates to characters; those alone become U+FFFD: JSON can hold them, UTF-8 cannot."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise TypeError("no count")
    return value
