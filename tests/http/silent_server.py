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
QUESTIONS = (b"GET /health ", b"GET /v1/models ")  # for a sign of life


@dataclass
class SilentServer:
    """heard: set once all is said. left: set once the client has ended its connection."""

    port: int
    heard: threading.Event = field(default_factory=threading.Event)
    left: threading.Event = field(default_factory=threading.Event)


@contextmanager
def silent_server(first: bytes, *more: bytes, tls: ssl.SSLContext | None = None) -> Iterator[SilentServer]:
    """Serves one connection, one answer after the other. tls: how it is encrypted, if it is."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = SilentServer(listening.getsockname()[1])
        threading.Thread(target=_serve, args=(listening, server, first, more, tls), daemon=True).start()
        yield server


def accept_request(listening: socket.socket, tls: ssl.SSLContext | None = None) -> socket.socket:
    """Accept the connection of a request, which is read, and answer the questions for a sign of life before it.

    They come first when the request's thread is slow to connect: its silence is counted from before that.
    """
    while True:
        connection, _ = listening.accept()
        if tls:
            connection = tls.wrap_socket(connection, server_side=True)
        if not connection.recv(1 << 16).startswith(QUESTIONS):
            return connection
        with connection, suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


def _serve(
    listening: socket.socket,
    server: SilentServer,
    first: bytes,
    more: tuple[bytes, ...],
    tls: ssl.SSLContext | None,
) -> None:
    with suppress(OSError), accept_request(listening, tls) as connection:
        connection.sendall(first)
        for answer in more:
            connection.recv(1 << 16)
            connection.sendall(answer)
        server.heard.set()
        while connection.recv(1 << 16):
            pass
    server.left.set()
