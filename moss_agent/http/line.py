"""Cancel a request from another thread by shutting its sockets down.

They are kept as copies, which stay valid while TLS takes the socket over and while another thread closes it.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from contextlib import suppress
from threading import Lock
from typing import Any


class Line:
    """The sockets of one request, as soon as it has them. Thread-safe."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._sockets: list[socket.socket] = []
        self._is_cut = False

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Take what httpcore2 tells of each step of a request."""
        if event.endswith(".connect_tcp.complete"):
            self.hold(info["return_value"])

    def hold(self, stream: Any) -> None:
        """Keep the socket of one of httpcore2's network streams."""
        original = stream.get_extra_info("socket")
        with suppress(OSError), self._lock:
            self._sockets.append(socket.fromfd(original.fileno(), original.family, original.type))
            if self._is_cut:
                self._shut()

    def cut(self) -> None:
        """End the connections, now and those to come: whoever waits for them wakes up, the server sees it."""
        with self._lock:
            self._is_cut = True
            self._shut()

    def close(self) -> None:
        """Let go of the sockets without touching the connections."""
        with self._lock:
            while self._sockets:
                self._sockets.pop().close()

    def _shut(self) -> None:
        while self._sockets:
            with self._sockets.pop() as copy, suppress(OSError):  # closed by the peer already
                copy.shutdown(socket.SHUT_RDWR)
