"""Fetching from servers that do what servers should not."""

from __future__ import annotations

import asyncio
import gzip
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable

import pytest
import trustme

from plugins.web_search._fetching import BYTES, Fetcher, FetchError, PublicNetwork, Response
from tests.plugins.web_search.site import Site, Write, answer, packed, redirect, serve

HTML = ("text/html",)


def fetch(
    url: str, site: Site | None = None, tls: ssl.SSLContext | None = None, within: float | None = None
) -> Response:
    """Fetch as the plugin does, but from the site of the test, if one is given."""

    async def run() -> Response:
        async with Fetcher(PublicNetwork(site.exempt if site else ()), tls=tls) as fetcher:
            return await asyncio.wait_for(fetcher.fetch(url, HTML), within)

    return asyncio.run(run())


def error_of(url: str, site: Site | None = None, tls: ssl.SSLContext | None = None) -> str:
    with pytest.raises(FetchError) as caught:
        fetch(url, site, tls)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    return message


def test_fetches_a_page_and_says_who_asks(site: Site) -> None:
    site.pages["/a"] = answer("<p>hello")
    fetched = fetch(site.url("/a"), site)
    assert fetched.body == b"<p>hello" and fetched.headers["content-type"] == "text/html; charset=utf-8"
    assert "\r\nUser-Agent: moss-agent/" in site.requests[0]
    assert "\r\nHost: 127.0.0.1:" in site.requests[0]


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "localhost.", "2130706433", "0x7f000001", "0x7f.1", "017700000001", "127.1", "0"]
    + ["127。0。0。1", "１２７.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]"]
    + ["[::]", "[fe80::1%25lo]", "169.254.169.254", "[2002:7f00:1::]", "[::127.0.0.1]"],
)
def test_nothing_reaches_this_machine(site: Site, host: str) -> None:
    site.pages["/"] = answer("secret")
    error_of(site.url(host=host))
    assert re.search("is not on the public internet|cannot be resolved|is malformed", error_of(f"http://{host}/"))
    assert not site.requests


def test_a_name_is_resolved_once_and_every_address_counts(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def resolve(host: str, port: int, *_: object) -> list[tuple[object, ...]]:
        asked.append(host)
        good = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in ("192.0.2.1", site.host)]
        return good if host == "mixed.example" else good[1:]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    site.pages["/"] = answer("hello")
    assert "is not on the public internet" in error_of("http://rebind.example/")
    assert "port" in error_of(site.url(host="mixed.example"), site)
    assert not site.requests
    assert fetch(site.url(host="other.example"), site).body == b"hello"
    assert asked == ["rebind.example", "mixed.example", "other.example"]
    assert f"Host: other.example:{site.port}" in site.requests[0]


@pytest.mark.parametrize("port", [22, 25, 3306, 6379, 8080])
def test_other_ports_are_refused(port: int) -> None:
    assert error_of(f"http://93.184.216.34:{port}/") == f"port {port} is not one of web pages"


@pytest.mark.parametrize(
    "address",
    ["ftp://127.0.0.1/", "file:///etc/passwd", "gopher://x/", "javascript:alert(1)", "//x/", "", "http://", "http:///x"]
    + [
        "http://user:word@example.org/",
        "http://[x/",
        "http://a\r\nb/",
        "http://h:99999/",
        "http://h:0/",
        "http://h:00/",
        "http://" + "a" * 70 + ".x/",
    ],
)
def test_other_addresses_are_refused(address: str) -> None:
    error_of(address)


@pytest.mark.parametrize("target", ["/there", "there", "//{host}:{port}/there", "http://{host}:{port}/there"])
def test_follows_redirects(site: Site, target: str) -> None:
    site.pages |= {"/": redirect(target.format(host=site.host, port=site.port)), "/there": answer("hello")}
    assert fetch(site.url(), site).body == b"hello"


def test_a_redirect_is_checked_like_any_address(site: Site) -> None:
    with serve() as inner:
        inner.pages["/"] = answer("secret")
        for target in (inner.url(), inner.url(host="localhost"), "file:///etc/passwd"):
            site.pages["/"] = redirect(target)
            error_of(site.url(), site)
        for host in ("127.0.0.1", "localhost", "2130706433"):
            site.pages["/"] = redirect(f"http://{host}/")
            assert "is not on the public internet" in error_of(site.url(), site)
        assert not inner.requests and len(site.requests) == 6


def test_port_0_is_not_taken_for_the_usual_one(site: Site) -> None:
    assert error_of("http://93.184.216.34:0/") == "the address is not one of a web page"
    for target in ("http://93.184.216.34:0/", "//93.184.216.34:0/"):
        site.pages["/"] = redirect(target)
        assert error_of(site.url(), site) == "the address is not one of a web page"


def test_redirects_end(site: Site) -> None:
    site.pages["/"] = redirect("/")
    assert "redirects more than 4 times" in error_of(site.url(), site)
    assert len(site.requests) == 5


def forever(piece: bytes, pause: float = 0.0, head: bytes = b"") -> Callable[[Write], None]:
    def write(send: Write) -> None:
        send(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n" + head)
        while True:
            send(piece)
            time.sleep(pause)

    return write


def test_an_endless_body_is_cut(site: Site) -> None:
    site.pages["/"] = forever(b"<p>" + b"x" * 10_000, head=b"\r\n")
    assert len(fetch(site.url(), site).body) == BYTES


def test_a_bomb_is_cut_while_it_unpacks(site: Site) -> None:
    site.pages["/"] = packed(bytes(50_000_000))
    assert len(fetch(site.url(), site).body) == BYTES


def test_packed_data_that_unpacks_to_nothing_ends(site: Site) -> None:
    empty_blocks = gzip.compress(b"")[:10] + b"\0\0\0\xff\xff"
    site.pages["/"] = forever(b"\0\0\0\xff\xff" * 2000, head=b"Content-Encoding: gzip\r\n\r\n" + empty_blocks)
    assert fetch(site.url(), site).body == b""


def test_packed_pages_are_unpacked(site: Site) -> None:
    site.pages["/"] = packed("<p>你好".encode())
    assert fetch(site.url(), site).body.decode() == "<p>你好"


@pytest.mark.parametrize("coding", ["br", "zstd", "deflate", "gzip, gzip"])
def test_what_was_not_asked_for_is_not_unpacked(site: Site, coding: str) -> None:
    site.pages["/"] = answer(b"x", "text/html", f"Content-Encoding: {coding}")
    assert f"packed with {coding}" in error_of(site.url(), site)


def test_broken_packing(site: Site) -> None:
    site.pages["/"] = answer(b"no gzip", "text/html", "Content-Encoding: gzip")
    assert "cannot be unpacked" in error_of(site.url(), site)


@pytest.mark.parametrize("kind", ["image/png", "application/octet-stream", ""])
def test_other_media_types_are_not_read(site: Site, kind: str) -> None:
    site.pages["/"] = answer(b"x", kind)
    assert f"answered with {kind or 'no media type'}" in error_of(site.url(), site)


@pytest.mark.parametrize(
    "raw",
    [b"", b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Type: text/html\r\n\r\nx"]
    + [b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 1_000_000 + b"\r\n\r\n", b"HTTP/1.1 404 Not Found\r\n\r\n"],
)
def test_broken_answers(site: Site, raw: bytes) -> None:
    site.pages["/"] = raw
    error_of(site.url(), site)


def test_a_server_that_drips_is_stopped_by_the_callers_deadline(site: Site) -> None:
    site.pages["/"] = forever(b"x", pause=0.05, head=b"\r\n")
    with pytest.raises(asyncio.TimeoutError):
        fetch(site.url(), site, within=0.4)


def test_a_name_server_that_hangs_does_not_outlive_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: threading.Event().wait())
    with pytest.raises(asyncio.TimeoutError):
        fetch("http://example.org/", within=0.3)


def test_tls_verifies_the_name_and_the_authority() -> None:
    authority = trustme.CA()
    served, trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("localhost").configure_cert(served)
    authority.configure_trust(trusting)
    with serve(served) as site:
        site.pages["/"] = answer("hello")
        assert fetch(site.url(host="localhost"), site, trusting).body == b"hello"
        assert "mismatch" in error_of(site.url(), site, trusting)  # the certificate is not for 127.0.0.1
        assert "verif" in error_of(site.url(host="localhost"), site)
        assert len(site.requests) == 1
