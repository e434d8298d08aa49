"""Parse a turn incrementally: text in pieces of any size in, events out.

Where the text is cut makes no difference to the events, except that text itself arrives in pieces. A
command comes between the text up to its end and the text behind it.
Any end marker ends the segment, the right one or not, and so does the header of another segment.
Text between segments, mostly the line breaks, belongs to no segment.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from moss_agent.protocol.commands import Command, CommandScanner
from moss_agent.protocol.markers import COMMANDS, MARKER, SEGMENTS, Segment, possible_marker

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


ParseEvent = SegmentStarted | TextRead | CommandRead | SegmentEnded


class TurnParser:
    """Feed it text, get events. `close` gives what was held back at the end."""

    def __init__(self) -> None:
        self._segment: Segment | None = None
        self._held = ""  # may be the beginning of a marker
        self._at_start = False  # the next character may be the blank after the header
        self._commands = CommandScanner()

    def feed(self, piece: str) -> Iterator[ParseEvent]:
        """Yield the events that `piece` completes."""
        text, start = self._held + piece, 0
        if "<" not in text:  # no marker, nor the beginning of one
            self._held = ""
            yield from self._text(text)
            return
        for found in MARKER.finditer(text):
            yield from self._text(text[start : found.start()])
            yield from self._marker(found[0])
            start = found.end()
        end = len(text) - possible_marker(text[start:])
        self._held = text[end:]
        yield from self._text(text[start:end])

    def close(self) -> Iterator[ParseEvent]:
        """Yield what was held back as the possible beginning of a marker."""
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
        start = 0
        for end, command in self._commands.scan(text) if self._segment is COMMANDS else ():
            yield TextRead(self._segment, text[start:end])
            yield CommandRead(command)
            start = end
        if text[start:]:
            yield TextRead(self._segment, text[start:])
