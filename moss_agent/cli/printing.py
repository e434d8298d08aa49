"""Events on a terminal, in a pipe, or as JSON.

On a terminal everything appears as it happens: thoughts dimmed, commands, results, the answer; lines beside the answer
are cut to its width. In a pipe standard output gets the answer alone, whole and checked, and standard error
everything else.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Generator
from typing import TextIO

from moss_agent.cli.pictures import as_text
from moss_agent.cli.text import ReadableStream, clean, columns, fitted, one_line, readable
from moss_agent.events import (
    ApprovalRequested,
    Call,
    CallFinished,
    CallProgress,
    CallStarted,
    Citation,
    Event,
    HistoryTrimmed,
    Hit,
    Notice,
    Reply,
    Text,
    Thoughts,
)
from moss_agent.protocol import Command

CUT = " […]"
PLAIN, DIM, YELLOW = "", "2", "33"  # parameters of the escape sequence that sets a style
_RESULT_LINES, _WIDTH, _NARROWEST = 8, 200, 40  # columns; the first of them is for what is no terminal
_PASSAGE = re.compile(r"<\|\d+\|>: ")
# Control characters, line and paragraph separators, directions of text, halves of characters.
_STEERING = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


class Screen:
    """A text stream that knows whether it may be coloured and whether a line has been begun."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.begun = False
        self._passing = False
        self.is_terminal = stream.isatty()
        wanted = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        self._coloured = wanted and self.is_terminal

    def write(self, text: str, style: str = PLAIN) -> None:
        """Write text that is clean already, and let it appear at once."""
        if text:
            if self._passing:
                self._passing = False
                self._stream.write("\r\x1b[K")
            self.begun = not text.endswith("\n")
            self._stream.write(f"\x1b[{style}m{text}\x1b[0m" if style and self._coloured else text)
            self._stream.flush()

    def line(self, text: str, style: str = PLAIN) -> None:
        """Write whole lines, on lines of their own."""
        self.end_line()
        self.write(text, style)
        self.write("\n")

    def pass_by(self, text: str) -> None:
        """Show a short line that the next text takes the place of, on a terminal where no line has been begun."""
        if self._coloured and not self.begun:
            self._stream.write(f"\r\x1b[K\x1b[{DIM}m{text}\x1b[0m")
            self._stream.flush()
            self._passing = True

    def end_line(self) -> None:
        if self.begun:
            self.write("\n")

    @property
    def width(self) -> int:
        """Columns that a line may take."""
        try:
            return max(os.get_terminal_size(self._stream.fileno()).columns or _WIDTH, _NARROWEST)
        except OSError:  # no terminal
            return _WIDTH


class Printer:
    """Shows events to a person: the answer on `out`, all else there too if it is a terminal, otherwise on `err`."""

    def __init__(self, out: TextIO, err: TextIO) -> None:
        self._answer = Screen(out)
        self._live = self._answer.is_terminal
        self._aside = self._answer if self._live else Screen(err)
        self._streaming: tuple[Screen, str] | None = None
        self._stream = ReadableStream()
        self._last_call = -1

    def show(self, event: Event) -> None:
        """Print what an event tells."""
        match event:
            case Thoughts(text):
                self._piece(self._aside, text, DIM)
            case Text(text) if self._live:
                self._piece(self._answer, text, PLAIN)
            case ApprovalRequested():
                self._ask(event)
            case CallStarted():
                self._last_call = event.index
                self.note(f"→ {fitted(str(_command(event)), self._aside.width - 2)}", PLAIN)
            case CallProgress(_, done, total):
                if total and not self._streaming:
                    self._aside.pass_by(f"  {done} of {total} steps")
            case CallFinished(index, call):
                self._result(index, call)
            case Notice(message):
                self.note(f"note: {one_line(message)}")
            case HistoryTrimmed(turns):
                self.note(f"note: the conversation grew too long, its oldest turns were dropped: {turns}")
            case Reply():
                self._reply(event)

    def note(self, text: str, style: str = DIM) -> None:
        """Print lines beside the answer; `text` is clean."""
        self.settle()
        self._aside.line(text, style)

    def confirm(self, request: ApprovalRequested) -> None:
        """Print what would run, unless it is what was printed last."""
        if self._last_call != request.index:
            self._ask(request)

    def passing(self, text: str) -> None:
        """Print lines that only somebody who watches a terminal needs; `text` is clean."""
        if self._aside.is_terminal:
            self.note(text)

    def failure(self, message: str) -> None:
        """Print what went wrong, from any source."""
        self.note(one_line(message), YELLOW)

    def after_echo(self) -> None:
        """Begin a new line where a terminal has shown the user's ^C or ^D; what was being written was cut off there."""
        if self._live and not self._answer.begun:
            self._answer.write("\n")
        self.settle(mark=CUT)

    def settle(self, mark: str = "") -> None:
        """Print what is held back and end the line, which was cut off if there is a mark."""
        if self._streaming:
            screen, style = self._streaming
            self._streaming = None
            screen.write(self._stream.flush(), style)
            if mark and screen.begun:
                screen.write(mark, DIM)
            screen.end_line()

    def _piece(self, screen: Screen, text: str, style: str) -> None:
        if self._streaming != (screen, style):
            self.settle()
            self._streaming = (screen, style)
        screen.write(self._stream.push(text), style)

    def _result(self, index: int, call: Call) -> None:
        """Print the result under its command; with the command again if another one stands in between."""
        width, seconds = self._aside.width, f" ({call.seconds:.2f} s)"
        label = "  " if index == self._last_call else f"  {fitted(str(_command(call)), width // 2)} "
        self._last_call = -1
        if not call.ok:
            self.note(f"{label}failed: {one_line(call.error)}{seconds}", YELLOW)
            return
        room = width - columns(f"{label}= {seconds}")
        lines = [fitted(_PASSAGE.sub("", line, count=1), room) for line in call.result.split("\n")]
        for i, hit in enumerate(call.hits):
            lines[i] += f"\n      {source(hit)}"
        if len(lines) > _RESULT_LINES:
            lines[_RESULT_LINES:] = [f"… and {len(lines) - _RESULT_LINES} more lines"]
        self.note(f"{label}= " + "\n    ".join(lines) + seconds, PLAIN)

    def _ask(self, request: ApprovalRequested) -> None:
        """Print exactly what would run, and what it touches."""
        self._last_call = request.index
        touches = f" (touches {', '.join(map(one_line, request.effects))})" if request.effects else ""
        self.note(f"? {exact(request)} needs approval{touches}", PLAIN)

    def _reply(self, reply: Reply) -> None:
        self.settle()
        if not self._live:
            self._answer.line(readable(reply.text))
        for citation in reply.citations:
            self.note(_footnote(citation, self._aside.width))
        for image in reply.images:
            self.note(f"picture: {clean(image.path)}", PLAIN)
            if self._live:
                self._answer.write(as_text(image.path))


def _command(call: ApprovalRequested | CallStarted | Call) -> Command:
    return Command(call.name, tuple(call.arguments), call.named)


def exact(request: ApprovalRequested) -> str:
    """Return the whole call in one line; invisible characters and those that steer a terminal become numbers."""
    return _STEERING.sub(_escaped, str(_command(request)))


def _footnote(citation: Citation, width: int) -> str:
    number = f"[{citation.number}] "
    doubt = " (weak: the passage hardly shares a word with what cites it)" if citation.weak else ""
    return number + (source(citation) or fitted(citation.text, width - len(number))) + doubt


def source(found: Hit | Citation) -> str:
    """Return title and address in one line."""
    return " — ".join(one_line(part, _WIDTH) for part in (found.title, found.url) if part)


def print_json(data: object, out: TextIO) -> None:
    """Print one line of JSON, readable by another program at once; nothing in it can steer a terminal."""
    out.write(escaped(json.dumps(data, ensure_ascii=False)) + "\n")
    out.flush()


def escaped(json_text: str) -> str:
    """Return JSON in which nothing can steer a terminal, and which says the same."""
    return _STEERING.sub(_escaped, json_text)


def _escaped(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def drain(events: Generator[Event, None, None], show: Callable[[Event], None]) -> None:
    """Show all events; if showing is interrupted the turn is undone before anything else happens."""
    try:
        for event in events:
            show(event)
    finally:
        events.close()
