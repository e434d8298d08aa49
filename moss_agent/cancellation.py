"""The cancellation token of a turn: cancelling it wakes whatever waits for the turn, in any thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from moss_agent.errors import Cancelled


class Cancellation:
    """A flag that is set once and then stays set. Thread-safe."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._callbacks: list[Callable[[], None]] = []

    @property
    def cancelled(self) -> bool:
        return self._event.is_set()

    def cancel(self) -> None:
        """Set the flag and run the callbacks, each once, in this thread."""
        with self._lock:
            self._event.set()
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()

    def wait(self, seconds: float) -> bool:
        """Sleep for so long or until cancelled; return whether it is cancelled."""
        return self._event.wait(seconds)

    def check(self) -> None:
        """Raise Cancelled if the flag is set."""
        if self.cancelled:
            raise Cancelled("the turn was cancelled")

    @contextmanager
    def calling(self, callback: Callable[[], None]) -> Iterator[None]:
        """Run `callback` as soon as the flag is set while the block runs, at once if it is set already.

        The callback must be short, thread-safe and must not raise: closing a socket, waking a condition.
        """
        with self._lock:
            is_set = self.cancelled
            if not is_set:
                self._callbacks.append(callback)
        if is_set:
            callback()
        try:
            yield
        finally:
            with self._lock:
                if callback in self._callbacks:
                    self._callbacks.remove(callback)


NEVER = Cancellation()
"""For what nobody cancels."""
