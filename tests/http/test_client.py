"""Whom the client trusts, which proxies it takes, and what it says of those that cannot be used."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from moss_agent.errors import UsageError
from moss_agent.http.client import is_loopback, open_client
from moss_agent.http.failures import Failure, RequestFailed, told_apart
from tests.engine.backends.remote.raw_server import RawServer, page, serving

SECONDS = {"connect": 60.0, "read": 60.0}


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def bundle(authority: trustme.CA, tmp_path: Path) -> Path:
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    return tmp_path / "authority.pem"


@pytest.fixture
def url(authority: trustme.CA) -> Iterator[str]:
    """A page over TLS on this machine, with a certificate of that authority."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(tls)
    server = RawServer({"/": [page(200, b"hello")]})
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # clients that do not trust it
    with serving(server):
        yield f"https://localhost:{server.server_address[1]}/"


def get(url: str, **options: str) -> str:
    with told_apart(), open_client(url, **SECONDS, **options) as client:
        return client.get(url).text


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_the_authorities_of_the_environment_are_trusted(name, url, bundle, monkeypatch):
    monkeypatch.setenv(name, str(bundle))
    assert get(url) == "hello"


def test_a_bundle_that_is_named_counts_where_the_environment_names_none(url, bundle, tmp_path, monkeypatch):
    assert get(url, bundle=str(bundle)) == "hello"
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "other.pem"))
    with pytest.raises(RequestFailed) as error:
        get(url, bundle=str(bundle))
    assert error.value.failure is Failure.CERTIFICATE


def test_nobody_else_is_trusted(url):
    with pytest.raises(RequestFailed) as error:
        get(url)
    assert error.value.failure is Failure.CERTIFICATE


@pytest.mark.parametrize("content", [None, b"no certificate"])
def test_a_bundle_that_cannot_be_read_is_one_line(content, tmp_path, monkeypatch):
    file = tmp_path / "bundle.pem"
    if content:
        file.write_bytes(content)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(file))
    with pytest.raises(UsageError, match=f"^no certificates can be read from {file}: correct .*PEM file$"):
        open_client("https://host", **SECONDS)
    open_client("http://host", **SECONDS).close()  # needs none


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://localhost:8000", True),
        ("http://LOCALHOST", True),
        ("http://model.localhost/v1", True),
        ("http://127.8.0.1", True),
        ("http://[::1]:80", True),
        ("http://0.0.0.0:8000", True),
        ("http://[::]:80", True),
        ("http://localhost.example", False),
        ("http://127.0.0.1.example", False),
        ("http://192.168.0.1", False),
        ("http://[", False),
    ],
)
def test_this_machine_is_told_by_its_names(url, local):
    assert is_loopback(url) is local


def test_a_socks_proxy_without_its_package_says_what_to_install(monkeypatch):
    monkeypatch.setenv("ALL_PROXY", "socks5://someone:secret@127.0.0.1:1080")
    with pytest.raises(UsageError, match="^the socks proxy in .*ALL_PROXY needs a package: pip install socksio$"):
        open_client("http://host", **SECONDS)
    open_client("http://127.0.0.1:8000", **SECONDS).close()  # no proxy is used there


@pytest.mark.parametrize("proxy", ["socks://someone:secret@127.0.0.1:1080", "ftp://secret@proxy", "http://secret@a:b"])
def test_a_proxy_that_cannot_be_used_is_one_line_without_its_password(proxy, monkeypatch):
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.raises(UsageError, match="^the proxy in .* cannot be used: name one such as") as error:
        open_client("http://host", **SECONDS)
    assert "secret" not in str(error.value)


def test_passwords_of_netrc_are_not_sent(tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with serving(server := RawServer({"/": [page(200, b"")]})):
        get(server.url + "/")
    assert "Authorization" not in server.requests[0] and "User-Agent: moss-agent/" in server.requests[0]


def test_redirects_are_followed_only_when_asked_for_and_the_password_stays(monkeypatch):
    with serving(there := RawServer({"/": [page(200, b"there")]})):
        here = RawServer({"/": [page(302, b"", head=f"Location: {there.url}/\r\n")]})
        with serving(here):
            url = here.url.replace("//", "//me:secret@") + "/"
            assert get(url) == "" and there.requests == []
            with open_client(url, **SECONDS, redirects=True) as client:
                assert client.get(url).text == "there"
    assert "Authorization" in here.requests[1] and "Authorization" not in there.requests[0]


def test_eight_threads_share_a_client():
    with serving(server := RawServer({"/": [page(200, b"hello")]})), open_client(server.url, **SECONDS) as client:
        got: list[str] = []
        threads = [threading.Thread(target=lambda: got.append(client.get(server.url + "/").text)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert got == ["hello"] * 8
