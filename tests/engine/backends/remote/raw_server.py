"""A server that sends whatever bytes a test wants: broken, hostile, slow."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain, repeat

Answer = Callable[[], Iterator[bytes]]
"""Gives the bytes of an answer, head included, one write after the other."""


class RawServer(socketserver.ThreadingTCPServer):
    """Answers each path in turn with what `pages` has for it, the last answer again and again; else 404.

    requests: what came, head and body. gone: set once a client has closed the connection before its answer's end.
    """

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128  # a connection that finds the queue full is tried again only after a second

    def __init__(self, pages: dict[str, list[Answer]]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.pages = pages
        self.requests: list[str] = []
        self.gone = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def answer(self, path: str) -> Iterator[bytes]:
        answers = self.pages.get(path) or [page(404, b'{"error": "no such page"}')]
        return (answers.pop(0) if len(answers) > 1 else answers[0])()


class _Handler(socketserver.StreamRequestHandler):
    server: RawServer

    def handle(self) -> None:
        head, length = "", 0
        while (line := self.rfile.readline().decode("latin-1").rstrip()) != "":
            head += line + "\n"
            if line.lower().startswith("content-length:"):
                length = int(line.split(":")[1])
        self.server.requests.append(head + self.rfile.read(length).decode())
        try:
            for data in self.server.answer(head.split(" ")[1]):
                self.wfile.write(data)
        except OSError:
            self.server.gone.set()


def page(status: int, body: bytes, kind: str = "application/json", head: str = "") -> Answer:
    """A whole answer. head: more lines of it."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Type: {kind}", f"Content-Length: {len(body)}", "Connection: close"]
    return lambda: iter(["\r\n".join([*lines, head + "\r\n"]).encode() + body])


def stream(*writes: bytes | Callable[[], object], kind: str = "text/event-stream") -> Answer:
    """An event stream that ends with the connection; a function among the writes is called in its place."""

    def answer() -> Iterator[bytes]:
        yield f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nConnection: close\r\n\r\n".encode()
        for write in writes:
            if callable(write):
                write()
            else:
                yield write

    return answer


def told(answer: Answer, event: threading.Event) -> Answer:
    """That answer, which sets the event once it is the one that a request gets."""

    def answer_and_tell() -> Iterator[bytes]:
        event.set()
        return answer()

    return answer_and_tell


def endless(data: bytes) -> Answer:
    """An event stream that goes on until the client has gone: no number of events fills every system's buffers."""
    return lambda: chain(stream()(), repeat(data))


@contextmanager
def serving(server: socketserver.BaseServer) -> Iterator[None]:
    """The server at work in a thread of its own."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
