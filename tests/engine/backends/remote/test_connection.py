"""Requests to servers that refuse, break, hang or mean harm, over real sockets."""

from __future__ import annotations

import socket
import threading

import pytest

from moss_agent.cancellation import Cancellation
from moss_agent.engine.backends.remote import connection as connection_module
from moss_agent.engine.backends.remote.connection import Connection
from moss_agent.errors import Cancelled, ContextFull, ServerError, UsageError
from moss_agent.http import sending
from tests.engine.backends.remote.raw_server import Answer, RawServer, endless, page, serving, stream
from tests.http.silent_server import PART, STREAM, silent_server

PATH = "/v1/completions"


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(sending, "PAUSE", 0.001)


def ask(*answers: Answer, key: str = "", seconds: float = 300) -> tuple[RawServer, bytes]:
    """What a server gives that answers so."""
    server = RawServer({PATH: list(answers)})
    with serving(server):
        return server, b"".join(Connection(server.url, key=key, seconds=seconds).stream(PATH, {"prompt": "Hi"}))


def test_a_stream_comes_through_as_it_is_sent():
    server, got = ask(stream(b"data: 1\n\n", b"data: 2\n\n"), key="secret")
    assert got == b"data: 1\n\ndata: 2\n\n"
    assert "Authorization: Bearer secret" in server.requests[0] and server.requests[0].endswith('{"prompt": "Hi"}')


def test_an_address_may_end_in_the_version_of_the_api():
    server = RawServer({"/v1/models": [page(200, b"{}")]})
    with serving(server):
        for end in ("", "/", "/v1", "/v1/"):
            assert Connection(server.url + end).get("/v1/models") == (200, {})


@pytest.mark.parametrize(
    "url", ["", "localhost:8000", "ftp://host", "http://", "http://host:99999", "http://h/?a=b", "file:///etc/passwd"]
)
def test_what_is_no_address_is_refused(url):
    with pytest.raises(UsageError, match="must be an address such as"):
        Connection(url)


def test_secrets_stand_in_the_variable_only():
    with pytest.raises(UsageError, match="MOSS_AGENT_API_KEY") as error:
        Connection("http://user:geheim@host")
    assert "geheim" not in str(error.value)
    with pytest.raises(UsageError, match="characters that no key has"):
        Connection("http://host", key="a\r\nX-Evil: 1")


@pytest.mark.parametrize(
    ("status", "body", "kind", "said"),
    [
        (401, b"{}", ServerError, "wants a key: put it in MOSS_AGENT_API_KEY"),
        (404, b'{"error": {"message": "The model `x` does not exist."}}', ServerError, "The model `x` does not exist"),
        (400, b'{"error": {"message": "maximum context length is 9 tokens"}}', ContextFull, "context_length"),
        (400, b'{"error": {"type": "exceed_context_size_error", "message": "exceeds the available context size"}}',
         ContextFull, "too long for the served model"),
        (422, b'{"detail": "Unexpected fields in the request: {\'top_k\'}"}', ServerError, "fields in the request"),
        (400, b'{"detail": [{"loc": ["body"], "msg": "field required"}]}', ServerError, "field required"),
        (500, b"<html>\n<h1>Oops", ServerError, "answers HTTP 500"),
        (418, b'{"error": {"error": {"message": {}}}}', ServerError, "answers HTTP 418"),
        (400, b'[{"error": {"code": 400, "message": "Not a model"}}]', ServerError, "answers HTTP 400: Not a model"),
        (422, b'{"object": "error", "message": {"detail": [{"loc": ["body", "x"], "msg": "Extra"}]}}', ServerError,
         "HTTP 422: {'loc': ['body', 'x'], 'msg': 'Extra'}"),
        (400, b'{"error": {"message": "Provider returned error", "metadata": {"raw": "{\\"a\\": 1}"}}}', ServerError,
         'HTTP 400: {"a": 1}'),
    ],
)  # fmt: skip
def test_refusals_are_told_in_one_line(status, body, kind, said):
    with pytest.raises(kind) as error:
        ask(page(status, body))
    assert type(error.value) is kind
    assert said in str(error.value) and "\n" not in str(error.value) and len(str(error.value)) < 500


def test_a_wrong_key_is_named_but_not_shown():
    with pytest.raises(ServerError, match="refuses the key in MOSS_AGENT_API_KEY") as error:
        ask(page(403, b"{}"), key="geheim")
    assert "geheim" not in str(error.value)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_the_key_is_not_carried_to_where_a_server_sends_us(status):
    elsewhere = RawServer({PATH: [stream(b"data: [DONE]\n\n")]})
    with serving(elsewhere):
        with pytest.raises(ServerError, match=f"sends us on to {elsewhere.url.removeprefix('http://')}"):
            ask(page(status, b"", head=f"Location: {elsewhere.url}{PATH}\r\n"), key="secret")
        server = RawServer({"/v1/models": [page(status, b"", head=f"Location: {elsewhere.url}{PATH}\r\n")]})
        with serving(server), pytest.raises(ServerError, match="sends us on"):
            Connection(server.url, key="secret").get("/v1/models")
    assert elsewhere.requests == []


def test_passwords_of_netrc_stay_at_home(tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password geheim\n")
    monkeypatch.setenv("NETRC", str(netrc))
    assert "Authorization" not in ask(stream(b"data: 1\n\n"))[0].requests[0]
    assert "Authorization: Bearer secret" in ask(stream(b"data: 1\n\n"), key="secret")[0].requests[0]


def test_a_proxy_is_not_asked_for_this_machine(monkeypatch):
    with serving(proxy := RawServer({})):
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.delenv("NO_PROXY", raising=False)
        assert ask(stream(b"data: 1\n\n"), key="secret")[1] == b"data: 1\n\n"
        with pytest.raises(ServerError, match="HTTP 404"):
            list(Connection("http://nowhere.invalid").stream(PATH, {}))
    assert len(proxy.requests) == 1 and "nowhere.invalid" in proxy.requests[0]


def test_a_busy_server_is_asked_again():
    busy = page(503, b'{"error": {"message": "Loading model"}}')
    server, got = ask(busy, page(429, b"{}"), lambda: iter(()), stream(b"data: 1\n\n"))
    assert got == b"data: 1\n\n" and len(server.requests) == 4
    with pytest.raises(ServerError, match="HTTP 503: Loading model"):
        ask(busy)


def test_nobody_there_is_told_at_once():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        with pytest.raises(ServerError, match="nothing listens there; is it running"):
            Connection(f"http://127.0.0.1:{free.getsockname()[1]}").get("/v1/models")


@pytest.mark.parametrize("start", [(), (b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n",)])
def test_a_server_that_falls_silent_is_left(start):
    def hang():
        yield from start
        threading.Event().wait()

    with pytest.raises(ServerError, match="nothing came for 0.1 seconds"):
        ask(hang, seconds=0.1)


def test_what_is_no_stream_is_refused():
    with pytest.raises(ServerError, match="answers with text/html where a stream was asked for"):
        ask(stream(b"<html>", kind="text/html; charset=utf-8"))


def test_a_connection_that_breaks_in_the_middle_is_not_tried_again():
    broken = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    broken += b"9\r\ndata: 1\n\n\r\n5\r\nda"
    server = RawServer({PATH: [lambda: iter([broken])]})
    with serving(server), pytest.raises(ServerError, match="broke off in the middle"):
        list(Connection(server.url).stream(PATH, {}))
    assert len(server.requests) == 1


def test_closing_ends_the_request_at_once():
    server = RawServer({PATH: [endless(b"data: 1\n\n")]})
    with serving(server):
        chunks = Connection(server.url).stream(PATH, {})
        next(chunks)
        chunks.close()
        assert server.gone.wait(60)


def test_an_answer_without_an_end_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(connection_module, "LONGEST_ANSWER", 1000)
    server = RawServer({"/v1/models": [stream(*[b"[" * 500] * 20, kind="application/json")]})
    with serving(server):
        assert Connection(server.url).get("/v1/models") == (200, None)


@pytest.mark.parametrize(
    ("says", "ask"),
    [
        (b"", lambda connection, token: list(connection.stream(PATH, {}, token))),
        (STREAM, lambda connection, token: list(connection.stream(PATH, {}, token))),
        (b"", lambda connection, token: connection.post(PATH, {}, token)),
        (PART, lambda connection, token: connection.post(PATH, {}, token)),
        (PART, lambda connection, token: connection.get(PATH, token)),
    ],
)
def test_a_silent_server_is_left_when_another_thread_cancels(says, ask):
    def cancel():
        server.heard.wait()
        token.cancel()

    token = Cancellation()
    with silent_server(says) as server:
        threading.Thread(target=cancel, daemon=True).start()
        with pytest.raises(Cancelled):
            ask(Connection(f"http://127.0.0.1:{server.port}"), token)
        assert server.left.wait(30)


@pytest.mark.parametrize("target", ["http://[", "ftp://x", "http://me:secret@there/", "//"])
def test_where_a_server_sends_us_may_be_anything(target):
    with pytest.raises(ServerError, match="sends us on to [^@ ]+: name that server"):
        ask(page(302, b"", head=f"Location: {target}\r\n"))
