"""Requests that are tried again, and requests that another thread ends, over real sockets."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from email.utils import formatdate
from pathlib import Path

import pytest
import trustme

from moss_agent.cancellation import Cancellation
from moss_agent.errors import Cancelled
from moss_agent.http import sending as sending_module
from moss_agent.http.client import open_client
from moss_agent.http.failures import RequestFailed
from moss_agent.http.sending import LONGEST_PAUSE, asked_pause, body_of, pieces_of, sending
from tests.engine.backends.remote.raw_server import Answer, RawServer, page, serving
from tests.http.silent_server import PART, STREAM, silent_server

EMPTY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def send(url: str, cancellation: Cancellation | None = None, bundle: str = "") -> tuple[int, bytes | None]:
    """Status and body."""
    with (
        open_client(url, connect=100.0, read=100.0, keep_alive=False, bundle=bundle) as client,
        sending(client, "GET", url, headers={}, cancellation=cancellation) as response,
    ):
        return response.status_code, body_of(response, 1 << 20, 100.0)


def cancelled_when(happened: Callable[[], object]) -> Cancellation:
    """A token that another thread sets afterwards."""
    cancellation = Cancellation()

    def run() -> None:
        happened()
        cancellation.cancel()

    threading.Thread(target=run, daemon=True).start()
    return cancellation


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending_module, "PAUSE", 0.001)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("first", [page(503, b""), page(429, b"", head="Retry-After: 0\r\n"), lambda: iter(())])
def test_a_busy_server_is_asked_again(first: Answer):
    with serving(server := RawServer({"/": [first, first, page(200, b"hello")]})):
        assert send(server.url + "/") == (200, b"hello")
    assert len(server.requests) == 3


@pytest.mark.usefixtures("quick")
def test_a_server_that_stays_busy_has_its_last_answer_given():
    with serving(server := RawServer({"/": [page(503, b"busy")]})):
        assert send(server.url + "/") == (503, b"busy")
    assert len(server.requests) == sending_module.TRIES


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("answer", [page(500, b""), lambda: iter([PART])])
def test_what_has_been_answered_is_not_asked_again(answer: Answer):
    with serving(server := RawServer({"/": [answer]})), suppress(RequestFailed):
        assert send(server.url + "/")[0] == 500
    assert len(server.requests) == 1


def test_the_pause_is_the_one_that_the_server_asks_for():
    assert asked_pause({}, 0.5) == 0.5
    assert asked_pause({"Retry-After": "7"}, 0.5) == 7
    assert asked_pause({"Retry-After": "0"}, 0.5) == 0.5
    assert asked_pause({"Retry-After": "9" * 5000}, 0.5) == LONGEST_PAUSE
    assert asked_pause({"Retry-After": formatdate(time.time() + 3600, usegmt=True)}, 0.5) == LONGEST_PAUSE
    assert asked_pause({"Retry-After": formatdate(time.time() - 3600, usegmt=True)}, 0.5) == 0.5
    for nonsense in ("", "soon", "-1", "nan", "1e3", "Thu, 99 Foo 99999 99:99:99 GMT", "٣٣٣x"):
        assert asked_pause({"Retry-After": nonsense}, 0.5) == 0.5


@pytest.mark.parametrize("says", [b"", b"HTTP/1.1 200 OK\r\n", PART, STREAM])
def test_a_silent_server_is_left_when_another_thread_cancels(says: bytes):
    with silent_server(says) as server:
        with pytest.raises(Cancelled):
            send(f"http://127.0.0.1:{server.port}", cancelled_when(server.heard.wait))
        assert server.left.wait(30)


@pytest.mark.parametrize("says", [b"", PART, STREAM])
def test_the_same_over_tls(says: bytes, tmp_path: Path):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(tls)
    with silent_server(says, tls=tls) as server:
        cancellation = cancelled_when(server.heard.wait)
        with pytest.raises(Cancelled):
            send(f"https://localhost:{server.port}", cancellation, bundle=str(tmp_path / "authority.pem"))
        assert server.left.wait(30)


def test_the_same_while_tls_is_agreed_on():
    with silent_server(b"") as server:
        with pytest.raises(Cancelled):
            send(f"https://localhost:{server.port}", cancelled_when(server.heard.wait))
        assert server.left.wait(30)


def test_the_same_through_a_proxy_that_says_nothing(monkeypatch: pytest.MonkeyPatch):
    with silent_server(b"") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        with pytest.raises(Cancelled):
            send("https://nowhere.invalid", cancelled_when(proxy.heard.wait))
        assert proxy.left.wait(30)


def test_connecting_is_given_up_when_another_thread_cancels():
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        address = full.getsockname()
        waiting = [socket.socket() for _ in range(8)]
        for one in waiting:  # until the system drops what asks for a connection
            one.setblocking(False)
            one.connect_ex(address)
        cancellation = Cancellation()
        threading.Timer(0.1, cancellation.cancel).start()
        with pytest.raises(Cancelled):
            send(f"http://127.0.0.1:{address[1]}", cancellation)
        for one in waiting:
            one.close()


def test_a_pause_ends_when_another_thread_cancels(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sending_module, "PAUSE", 100.0)
    answered = threading.Event()

    def busy():
        yield from page(503, b"")()
        answered.set()

    with serving(server := RawServer({"/": [busy]})), pytest.raises(Cancelled):
        send(server.url + "/", cancelled_when(answered.wait))
    assert len(server.requests) == 1


def test_what_is_cancelled_already_is_not_sent():
    cancellation = Cancellation()
    cancellation.cancel()
    with serving(server := RawServer({})), pytest.raises(Cancelled):
        send(server.url, cancellation)
    assert server.requests == []


@pytest.mark.parametrize("says", [PART, STREAM])
def test_a_body_that_is_being_read_ends_when_another_thread_cancels(says: bytes):
    begun = threading.Event()
    cancellation = cancelled_when(begun.wait)
    with silent_server(says) as server, open_client("http://127.0.0.1", connect=100.0, read=100.0) as client:
        url = f"http://127.0.0.1:{server.port}"
        with pytest.raises(Cancelled), sending(client, "GET", url, headers={}, cancellation=cancellation) as response:
            for _ in pieces_of(response):
                begun.set()
        assert server.left.wait(30)


def test_the_same_on_a_connection_that_has_served_another_request():
    begun = threading.Event()
    cancellation = cancelled_when(begun.wait)
    with silent_server(EMPTY, PART) as server, open_client("http://127.0.0.1", connect=100.0, read=100.0) as client:
        url = f"http://127.0.0.1:{server.port}"
        with sending(client, "GET", url, headers={}) as response:
            assert body_of(response, 1, 100.0) == b""
        with pytest.raises(Cancelled), sending(client, "GET", url, headers={}, cancellation=cancellation) as response:
            for _ in pieces_of(response):
                begun.set()
        assert server.left.wait(30)


def test_waiting_on_such_a_connection_is_given_up_when_another_thread_cancels():
    """Its socket is known only when the answer comes."""
    with silent_server(EMPTY, b"") as server, open_client("http://127.0.0.1", connect=100.0, read=100.0) as client:
        url = f"http://127.0.0.1:{server.port}"
        with sending(client, "GET", url, headers={}) as response:
            assert body_of(response, 1, 100.0) == b""
        cancellation = cancelled_when(server.heard.wait)
        with pytest.raises(Cancelled), sending(client, "GET", url, headers={}, cancellation=cancellation):
            pass


def test_the_end_of_the_block_ends_the_connection():
    with silent_server(STREAM) as server:
        url = f"http://127.0.0.1:{server.port}"
        with open_client(url, connect=100.0, read=100.0, keep_alive=False) as client:
            with sending(client, "GET", url, headers={}) as response:
                assert next(pieces_of(response)) == b"data: 1\n\n"
            assert server.left.wait(30)


def test_a_body_is_read_up_to_its_limits():
    with (
        serving(server := RawServer({"/": [page(200, b"12345")]})),
        open_client(server.url, connect=100.0, read=100.0) as client,
    ):
        for longest, seconds, body in ((5, 100.0, b"12345"), (4, 100.0, None), (5, -1.0, None)):
            with sending(client, "GET", server.url + "/", headers={}) as response:
                assert body_of(response, longest, seconds) == body
