"""Opening a model in a thread of its own, while the person at the terminal types the first question."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Generic, TypeVar

from moss_agent.cli.screen import Screen, ticking

T = TypeVar("T")
SILENT = 0.5  # seconds before it is said that something is loaded


class Loading(Generic[T]):
    """What `make` returns, as soon as it is there. name: of what is loaded, clean."""

    def __init__(self, make: Callable[[], T], name: str) -> None:
        self._future: Future[T] = Future()
        self._name = name
        self._thread = threading.Thread(target=self._run, args=(make,), daemon=True)

    def start(self) -> None:
        """Begin, if it has not begun yet."""
        if self._thread.ident is None:
            self._thread.start()

    @property
    def done(self) -> T | None:
        """What was made; None as long as it is not there, or if there was an error."""
        return self._future.result() if self._future.done() and self._future.exception() is None else None

    def wait(self, screen: Screen) -> T:
        """Return it; raises what making it has raised. On a terminal one sees how long it takes, or at least that."""
        self.start()
        if screen.is_terminal and not screen.is_coloured:
            wait([self._future], timeout=SILENT)
            if not self._future.done():
                screen.line(f"Loading {self._name}…")
        with ticking(screen, lambda seconds: f"Loading {self._name}… {seconds:.0f} s", after=SILENT):
            while not self._future.done():
                wait([self._future], timeout=0.1)  # an interrupt has to come through on Windows too
        return self._future.result()

    def discard(self, close: Callable[[T], None]) -> None:
        """Close what comes, whenever it does: nobody waits for it any more."""

        def close_late(future: Future[T]) -> None:
            if future.exception() is None:
                close(future.result())

        self._future.add_done_callback(close_late)

    def _run(self, make: Callable[[], T]) -> None:
        try:
            self._future.set_result(make())
        except BaseException as error:
            self._future.set_exception(error)
