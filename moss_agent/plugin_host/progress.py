"""How far a running call is: the plugin says it, people see it, and the plugin learns whether to go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

Listener = Callable[[int, int, bytes], None]

_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


@dataclass(frozen=True)
class Progress:
    """Of the call `index` of the turn, `done` of `total` steps are done; `preview`: a small PNG or nothing."""

    index: int
    done: int
    total: int
    preview: bytes = b""


def report(done: int, total: int, preview: bytes = b"") -> None:
    """Say, from within a call, that `done` of `total` steps are done. Its time limit begins anew.

    preview: a small PNG of what there is so far.
    Raises PluginTimeout if nobody waits for the call any more: let it pass. Does nothing in a worker process.
    """
    if not (isinstance(done, int) and isinstance(total, int) and isinstance(preview, bytes)):
        raise TypeError("report takes two whole numbers and, as a preview, the bytes of a PNG")
    if listener := _listener.get():
        listener(done, total, preview)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Let `listener` hear what the code inside, in this thread, reports."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)
