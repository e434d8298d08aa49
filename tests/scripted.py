"""A session that writes what a test tells it to: the narrow double of the engine, for tests of what is above it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from moss_agent.errors import ContextFull
from moss_agent.protocol import first_marker


class CutOff(str):
    """A reply that ran into the limit of tokens."""


class ScriptedSession:
    """Implements `agent.Session` on characters instead of tokens.

    replies: what the model writes, one text per segment, each with the marker that ends it (or none).
    An exception among them is raised in its place; a `CutOff` was not finished. Pieces have three characters.
    """

    def __init__(self, replies: Sequence[str | BaseException], context_length: int = 100_000) -> None:
        self.replies = list(replies)
        self.context_length = context_length
        self.text = ""
        self.computed = 0
        self.stopped_by = ""
        self.cut_off = False
        self.prefilled = 0
        self.generated = 0
        self.closed = False

    @property
    def length(self) -> int:
        return len(self.text)

    @property
    def cached(self) -> int:
        return min(self.computed, len(self.text))

    @property
    def room(self) -> int:
        return self.context_length - len(self.text)

    def extend(self, text: str) -> None:
        if len(text) > self.room:
            raise ContextFull(f"{len(text)} characters do not fit in {self.room}")
        self.text += text

    def decode(self, stop: Sequence[str], sampling: object) -> Iterator[str]:
        self.stopped_by = ""
        self.cut_off = bool(self.replies) and isinstance(self.replies[0], CutOff)
        self.prefilled += len(self.text) - self.cached
        reply = self.replies.pop(0) if self.replies else ""
        if isinstance(reply, BaseException):
            raise reply
        found = first_marker(reply)
        body = reply[: found[0]] if found else reply
        for start in range(0, len(body), 3):
            self.text += body[start : start + 3]
            self.computed = len(self.text)
            self.generated += 3
            yield body[start : start + 3]
        if found:
            assert found[1] in stop
            self.text += found[1]
            self.stopped_by = found[1]

    def rewind(self, length: int) -> None:
        self.text = self.text[:length]
        self.computed = min(self.computed, length)

    def close(self) -> None:
        self.rewind(0)
        self.closed = True
