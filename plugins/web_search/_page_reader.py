"""Passages of pages, from a process that is killed with all that it is doing when a page takes too long.

Hostile markup keeps a parser busy for minutes with the interpreter's lock held, so threads cannot bound it. A
server process (`_page_server`) is started before a search's results are there, kept for the next search, and killed
after a search that did not wait for all of its pages. Not covered: Windows, which cannot fork; no page is read there.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_SERVER = Path(__file__).with_name("_page_server.py")
ANSWER = 2_000_000  # bytes; the passages of one page are less in any script

_idle: deque[PageReader] = deque()  # servers that have nothing to do


class PageReader:
    """A server process. `read` may be called in several threads at once."""

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, str(_SERVER), str(theirs.fileno())],
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # one group with its forks, to be killed together
            )
        self._changed = threading.Lock()
        self._reading = 0

    def read(self, body: bytes, kind: str, charset: str) -> list[str]:
        """Return the passages of a page. Raises OSError or ValueError if it cannot be read or the server is killed."""
        with self._counted(), _socketpair() as (ours, theirs):
            socket.send_fds(self._control, [b"\0"], [theirs.fileno()])
            theirs.close()
            ours.sendall(json.dumps({"type": kind, "charset": charset}).encode() + b"\n" + body)
            ours.shutdown(socket.SHUT_WR)
            with ours.makefile("rb") as answer:
                passages: list[str] = json.loads(answer.read(ANSWER))
                return passages

    @property
    def is_idle(self) -> bool:
        """Whether the server can be used and no page is being read."""
        return self._reading == 0 and self._is_alive()

    def _is_alive(self) -> bool:
        """Whether the server holds its end of the control socket, which closes before the system reports its death."""
        try:
            return bool(self._control.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
        except OSError as error:
            return isinstance(error, BlockingIOError)  # nothing has come: it never sends anything

    def kill(self) -> None:
        """End the server and the pages that it is reading."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._control.close()

    @contextmanager
    def _counted(self) -> Iterator[None]:
        with self._changed:
            self._reading += 1
        try:
            yield
        finally:
            with self._changed:
                self._reading -= 1


def warm_up() -> None:
    """Start a server, if there is none, while the search engines are asked: it imports for half a second."""
    if not _idle:
        with suppress(OSError):  # `page_reader` tells
            _idle.append(PageReader())


@contextmanager
def page_reader() -> Iterator[PageReader]:
    """Yield a server for one search, kept for the next one unless a page is still being read at the end.

    Raises OSError if none can be started.
    """
    reader = _taken()
    try:
        yield reader
    finally:
        if reader.is_idle:
            _idle.append(reader)
        else:
            reader.kill()


def _taken() -> PageReader:
    with suppress(IndexError):
        while True:
            reader = _idle.pop()
            if reader.is_idle:
                return reader
            reader.kill()
    return PageReader()


@contextmanager
def _socketpair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs
