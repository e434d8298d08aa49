"""Fetch untrusted pages: checked addresses, few redirects, small bodies, bounded decompression.

The check sits in the connection step itself: a name is resolved once, every address that it has must be
public, and the connection goes to an address that was checked, under every spelling and after every
redirect. TLS still verifies the host name. Time is the caller's business: cancel to stop.
"""

from __future__ import annotations

import socket
import zlib
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import httpcore2
import httpx2

from moss_agent import __version__

from ._addresses import is_public
from ._threads import in_thread

if TYPE_CHECKING:
    import ssl

PORTS = frozenset({80, 443})
REDIRECTS = 4
PDF = "application/pdf"
BYTES = 600_000  # of a body, unpacked; the rest is not read. What parsers take for hostile HTML grows with the square
PDF_BYTES = 4_000_000  # fonts and pictures take most of a PDF, and without its end little of it can be read
CONNECT_SECONDS = 3.0  # for each address of a host
IDLE_SECONDS = 5.0  # between two pieces of an answer
HEADERS = {
    "User-Agent": f"moss-agent/{__version__} (reads single pages for a person's question)",
    "Accept-Encoding": "gzip",  # the one coding that is unpacked below
}
_REDIRECTED = (301, 302, 303, 307, 308)


class FetchError(Exception):
    """Nothing usable came back; the message says why in one line. `status` and `headers` of the answer, if any."""

    def __init__(self, message: str, status: int = 0, headers: Mapping[str, str] = {}) -> None:
        super().__init__(message)
        self.status, self.headers = status, headers


@dataclass(frozen=True)
class Response:
    """What was fetched: headers by lower-case name, and at most `BYTES` of the body, of a PDF `PDF_BYTES`."""

    headers: Mapping[str, str]
    body: bytes


class PublicNetwork(httpcore2.AsyncNetworkBackend):
    """Connections to the public internet only.

    exempt: pairs of address and port that are allowed all the same. For tests, which serve pages on loopback:
    nothing that a user can set leads here.
    """

    def __init__(self, exempt: Iterable[tuple[str, int]] = ()) -> None:
        self._exempt = frozenset(exempt)
        self._network = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Connect to the first address that answers. Raises FetchError if the host has one that is not public."""
        failure: Exception = FetchError(f"{host} has no address")
        for address in await self._checked(host, port):
            try:
                return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        raise failure

    async def _checked(self, host: str, port: int) -> list[str]:
        try:
            found = await in_thread(socket.getaddrinfo, host, port, 0, socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise FetchError(f"{host} cannot be resolved") from None
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        if not self._exempt.issuperset((address, port) for address in addresses):
            if port not in PORTS:
                raise FetchError(f"port {port} is not one of web pages")
            if not all(map(is_public, addresses)):
                raise FetchError(f"{host} is not on the public internet")
        return addresses


class Fetcher:
    """Fetches over one network; `async with` closes its connections.

    network: what may be connected to; httpcore2's own backend for a server that the user named.
    redirects: how many are followed. idle: seconds to wait for the next piece of an answer, if not `IDLE_SECONDS`.
    tls: whom to trust, if not those that the system trusts.
    """

    def __init__(
        self,
        network: httpcore2.AsyncNetworkBackend,
        *,
        redirects: int = REDIRECTS,
        idle: float | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._redirects = redirects
        idle = IDLE_SECONDS if idle is None else idle
        self._seconds = {"connect": CONNECT_SECONDS, "read": idle, "write": idle}
        self._pool = httpcore2.AsyncConnectionPool(network_backend=network, ssl_context=tls or _system_trust())

    async def __aenter__(self) -> Fetcher:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._pool.aclose()

    async def fetch(self, address: str, types: Collection[str]) -> Response:
        """Return the body at an http or https address, if its media type is one of `types`. Raises FetchError."""
        url = _parse(address)
        for _ in range(self._redirects + 1):
            try:
                answer = await self._get(url, types)
            except (httpcore2.NetworkError, httpcore2.TimeoutException, httpcore2.ProtocolError) as error:
                raise FetchError(f"{url.host}: {error or type(error).__name__}") from None
            if isinstance(answer, Response):
                return answer
            url = _parse(answer, url)
        raise FetchError(f"{url.host} redirects more than {self._redirects} times")

    async def _get(self, url: httpx2.URL, types: Collection[str]) -> Response | str:
        """Fetch `url`: return the response, or the address that it redirects to."""
        request_url = httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        asked: list[tuple[str, bytes | str]] = [("Host", url.netloc), ("Accept", ", ".join(types)), *HEADERS.items()]
        extensions = {"timeout": self._seconds}
        async with self._pool.stream("GET", request_url, headers=asked, extensions=extensions) as answer:
            headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in answer.headers}
            if answer.status in _REDIRECTED:
                return headers.get("location", "")
            if not 200 <= answer.status < 300:
                raise FetchError(f"{url.host} answered with status {answer.status}", answer.status, headers)
            if (kind := media_type(headers)) not in types:
                raise FetchError(f"{url.host} answered with {kind or 'no media type'}", answer.status, headers)
            coding, limit = headers.get("content-encoding", "identity"), PDF_BYTES if kind == PDF else BYTES
            return Response(headers, await _read(answer.aiter_stream(), coding, limit))


@cache
def _system_trust() -> ssl.SSLContext:
    """Return the TLS context, made once: reading the system's certificates takes long."""
    return httpcore2.default_ssl_context()


def media_type(headers: Mapping[str, str]) -> str:
    """Return the media type in the headers of an answer, without its parameters."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def _parse(address: str, base: httpx2.URL | None = None) -> httpx2.URL:
    """Return the address, relative to `base`. Raises FetchError for one that is not of the web."""
    try:
        url = base.join(address) if base else httpx2.URL(address)
    except httpx2.InvalidURL:
        raise FetchError("the address is malformed") from None
    if url.scheme not in ("http", "https") or not url.raw_host or url.userinfo or url.port == 0:
        raise FetchError("the address is not one of a web page")
    return url


async def _read(pieces: AsyncIterator[bytes], coding: str, limit: int) -> bytes:
    """Return the unpacked body up to `limit` bytes. Raises FetchError if it cannot be unpacked."""
    coding = coding.strip().lower()
    if coding not in ("identity", "gzip", "x-gzip"):
        raise FetchError(f"the answer is packed with {coding}")
    unpacking = None if coding == "identity" else zlib.decompressobj(16 + zlib.MAX_WBITS)
    body, received = bytearray(), 0
    async for piece in pieces:
        received += len(piece)
        try:
            body += unpacking.decompress(piece, limit - len(body)) if unpacking else piece
        except zlib.error:
            raise FetchError("the answer cannot be unpacked") from None
        if len(body) >= limit or received >= limit:  # what was received counts too: much of it may unpack to nothing
            break
    return bytes(body[:limit])
