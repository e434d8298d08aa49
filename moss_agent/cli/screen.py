"""A text stream that people look at: styles, the width of a terminal, a passing line that shows that something runs."""

from __future__ import annotations

import os
import re
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from moss_agent.cli.text import columns

PLAIN, DIM, YELLOW = "", "2", "33"  # parameters of the escape sequence that sets a style
WIDTH, NARROWEST = 200, 40  # columns; the first of them is for what is no terminal
HEIGHT = 100  # rows of what is no terminal
LONGEST_COPY = 70_000  # characters, which terminals take at once
TICK = 0.2  # seconds between two looks of the passing line

_STYLE = re.compile(r"\x1b\[[0-9;]*m")


class Screen:
    """A stream that knows whether it may be coloured and whether a line has been begun. Thread-safe.

    plain: no colours, no passing lines, nothing that moves the cursor: for screen readers.
    """

    def __init__(self, stream: TextIO, *, plain: bool = False) -> None:
        self._stream = stream
        self._lock = threading.RLock()
        self.begun = False
        self._passing: list[int] = []  # columns that each of the passing lines takes
        self.is_terminal = stream.isatty()
        wanted = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb" and not plain
        self.is_coloured = wanted and self.is_terminal

    def write(self, text: str, style: str = PLAIN) -> None:
        """Write text that is clean already, and let it appear at once."""
        if not text:
            return
        with self._lock:
            self._end_passing()
            self.begun = not text.endswith("\n")
            self._stream.write(f"\x1b[{style}m{text}\x1b[0m" if style and self.is_coloured else text)
            self._stream.flush()

    def line(self, text: str, style: str = PLAIN) -> None:
        """Write whole lines, on lines of their own."""
        self.end_line()
        self.write(text, style)
        self.write("\n")

    def link(self, text: str, url: str) -> str:
        """Return text that leads to the address where the terminal can."""
        if not (self.is_coloured and url.isascii() and url.isprintable() and url.startswith(("http://", "https://"))):
            return text
        return f"\x1b]8;;{url}\x1b\\{text}\x1b]8;;\x1b\\"

    def copy(self, text: str) -> bool:
        """Put text into the clipboard of a terminal that allows it; return whether it was asked to."""
        if not self.is_coloured or not text or len(text) > LONGEST_COPY:
            return False
        self._stream.write(f"\x1b]52;c;{b64encode(text.encode()).decode()}\x07")
        self._stream.flush()
        return True

    def pass_by(self, line: str, below: str = "") -> None:
        """Show a short line that the next text takes the place of, on a terminal where no line has been begun.

        below: lines of a picture, which pass by with it; each begins with a line break. It is left out where the window
        is too small: what has been scrolled away cannot be removed.
        """
        with self._lock:
            if self.is_coloured and not self.begun:
                erasure, taken = self._erasure(), [columns(_STYLE.sub("", each)) for each in (line + below).split("\n")]
                if self._rows(taken) > self._size().lines:
                    below, taken = "", taken[:1]
                self._stream.write(f"{erasure}\x1b[{DIM}m{line}\x1b[0m{below}")
                self._stream.flush()
                self._passing = taken

    def end_line(self) -> None:
        if self.begun:
            self.write("\n")

    def end_passing(self) -> None:
        """Remove the passing line."""
        with self._lock:
            self._end_passing()

    def _end_passing(self) -> None:
        if self._passing:
            self._stream.write(self._erasure())
            self._stream.flush()
            self._passing = []

    def _erasure(self) -> str:
        """Return what removes the passing lines and leaves the cursor where they began."""
        rows = self._rows(self._passing)
        return f"\r\x1b[{rows - 1}A\x1b[J" if rows > 1 else "\r\x1b[K"

    def _rows(self, taken: list[int]) -> int:
        """Count the rows of the window for lines that take so many columns."""
        across = self._size().columns
        return sum(max(1, -(-each // across)) for each in taken)

    @property
    def width(self) -> int:
        """Columns that a line may take."""
        return max(self._size().columns, NARROWEST)

    def _size(self) -> os.terminal_size:
        """Return the size of the window, which may change."""
        try:
            size = os.get_terminal_size(self._stream.fileno())
        except OSError:  # no terminal
            return os.terminal_size((WIDTH, HEIGHT))
        return os.terminal_size((size.columns or WIDTH, size.lines or HEIGHT))


@contextmanager
def ticking(
    screen: Screen, text: Callable[[float], str], after: float = 0.0, below: Callable[[], str] = str
) -> Iterator[None]:
    """Show a passing line again and again while the block runs, from `after` seconds on.

    text: returns the line for so many seconds, empty for none. below: returns what is shown below it, as in `pass_by`.
    """
    if not screen.is_coloured:
        yield
        return
    ended, started = threading.Event(), time.monotonic()

    def show() -> None:
        ended.wait(after)
        while not ended.wait(TICK):
            if line := text(time.monotonic() - started):
                screen.pass_by(line, below())

    thread = threading.Thread(target=show, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        screen.end_passing()
