"""Failures of real requests, told apart."""

from __future__ import annotations

import socket
import ssl

import httpx2
import pytest

from moss_agent.http.client import open_client
from moss_agent.http.failures import Failure, RequestFailed, told_apart
from tests.engine.backends.remote.raw_server import RawServer, page, serving
from tests.http.silent_server import PART, silent_server


def failure(url: str, read: float = 60.0) -> Failure:
    client = open_client(url, connect=60.0, read=read, redirects=True)
    with client, pytest.raises(RequestFailed) as error, told_apart():
        client.get(url)
    assert str(error.value) == error.value.failure.value
    return error.value.failure


def test_nobody_listens():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        for name in ("127.0.0.1", "localhost"):
            assert failure(f"http://{name}:{free.getsockname()[1]}") is Failure.REFUSED


@pytest.mark.parametrize("url", ["http://nowhere.invalid", "https://nowhere.invalid"])
def test_no_such_name(url):
    assert failure(url) is Failure.NAME


@pytest.mark.parametrize("url", ["file:///etc/passwd", "nonsense", "http://", "http://a..b", "http://host:port"])
def test_no_address(url):
    assert failure(url) is Failure.ADDRESS


def test_no_answer_in_time():
    for says in (b"", PART):
        with silent_server(says) as server:
            assert failure(f"http://127.0.0.1:{server.port}", read=0.05) is Failure.TIMEOUT


def test_a_connection_that_breaks():
    for answer in (lambda: iter(()), lambda: iter([PART]), lambda: iter([b"no HTTP\r\n\r\n"])):
        with serving(server := RawServer({"/": [answer]})):
            assert failure(server.url + "/") is Failure.LOST


def test_redirects_without_end():
    with serving(server := RawServer({"/": [page(302, b"", head="Location: /\r\n")]})):
        assert failure(server.url + "/") is Failure.REDIRECTS


def test_no_tls_where_it_is_expected():
    with silent_server(b"HTTP/1.1 400 Bad Request\r\n\r\n") as server:
        assert failure(f"https://127.0.0.1:{server.port}") is Failure.TLS


def test_a_proxy_that_refuses(monkeypatch):
    with serving(proxy := RawServer({"nowhere.invalid:443": [page(403, b"")]})):
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        assert failure("https://nowhere.invalid/") is Failure.PROXY


def test_words_do_not_matter():
    with pytest.raises(RequestFailed) as error, told_apart():
        raise httpx2.ReadError("Connection refused: the read operation timed out, CERTIFICATE_VERIFY_FAILED")
    assert error.value.failure is Failure.LOST
    with pytest.raises(RequestFailed) as error, told_apart():
        raise httpx2.ConnectError("") from ssl.SSLCertVerificationError("Zertifikat abgelaufen")
    assert error.value.failure is Failure.CERTIFICATE
