"""Failures of requests in words for people, told apart by exception type, never by message."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from socket import gaierror


class Failure(Enum):
    """Why there is no answer, or no more of it; the value says it in a few words."""

    TIMEOUT = "no answer in time"
    ADDRESS = "not an http address"
    PROXY = "the proxy does not let the request through"
    REDIRECTS = "it redirects again and again: check the address"
    CERTIFICATE = "its certificate is not trusted (REQUESTS_CA_BUNDLE names a bundle of your own)"
    TLS = "it does not speak TLS: is the address http instead of https?"
    NAME = "there is no host of that name"
    REFUSED = "nothing listens there; is it running?"
    UNREACHABLE = "it cannot be reached: check the address and the network"
    LOST = "the connection was lost"
    GONE = "it has ended, or cannot be reached any more; is it running?"


MAY_PASS = frozenset({Failure.NAME, Failure.REFUSED, Failure.UNREACHABLE, Failure.LOST})
"""What waiting may mend: a server or a network that is starting, a connection that broke."""


class RequestFailed(Exception):
    """No answer, or no more of it."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.value)
        self.failure = failure


@contextmanager
def told_apart() -> Iterator[None]:
    """Raise as RequestFailed what httpx2 makes of addresses, servers and networks."""
    import httpx2

    try:
        yield
    except (httpx2.HTTPError, httpx2.InvalidURL, UnicodeError) as error:  # UnicodeError: a name that none can have
        raise RequestFailed(_failure(error)) from error


def _failure(error: Exception) -> Failure:
    import httpx2

    kinds: dict[Failure, type[Exception] | tuple[type[Exception], ...]] = {
        Failure.UNREACHABLE: httpx2.ConnectTimeout,
        Failure.TIMEOUT: httpx2.TimeoutException,
        Failure.ADDRESS: (httpx2.InvalidURL, httpx2.UnsupportedProtocol, UnicodeError),
        Failure.PROXY: httpx2.ProxyError,
        Failure.REDIRECTS: httpx2.TooManyRedirects,
        Failure.CERTIFICATE: ssl.SSLCertVerificationError,
        Failure.NAME: gaierror,
        Failure.REFUSED: ConnectionRefusedError,
    }
    causes = list(_causes(error))
    for failure, kind in kinds.items():
        if any(isinstance(cause, kind) for cause in causes):
            return failure
    if not isinstance(error, httpx2.ConnectError):
        return Failure.LOST
    return Failure.TLS if any(isinstance(cause, ssl.SSLError) for cause in causes) else Failure.UNREACHABLE


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__  # httpcore2 raises its own anew `from None`
