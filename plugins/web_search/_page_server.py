"""The process that reads pages: it imports the libraries once and forks for each page.

Run as a script with the number of a socket. Each byte that arrives there brings another socket, on which a page comes
and its passages go back: `{"type": ..., "charset": ...}`, a line feed and the body, until the end of the stream; then a
JSON list. The fork for a page has limits of its own and answers nothing if it cannot read the page.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain, islice

import lxml.html
import pypdfium2
import trafilatura

from moss_agent.documents.formats import html, pdf, text
from moss_agent.documents.formats.document import Document, Unreadable
from moss_agent.documents.passages import split

IMPORTED = (lxml.html, pypdfium2, trafilatura)  # by the formats only when they are used, and then in each fork
PASSAGES = 500  # of one page
LENGTH = 300  # characters of a passage
PDF_PAGES = 100
TAGS = 40_000  # on one page; with more the parser would take longer than anybody waits
CPU_SECONDS = 4  # for one page: a fork ends even if nobody is left to kill it
MEMORY = 320 << 20  # bytes of address space for one page


def serve(control: socket.socket) -> None:
    """Fork for each page until the other end of `control` is closed."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the system forgets forks that have ended
    while True:
        request, sockets, *_ = socket.recv_fds(control, 1, 1)
        if not request:
            return
        if os.fork():
            os.close(sockets[0])
            continue
        try:
            control.close()
            _answer(socket.socket(fileno=sockets[0]))
        finally:
            os._exit(0)


def _answer(connection: socket.socket) -> None:
    for kind, most in ((resource.RLIMIT_CPU, CPU_SECONDS), (resource.RLIMIT_AS, MEMORY), (resource.RLIMIT_CORE, 0)):
        with suppress(ValueError, OSError):  # a lower limit is set already, or the system has none
            resource.setrlimit(kind, (most, most))
    with connection, connection.makefile("rwb") as stream:
        page = json.loads(stream.readline())
        passages = list(islice(_passages(stream.read(), page["type"], page["charset"]), PASSAGES))
        stream.write(json.dumps(passages, ensure_ascii=False).encode())


def _passages(body: bytes, kind: str, charset: str) -> Iterator[str]:
    """Return the text of a page in passages. Raises Unreadable, and what libraries raise."""
    document = _document(body, kind, charset)
    return chain.from_iterable(split(section.text, LENGTH) for section in document.sections)


def _document(body: bytes, kind: str, charset: str) -> Document:
    if kind == "application/pdf":
        return pdf.read(body, PDF_PAGES)
    if kind == "text/plain":
        return text.read(body, charset)
    if body.count(b"<") > TAGS:
        raise Unreadable("more markup than text")
    return html.read(body, charset)


if __name__ == "__main__":
    logging.disable()
    serve(socket.socket(fileno=int(sys.argv[1])))
