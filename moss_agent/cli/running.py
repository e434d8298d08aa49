"""The line that shows which calls are running, for how long, how far they are, and what they draw."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from moss_agent.cli.pictures import as_preview
from moss_agent.cli.screen import Screen, ticking
from moss_agent.cli.text import fitted, one_line
from moss_agent.events import CallProgress, CallStarted

SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
QUICK = 0.3  # seconds of a call that nobody has to be told of


class RunningCalls:
    """Shows the calls that have not ended, on a screen that can."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._calls: dict[int, _Running] = {}
        self._shown = ExitStack()

    def start(self, call: CallStarted) -> None:
        if not self._calls:
            self._shown.close()
            self._show()
        self._calls[call.index] = _Running(one_line(call.name, 40))

    def go_on(self, progress: CallProgress) -> None:
        if progress.total and progress.index in self._calls:
            self._calls[progress.index].progress = f" {progress.done} of {progress.total} steps"
            self._calls[progress.index].preview = progress.preview

    def end(self, index: int) -> None:
        self._calls.pop(index, None)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Show nothing while the block runs."""
        self._shown.close()
        try:
            yield
        finally:
            if self._calls:
                self._show()

    def end_all(self) -> None:
        """Show nothing any more: the turn is over."""
        self._calls.clear()
        self._shown.close()

    def _show(self) -> None:
        self._shown.enter_context(ticking(self._screen, lambda _: self._line(), QUICK, self._preview))

    def _line(self) -> str:
        spinner = SPINNER[int(time.monotonic() * 5) % len(SPINNER)]
        calls = ", ".join(str(call) for call in list(self._calls.values()))
        return "  " + fitted(f"{spinner} {calls}", self._screen.width - 3) if calls else ""

    def _preview(self) -> str:
        """Return what the first of the calls that draw has drawn so far."""
        drawn = next((call.preview for call in list(self._calls.values()) if call.preview), "")
        return as_preview(drawn) if drawn else ""


@dataclass
class _Running:
    """A call that has not ended."""

    name: str
    started: float = field(default_factory=time.monotonic)
    progress: str = ""
    preview: str = ""  # as in CallProgress

    def __str__(self) -> str:
        return f"{self.name}{self.progress} {time.monotonic() - self.started:.0f} s"
