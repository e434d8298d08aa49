"""A server that says what it is told to and then nothing more, until its client has gone."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n"
PART = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"'


@dataclass
class SilentServer:
    """heard: set once all is said. left: set once the client has ended its connection."""

    port: int
    heard: threading.Event = field(default_factory=threading.Event)
    left: threading.Event = field(default_factory=threading.Event)


@contextmanager
def silent_server(*says: bytes, tls: ssl.SSLContext | None = None) -> Iterator[SilentServer]:
    """Serves one connection, one answer after the other. tls: how it is encrypted, if it is."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = SilentServer(listening.getsockname()[1])
        threading.Thread(target=_serve, args=(listening, server, says, tls), daemon=True).start()
        yield server


def _serve(listening: socket.socket, server: SilentServer, says: tuple[bytes, ...], tls: ssl.SSLContext | None) -> None:
    connection, _ = listening.accept()
    if tls:
        connection = tls.wrap_socket(connection, server_side=True)
    with connection, suppress(OSError):
        for answer in says:
            connection.recv(1 << 16)
            connection.sendall(answer)
        server.heard.set()
        while connection.recv(1 << 16):
            pass
    server.left.set()
