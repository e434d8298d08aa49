"""A turn read as it is written: text in pieces of any size in, events out.

Where the text is cut makes no difference to the events, except that text itself arrives in pieces.
Any end marker ends the segment, the right one or not, and so does the header of another segment.
Text between segments, which the protocol does not know, belongs to no segment.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Union

from moss_agent.protocol.commands import Command, CommandScanner
from moss_agent.protocol.markers import COMMANDS, SEGMENTS, Segment, first_marker, possible_marker

_BY_HEADER = {segment.header: segment for segment in SEGMENTS}


@dataclass(frozen=True)
class SegmentStarted:
    segment: Segment


@dataclass(frozen=True)
class TextRead:
    """Text of a segment; None for text that stands outside of all segments."""

    segment: Segment | None
    text: str


@dataclass(frozen=True)
class CommandRead:
    """A command is complete, the segment may go on."""

    command: Command


@dataclass(frozen=True)
class SegmentEnded:
    """`marker` is the text that ended the segment: not always its own end marker."""

    segment: Segment
    marker: str


ParseEvent = Union[SegmentStarted, TextRead, CommandRead, SegmentEnded]


class TurnParser:
    """Feed it text, get events. `close` gives what was held back at the end."""

    def __init__(self) -> None:
        self._segment: Segment | None = None
        self._held = ""  # may be the beginning of a marker
        self._at_start = False  # the next character may be the blank after the header
        self._commands = CommandScanner()

    def feed(self, piece: str) -> Iterator[ParseEvent]:
        """The events that `piece` completes."""
        text = self._held + piece
        while found := first_marker(text):
            position, marker = found
            yield from self._text(text[:position])
            yield from self._marker(marker)
            text = text[position + len(marker) :]
        keep = possible_marker(text)
        self._held = text[len(text) - keep :]
        yield from self._text(text[: len(text) - keep])

    def close(self) -> Iterator[ParseEvent]:
        """What was held back because it might have become a marker."""
        held, self._held = self._held, ""
        yield from self._text(held)

    def _marker(self, marker: str) -> Iterator[ParseEvent]:
        if self._segment:
            yield SegmentEnded(self._segment, marker)
        self._segment = _BY_HEADER.get(marker)
        if self._segment:
            self._at_start = True
            self._commands = CommandScanner()
            yield SegmentStarted(self._segment)

    def _text(self, text: str) -> Iterator[ParseEvent]:
        if self._at_start and text:
            text = text[1:] if text[0] in " \n" else text
            self._at_start = False
        if not text or (self._segment is None and text.isspace()):
            return
        yield TextRead(self._segment, text)
        if self._segment is COMMANDS:
            for command in self._commands.feed(text):
                yield CommandRead(command)
