"""A web site on loopback that can misbehave: raw bytes in, whatever a test likes out."""

from __future__ import annotations

import gzip
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

Write = Callable[[bytes], object]


def answer(body: bytes | str, kind: str = "text/html; charset=utf-8", *headers: str, status: str = "200 OK") -> bytes:
    """A whole answer."""
    data = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(data)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + data


def redirect(address: str) -> bytes:
    return answer("", "text/plain", f"Location: {address}", status="302 Found")


def packed(body: bytes) -> bytes:
    return answer(gzip.compress(body), "text/html", "Content-Encoding: gzip")


@dataclass
class Site:
    """pages: by path, an answer or a function that writes one. requests: the heads of the requests so far."""

    host: str = "127.0.0.1"
    port: int = 0
    scheme: str = "http"
    pages: dict[str, bytes | Callable[[Write], None]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)

    @property
    def exempt(self) -> set[tuple[str, int]]:
        return {(self.host, self.port)}

    def url(self, path: str = "/", host: str = "") -> str:
        return f"{self.scheme}://{host or self.host}:{self.port}{path}"


@contextmanager
def serve(tls: ssl.SSLContext | None = None) -> Iterator[Site]:
    """A site that answers until the block ends."""
    site = Site(scheme="https" if tls else "http")

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):  # a client that has given up is part of the game
                if tls:
                    self.request = tls.wrap_socket(self.request, server_side=True)
                    self.rfile, self.wfile = self.request.makefile("rb"), self.request.makefile("wb", 0)
                head = b"".join(iter(self.rfile.readline, b"\r\n")).decode()
                site.requests.append(head)
                path = head.split(" ")[1].partition("?")[0]
                page = site.pages.get(path, answer("nothing here", status="404 Not Found"))
                if callable(page):
                    page(self.wfile.write)
                else:
                    self.wfile.write(page)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False
        request_queue_size = 50

    with Server((site.host, 0), Handler) as server:
        site.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield site
        server.shutdown()
