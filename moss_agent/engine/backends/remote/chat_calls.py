"""Tool calls from the pieces in which servers send them.

By the API's definition the first piece of a call has its index, id and name, and the others the index and a bit of the
arguments. Servers differ: no index, or 0 for every call; no id, an empty one, or the same for several calls; the name
in every piece; whole calls in one piece. A new call begins with a new index, or with a name and another id, or where
another name or more arguments follow what can only be the end of a call.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from moss_agent.errors import ServerError
from moss_agent.messages import ToolCall

MOST_CALLS = 64  # in one message
LONGEST_ARGUMENTS = 1 << 20  # characters, of all calls of one message
LONGEST_NAME = 256  # characters, of a name or an id


@dataclass(frozen=True)
class CallPiece:
    """What one event tells of a call. index: None where it is not told; id, name, arguments: empty then."""

    index: int | None = None
    id: str = ""
    name: str = ""
    arguments: str = ""


class Calls:
    """The calls of one message while they come. taken: ids of other calls, which none of these gets."""

    def __init__(self, taken: Collection[str] = ()) -> None:
        self._taken = set(taken)
        self._open: list[_Call] = []  # in the order in which they began
        self._by_index: dict[int | None, _Call] = {}
        self._by_id: dict[str, _Call] = {}
        self._last: _Call | None = None
        self._begun = 0
        self._length = 0

    @property
    def is_cut(self) -> bool:
        """Whether a call has begun and its arguments have not ended."""
        return any(not call.has_ended for call in self._open)

    def add(self, piece: CallPiece) -> Iterator[ToolCall]:
        """Yield the calls of which the piece brings the end. Raises ServerError for calls without bounds."""
        self._length += len(piece.arguments)
        if self._length > LONGEST_ARGUMENTS or len(piece.name) > LONGEST_NAME:
            raise ServerError("the server sends a tool call without an end")
        if piece == CallPiece(piece.index):
            return
        call = self._continued(piece)
        if call is not None and call.repeats(piece):
            return
        if call is None or call.is_over(piece):
            call = self._begin(piece, call.name if call else "")
        call.add(piece)
        self._last = call
        while self._open and self._open[0].is_whole:
            yield self._open.pop(0).call()

    def end(self, *, cut: bool) -> Iterator[ToolCall]:
        """Yield the other calls, at the end of the message. cut: it is not whole: leave out what may not be either."""
        calls, self._open = self._open, []
        for call in calls:
            if call.is_whole or not cut:
                yield call.call()

    def _continued(self, piece: CallPiece) -> _Call | None:
        """Return the call that the piece may belong to."""
        if piece.index in self._by_index:
            return self._by_index[piece.index]
        if piece.index is None or not (piece.id or piece.name):
            return self._by_id.get(piece.id, self._last)
        return None

    def _begin(self, piece: CallPiece, name: str) -> _Call:
        self._begun += 1
        if self._begun > MOST_CALLS:
            raise ServerError(f"the server sends more than {MOST_CALLS} tool calls at once")
        call = _Call(self._unique(piece.id), piece.id, piece.name or name)
        self._open.append(call)
        self._by_index[piece.index] = self._by_id[piece.id] = call
        self._by_index.pop(None, None)
        self._by_id.pop("", None)
        return call

    def _unique(self, told: str) -> str:
        """Return the id that the server told, if it can be one, else one of nine letters, as Mistral's models want."""
        fits = told.isprintable() and 0 < len(told) <= LONGEST_NAME
        name = told if fits else uuid4().hex[:9]
        while name in self._taken:
            name = uuid4().hex[:9]
        self._taken.add(name)
        return name


class _Call:
    """A call that has begun. told_id: as the server named it.

    has_ended: its arguments are an object that has ended. is_whole: something stands in it, too: an empty object may
    also stand for arguments that are still to come.
    """

    def __init__(self, id: str, told_id: str, name: str) -> None:
        self.id, self.told_id, self.name = id, told_id, name
        self.has_ended = False
        self._has_members = False
        self._pieces: list[str] = []
        self._depth = 0
        self._is_quoted = self._is_escaped = self._is_broken = False

    @property
    def is_whole(self) -> bool:
        return self._has_members and bool(self.name)

    def repeats(self, piece: CallPiece) -> bool:
        """Return whether a server sends once more what it has sent."""
        again = piece.arguments.strip() if self._has_members and piece.id and piece.id == self.told_id else ""
        return bool(again) and again == self._text()

    def is_over(self, piece: CallPiece) -> bool:
        """Return whether `piece`, which may belong to this call, begins another."""
        if piece.name and self.name and piece.name != self.name:
            return True
        if piece.name and piece.id and self.told_id and piece.id != self.told_id:
            return True
        again = self._has_members or (self.has_ended and bool(piece.name) and not piece.id)
        return again and bool(piece.arguments.strip())

    def add(self, piece: CallPiece) -> None:
        self.name = self.name or piece.name
        if not piece.arguments:
            return
        if self.has_ended:
            if self._has_members or not piece.arguments.strip():
                return
            self._pieces.clear()
            self.has_ended = False
        self._pieces.append(piece.arguments)
        self._follow(piece.arguments)
        if "}" in piece.arguments and self._depth == 0 and not self._is_quoted and not self._is_broken:
            members = _members(self._text())
            self.has_ended, self._has_members, self._is_broken = members is not None, bool(members), members is None

    def call(self) -> ToolCall:
        text = self._text()
        return ToolCall(self.id, self.name, "{}" if text in ("", "null") else text)

    def _text(self) -> str:
        return "".join(self._pieces).strip()

    def _follow(self, text: str) -> None:
        """Keep track of brackets and strings: parsing after every piece would take quadratic time."""
        for character in text:
            if self._is_escaped:
                self._is_escaped = False
            elif self._is_quoted:
                self._is_escaped = character == "\\"
                self._is_quoted = character != '"'
            elif character in '{["]}':
                self._is_quoted = character == '"'
                self._depth += (character in "{[") - (character in "]}")


def _members(text: str) -> dict[str, Any] | None:
    """Return the JSON object that the text is; None if it is none."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
