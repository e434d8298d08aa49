"""Events on a terminal, in a pipe, or as JSON.

On a terminal everything appears as it happens: thoughts dimmed, commands, results, the answer; lines beside the answer
are cut to its width. In a pipe standard output gets the answer alone, whole and checked, and standard error
everything else.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager
from typing import TextIO

from moss_agent.cli.markdown import MarkdownStream
from moss_agent.cli.pictures import as_text
from moss_agent.cli.running import RunningCalls
from moss_agent.cli.screen import DIM, PLAIN, WIDTH, YELLOW, Screen
from moss_agent.cli.streams import echoes
from moss_agent.cli.text import ReadableStream, clean, columns, fitted, one_line, readable, spelled_out, tail, wrapped
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
    Picture,
    Reply,
    Text,
    Thoughts,
)
from moss_agent.protocol import Command

CUT = " […]"
_RESULT_LINES = 8
_LONGEST_LINE = 110  # columns of the answer's lines, which are hard to read when they are longer


class Printer:
    """Shows events to a person: the answer on `out`, all else there too if it is a terminal, otherwise on `err`.

    plain: for screen readers: Markdown stays as it is written, and nothing moves or is coloured.
    folds: whether long thoughts become one line when they are over, and results say how to see all of them.
    thoughts: of the last turn. calls: all that have ended.
    """

    def __init__(self, out: TextIO, err: TextIO, *, plain: bool = False, folds: bool = False) -> None:
        self._answer = Screen(out, plain=plain)
        self._live = self._answer.is_terminal
        self._aside = self._answer if self._live else Screen(err, plain=plain)
        self._folds = folds and self._answer.is_coloured
        self._markdown = None if plain else MarkdownStream(self._answer.write, self._text_width)
        self._streaming = ""  # what is being written: thoughts, folded thoughts, an answer
        self._stream = ReadableStream()
        self._last_call = -1
        self._running = RunningCalls(self._aside)
        self.thoughts = ""
        self._thoughts_begin = 0  # of those that are being written
        self._is_over = True  # whether they belong to an earlier turn
        self.calls: list[Call] = []

    @property
    def screen(self) -> Screen:
        """Where everything but the answer goes."""
        return self._aside

    def show(self, event: Event) -> None:
        """Print what an event tells."""
        match event:
            case Thoughts(text):
                self._piece("folded" if self._folds else "thoughts", text)
            case Text(text) if self._live:
                self._piece("answer", text)
            case CallStarted():
                self._last_call = event.index
                self.note(f"→ {fitted(str(_command(event)), self._aside.width - 2)}", PLAIN)
                self._running.start(event)
            case CallProgress():
                self._running.go_on(event)
            case CallFinished(index, call):
                self._running.end(index)
                self.calls.append(call)
                self._result(index, call)
            case Notice(message):
                self.note(f"note: {one_line(message)}")
            case HistoryTrimmed(turns):
                self.note(f"note: the conversation grew too long, its oldest turns were dropped: {turns}")
            case Reply():
                self._reply(event)

    def note(self, text: str, style: str = DIM) -> None:
        """Print lines beside the answer; `text` is clean."""
        self._end_piece()
        is_to_wrap = self._aside.is_terminal and "\x1b" not in text  # the address of a link takes no columns
        self._aside.line(wrapped(text, self._aside.width) if is_to_wrap else text, style)

    def confirm(self, request: ApprovalRequested) -> None:
        """Print exactly what would run, and what it touches."""
        self._last_call = request.index
        touches = f" (touches {', '.join(map(one_line, request.effects))})" if request.effects else ""
        self.note(f"? {exact(request)} needs approval{touches}", PLAIN)

    def still(self) -> AbstractContextManager[None]:
        """Move nothing while the block runs: what it writes does not go through the screen."""
        return self._running.paused()

    def passing(self, text: str) -> None:
        """Print lines that only somebody who watches a terminal needs; `text` is clean."""
        if self._aside.is_terminal:
            self.note(text)

    def failure(self, message: str) -> None:
        """Print what went wrong, from any source."""
        self.note(one_line(message), YELLOW)

    def after_echo(self) -> None:
        """Begin a new line where a terminal has shown the user's ^C or ^D; what was being written was cut off there."""
        if self._live and not self._answer.begun and echoes():
            self._answer.write("\n")
        self.settle(mark=CUT)

    def settle(self, mark: str = "") -> None:
        """Print what is held back and end the line, which was cut off if there is a mark; wait for no call any more."""
        self._running.end_all()
        self._is_over = True
        self._end_piece(mark)

    def _piece(self, kind: str, text: str) -> None:
        """Print a piece of thoughts or of an answer."""
        if self._streaming != kind:
            self._end_piece()
            self._streaming = kind
            if kind != "answer":
                self._begin_thoughts()
        text = self._stream.push(text)
        if kind == "answer":
            self._markdown.push(text) if self._markdown else self._answer.write(text)
            return
        self.thoughts += text
        if kind == "thoughts":
            self._aside.write(text, DIM)
        else:
            self._aside.pass_by(tail(self.thoughts[self._thoughts_begin :], self._aside.width - 1))

    def _begin_thoughts(self) -> None:
        """Forget the thoughts of an earlier turn; those of one turn stand together."""
        self.thoughts = "" if self._is_over else f"{self.thoughts}\n\n".lstrip()
        self._is_over, self._thoughts_begin = False, len(self.thoughts)

    def _end_piece(self, mark: str = "") -> None:
        kind, self._streaming = self._streaming, ""
        if not kind:
            return
        rest = self._stream.flush()
        if kind == "answer" and self._markdown:
            self._markdown.push(rest)
            self._markdown.flush(mark)
        elif kind == "folded":
            self.thoughts += rest
            self._aside.line(_folded(self.thoughts[self._thoughts_begin :], self._aside.width), DIM)
        else:
            self.thoughts += rest if kind == "thoughts" else ""
            screen = self._aside if kind == "thoughts" else self._answer
            screen.write(rest, DIM if kind == "thoughts" else PLAIN)
            screen.write(mark if screen.begun else "", DIM)
            screen.end_line()

    def _text_width(self) -> int:
        return min(self._answer.width, _LONGEST_LINE)

    def _result(self, index: int, call: Call) -> None:
        """Print the result under its command; with the command again if another one stands in between."""
        width, seconds = self._aside.width, f" ({call.seconds:.2f} s)"
        label = "  " if index == self._last_call else f"  {fitted(str(_command(call)), width // 2)} "
        self._last_call = -1
        if not call.ok:
            self.note(f"{label}failed: {one_line(call.error)}{seconds}", YELLOW)
            return
        room = width - columns(f"{label}= {seconds}")
        lines = [fitted(line, room) for line in call.result.split("\n")]
        if call.hits:
            lines = [f"{fitted(hit.text, room)}\n      {self._source(hit)}" for hit in call.hits]
        if len(lines) > _RESULT_LINES:
            more = f" (/show {len(self.calls)})" if self._folds else ""
            lines[_RESULT_LINES:] = [f"… and {len(lines) - _RESULT_LINES} more lines{more}"]
        self.note(f"{label}= " + "\n    ".join(lines) + seconds, PLAIN)

    def _source(self, found: Hit | Citation) -> str:
        return self._aside.link(fitted(source(found), self._aside.width - 6), found.url)

    def _reply(self, reply: Reply) -> None:
        self.settle()
        if not self._live:
            self._answer.line(readable(reply.text))
        for citation in reply.citations:
            self.note(self._footnote(citation))
        self.show_images(reply.images)
        if self._folds:
            self.note(_counts(reply))

    def show_images(self, images: Sequence[Picture]) -> None:
        """Name pictures, and show them where the terminal can."""
        for image in images:
            self.note(f"picture: {clean(image.path)}", PLAIN)
            if self._live:
                self._answer.write(as_text(image.path))

    def _footnote(self, citation: Citation) -> str:
        number = f"[{citation.number}] "
        doubt = " (weak: the passage hardly shares a word with what cites it)" if citation.weak else ""
        return number + (self._source(citation) or fitted(citation.text, self._aside.width - len(number))) + doubt


def _folded(thoughts: str, width: int) -> str:
    """Return thoughts in one line, and how to see all of them if that is not all."""
    line, hint = one_line(thoughts), " (/thoughts)"
    return line if columns(line) <= width else fitted(line, width - len(hint) - 1) + hint


def _counts(reply: Reply) -> str:
    """Return tokens and time of a turn in one line."""
    usage, seconds = reply.usage, reply.seconds
    rate = f", {usage.generated_tokens / seconds:.0f} tokens/s" if seconds else ""
    read = f"{usage.prompt_tokens} tokens read ({usage.cached_tokens} cached)"
    return f"{read}, {usage.generated_tokens} written, {seconds:.1f} s{rate}"


def _command(call: ApprovalRequested | CallStarted | Call) -> Command:
    return Command(call.name, tuple(call.arguments), call.named)


def exact(request: ApprovalRequested) -> str:
    """Return the whole call in one line; invisible characters and those that steer a terminal become numbers."""
    return spelled_out(str(_command(request)))


def source(found: Hit | Citation) -> str:
    """Return title and address in one line."""
    return " — ".join(one_line(part, WIDTH) for part in (found.title, found.url) if part)


def drain(events: Generator[Event, None, None], show: Callable[[Event], None]) -> None:
    """Show all events; if showing is interrupted the turn is undone before anything else happens."""
    try:
        for event in events:
            show(event)
    finally:
        events.close()
