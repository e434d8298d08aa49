"""The queue of one device: one picture at a time, in the order asked for, with a pipeline that is kept for a while."""

from __future__ import annotations

import gc
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from moss_agent.engine.loading import choose_device
from moss_agent.plugin_host import report

if TYPE_CHECKING:
    import torch

    from ._loading import Loaded
    from ._request import Request

HEARTBEAT = 0.2  # seconds between two looks at whether somebody still waits for the picture


class PipelineQueue:
    """The queue of a device. keep: seconds after which an unused pipeline is released."""

    def __init__(self, device: torch.device, keep: float) -> None:
        self.device = device
        self.keep = keep
        self._queue: deque[object] = deque()
        self._changed = threading.Condition()
        self._loaded: Loaded | None = None
        self._wanted: tuple[str, ...] = ()
        self._idle = threading.Timer(0, self.release)

    @contextmanager
    def turn(self, *, next: bool = False) -> Iterator[PipelineQueue]:
        """Wait for the calls before this one; with `next`, only for the one that draws now.

        Raises PluginTimeout if the call is given up meanwhile.
        """
        ticket = object()
        with self._changed:
            self._queue.insert(1 if next and self._queue else len(self._queue), ticket)
        try:
            while not self._is_first(ticket):
                report(0, 0)
            self._idle.cancel()
            yield self
        finally:
            with self._changed:
                self._queue.remove(ticket)
                self._release_later()
                self._changed.notify_all()

    def pipeline(self, request: Request) -> Loaded:
        """Return the pipeline of the request, kept from the last picture if it is the same. Only within a turn."""
        from ._loading import load

        wanted = (request.pipeline, request.revision, request.dtype)
        if self._loaded is None or self._wanted != wanted:
            self.drop()  # two would rarely fit
            self._loaded, self._wanted = load(request, self.device), wanted
        return self._loaded

    def release(self) -> bool:
        """Give back the pipeline's memory, after the call that is being drawn; whether there was any."""
        if self._loaded is None and not self._queue:
            return False
        with self.turn(next=True):
            had = self._loaded is not None
            self.drop()
        return had

    def drop(self) -> None:
        """Forget the pipeline. Only within a turn."""
        self._loaded = None
        gc.collect()
        import torch

        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        if torch.backends.mps.is_available():
            torch.mps.empty_cache()

    def _is_first(self, ticket: object) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self._queue[0] is ticket, HEARTBEAT)

    def _release_later(self) -> None:
        if self._loaded is not None and not self._queue:
            self._idle = threading.Timer(min(threading.TIMEOUT_MAX, self.keep), self.release)
            self._idle.daemon = True
            self._idle.start()


_queues: dict[torch.device, PipelineQueue] = {}
_lock = threading.Lock()


def queue(device: str, keep: float) -> PipelineQueue:
    """Return the queue of the device. Raises UsageError if there is no such device."""
    chosen = numbered(choose_device(device))
    with _lock:
        if chosen not in _queues:
            _queues[chosen] = PipelineQueue(chosen, keep)
        _queues[chosen].keep = keep
        return _queues[chosen]


def numbered(device: torch.device) -> torch.device:
    """Return the device by the one name that it has among queues: "cuda" is one of cuda:0, cuda:1, and so on."""
    import torch

    if device.type == "cuda" and device.index is None:
        return torch.device("cuda", torch.cuda.current_device())
    return device


def release() -> bool:
    """Release the pipelines of all devices; return whether there was any."""
    with _lock:
        every = list(_queues.values())
    released = [one.release() for one in every]
    return any(released)
