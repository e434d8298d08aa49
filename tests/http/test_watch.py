"""Servers that fall silent: those that have gone are left, those that live are waited for. Over real sockets."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from moss_agent.cancellation import Cancellation
from moss_agent.errors import Cancelled
from moss_agent.http import watch as watch_module
from moss_agent.http.client import open_client
from moss_agent.http.failures import Failure, RequestFailed
from moss_agent.http.sending import pieces_of, sending
from moss_agent.http.watch import Watch
from tests.engine.backends.remote.raw_server import Answer, RawServer, page, serving, stream
from tests.http.silent_server import STREAM, accept_request, silent_server

BEGUN = b"data: 1\n\n"


@pytest.fixture(autouse=True)
def short_silences(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_module, "SILENCE", 0.05)
    monkeypatch.setattr(watch_module, "PAUSE", 0.02)


@contextmanager
def watched(url: str, cancellation: Cancellation | None = None, health: str = "") -> Iterator[Iterator[bytes]]:
    """The pieces of an answer, which is watched by the server's `/health`."""
    with (
        open_client(url, connect=100.0, read=100.0, keep_alive=False) as client,
        Watch(client, {}).silence(health or url + "/health") as silence,
        sending(client, "GET", url, headers={}, cancellation=cancellation, silence=silence) as response,
    ):
        yield silence.over(pieces_of(response))


def asked(server: RawServer, times: int) -> Callable[[], None]:
    """Wait until the server was asked for its health so often."""
    come = threading.Event()
    left = iter(range(times))

    def count() -> Iterator[bytes]:
        if next(left, 0) == times - 1:
            come.set()
        return iter([b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"])

    server.pages["/health"] = [count]
    return lambda: assert_set(come)


def assert_set(event: threading.Event) -> None:
    assert event.wait(60)


@pytest.mark.parametrize("said", [STREAM, b"HTTP/1.1 200 OK\r\n", b""])
def test_a_silent_server_that_listens_no_more_is_left(said: bytes) -> None:
    """As vLLM does when it is told to end: it keeps the open answer and sends nothing more."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        begun, left = threading.Event(), threading.Event()

        def serve() -> None:
            with accept_request(listening) as connection:
                connection.sendall(said)
                assert said != STREAM or begun.wait(60)
                listening.close()
                while connection.recv(1 << 16):
                    pass
            left.set()

        threading.Thread(target=serve, daemon=True).start()
        with pytest.raises(RequestFailed) as error, watched(url) as pieces:
            assert next(pieces) == BEGUN
            begun.set()
            next(pieces)
        assert error.value.failure is Failure.GONE
        assert left.wait(60)


def test_a_silent_server_that_shows_life_is_waited_for() -> None:
    server = RawServer({})
    server.pages["/"] = [stream(BEGUN, asked(server, 5), b"data: 2\n\n")]
    with serving(server), watched(server.url + "/", health=server.url + "/health") as pieces:
        assert b"".join(pieces) == BEGUN + b"data: 2\n\n"


@pytest.mark.parametrize("status", [200, 401, 404, 429, 500, 503])
def test_any_answer_is_a_sign_of_life(status: int) -> None:
    times = iter(range(1000))
    come = threading.Event()

    def answer() -> Iterator[bytes]:
        if next(times) == 4:
            come.set()
        return page(status, b"")()

    server = RawServer({"/": [stream(BEGUN, lambda: assert_set(come), b"data: 2\n\n")], "/health": [answer]})
    with serving(server), watched(server.url + "/", health=server.url + "/health") as pieces:
        assert b"".join(pieces) == BEGUN + b"data: 2\n\n"


def no_answer() -> Iterator[bytes]:
    return iter(())


@pytest.mark.parametrize("sign", [page(502, b""), no_answer])
def test_a_proxy_that_does_not_reach_its_server_shows_no_life(sign: Answer) -> None:
    """As one that answers so, or a tunnel that ends the connection."""
    signs = 0
    first_question, begun = threading.Event(), threading.Event()

    def life() -> Iterator[bytes]:
        first_question.set()
        assert_set(begun)  # until then no other question is on its way, to be counted or not
        return page(200, b"")()

    def answer() -> Iterator[bytes]:
        nonlocal signs
        signs += 1
        return sign()

    the_answer = stream(lambda: assert_set(first_question), BEGUN, lambda: threading.Event().wait())
    server = RawServer({"/": [the_answer], "/health": [life]})
    with (
        serving(server),
        pytest.raises(RequestFailed) as error,
        watched(server.url + "/", health=server.url + "/health") as pieces,
    ):
        assert next(pieces) == BEGUN
        server.pages["/health"] = [answer]
        begun.set()
        next(pieces)
    assert error.value.failure is Failure.GONE and signs == watch_module.TRIES


def test_one_question_without_a_sign_of_life_is_not_the_end() -> None:
    server = RawServer({})
    wait = asked(server, 3)
    count = server.pages["/health"][0]
    server.pages["/health"] = [no_answer, no_answer, count, no_answer, no_answer, count]
    server.pages["/"] = [stream(BEGUN, wait, b"data: 2\n\n")]
    with serving(server), watched(server.url + "/", health=server.url + "/health") as pieces:
        assert b"".join(pieces) == BEGUN + b"data: 2\n\n"


def test_a_server_that_accepts_and_does_not_answer_is_busy_and_asked_ever_less(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_module, "ANSWER_SECONDS", 0.02)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        health = f"http://127.0.0.1:{listening.getsockname()[1]}/health"
        questions: list[socket.socket] = []

        def wait() -> None:
            for _ in range(4):
                questions.append(listening.accept()[0])

        server = RawServer({"/": [stream(BEGUN, wait, b"data: 2\n\n")]})
        with serving(server), watched(server.url + "/", health=health) as pieces:
            assert b"".join(pieces) == BEGUN + b"data: 2\n\n"
        for question in questions:
            question.close()


def test_what_is_not_waited_for_is_not_silent() -> None:
    """The reader is busy with something else while the server, its work done, has gone."""
    server = RawServer({"/": [stream(BEGUN, b"data: 2\n\n")], "/health": [page(200, b"")]})
    with serving(server), watched(server.url + "/", health=server.url + "/health") as pieces:
        got = next(pieces)
        server.pages["/health"], asked_before = [no_answer], len(server.requests)
        threading.Event().wait(20 * watch_module.SILENCE)
        assert len(server.requests) <= asked_before + 1  # one may have been on its way
        server.pages["/health"] = [page(200, b"")]
        assert got + b"".join(pieces) == BEGUN + b"data: 2\n\n"


def test_cancelling_counts_first() -> None:
    cancellation = Cancellation()
    with silent_server(STREAM) as server:
        url = f"http://127.0.0.1:{server.port}"
        with pytest.raises(Cancelled), watched(url, cancellation) as pieces:
            next(pieces)
            cancellation.cancel()
            next(pieces)


def test_many_answers_are_watched_by_one_thread_which_ends_with_them() -> None:
    server = RawServer({})
    server.pages["/"] = [stream(BEGUN, asked(server, 3), b"data: 2\n\n")]
    with serving(server), open_client(server.url, connect=100.0, read=100.0, keep_alive=False) as client:
        watch = Watch(client, {})
        before, got = set(threading.enumerate()), []
        all_watched = threading.Barrier(20, timeout=60)  # between two answers there may be no watch

        def ask() -> None:
            with watch.silence(server.url + "/health") as silence:
                all_watched.wait()
                with sending(client, "GET", server.url + "/", headers={}, silence=silence) as response:
                    piece = b"".join(silence.over(pieces_of(response)))
                watching = {thread for thread in threading.enumerate() if thread.name == "watch"} - before
                got.append((piece, watching))

        threads = [threading.Thread(target=ask) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {piece for piece, _ in got} == {BEGUN + b"data: 2\n\n"} and len(got) == 20
        (thread,) = set.union(*(watching for _, watching in got))
        thread.join()
