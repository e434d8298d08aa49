"""The lock that a chat's running turn holds."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from inspect import GEN_RUNNING, getgeneratorstate

from moss_agent.cancellation import Cancellation
from moss_agent.errors import Cancelled, UsageError
from moss_agent.events import Events, Reply


class TurnLock:
    """Lets one turn run at a time; `cancel` and `close` end it from any thread. Thread-safe."""

    def __init__(self) -> None:
        self._busy = threading.Lock()
        self._step = threading.RLock()  # held while the turn computes, not while somebody reads its events
        self._turn: Events | None = None  # the running one
        self._cancellation = Cancellation()  # of the running turn
        self._is_closed = False

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Hold the lock. Raises UsageError if a turn holds it, or after `close`."""
        if self._is_closed:
            raise UsageError("the chat is closed: open another one")
        if not self._busy.acquire(blocking=False):
            raise UsageError("a turn of this chat is running: finish or close it first")
        try:
            yield
        finally:
            self._busy.release()

    def run(self, turn: Events, cancellation: Cancellation) -> Events:
        """Hold the lock during a turn, which ends with its reply. Raises Cancelled if `close` is called meanwhile."""
        with self.hold():
            self._turn, self._cancellation, event = turn, cancellation, None
            try:
                while not isinstance(event, Reply):
                    with self._step:
                        if self._is_closed:
                            raise Cancelled("the chat was closed")
                        event = next(turn)
                    yield event
            finally:
                with self._step:
                    turn.close()
                    self._turn = None

    def cancel(self) -> None:
        """Cancel the running turn: the thread that runs it gets Cancelled."""
        self._cancellation.cancel()

    def close(self, free: Callable[[], None]) -> None:
        """Close the lock for good and end the running turn, also one whose events nobody reads on; then call `free`."""
        self._is_closed = True
        self.cancel()
        with self._step:
            try:
                # It runs if it is the turn itself that closes the chat.
                if self._turn and getgeneratorstate(self._turn) != GEN_RUNNING:
                    self._turn.close()
            finally:
                free()
