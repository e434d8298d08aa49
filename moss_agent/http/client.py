"""The client that every request goes through.

Whom it trusts: the certificate authorities in REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE, else in SSL_CERT_FILE and
SSL_CERT_DIR, else the system's. Proxies are those of the environment (HTTPS_PROXY, ALL_PROXY, NO_PROXY and their kin),
but none for this machine. Passwords in ~/.netrc are not sent.

Not covered: certificates of clients.
"""

from __future__ import annotations

import os
import re
import ssl
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from moss_agent.errors import UsageError

if TYPE_CHECKING:
    import httpx2

LOOPBACK = re.compile(r"(.+\.)?localhost\.?|127\.[\d.]+|0\.0\.0\.0|::1?", re.IGNORECASE)
BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
PROXIES = "HTTP_PROXY, HTTPS_PROXY or ALL_PROXY"


def open_client(
    url: str, *, connect: float, read: float, redirects: bool = False, keep_alive: bool = True, bundle: str = ""
) -> httpx2.Client:
    """Return a client for requests to the host of `url`. Thread-safe.

    connect, read: seconds to wait for a connection, and for the next bytes. redirects: whether they are followed; a
    password goes to the same host only. keep_alive: whether a connection serves several requests. bundle: a file or
    folder of certificate authorities, where REQUESTS_CA_BUNDLE names none. Raises UsageError: the environment names
    certificates that cannot be read, or a proxy that cannot be used.
    """
    import httpx2

    from moss_agent import __version__

    # Reading the system's authorities takes a third of a second, and nobody has to be trusted without TLS.
    secure = redirects or url.lower().startswith("https:")
    try:
        return httpx2.Client(
            headers={"User-Agent": f"moss-agent/{__version__}"},
            timeout=httpx2.Timeout(read, connect=connect),
            verify=trust(bundle) if secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
            trust_env=not is_loopback(url),
            follow_redirects=redirects,
            limits=httpx2.Limits(max_keepalive_connections=None if keep_alive else 0),
        )
    except ImportError as error:
        if find_spec("socksio"):
            raise
        raise UsageError(f"the socks proxy in {PROXIES} needs a package: pip install socksio") from error
    except (ValueError, httpx2.InvalidURL) as error:
        raise UsageError(
            f"the proxy in {PROXIES} cannot be used: name one such as http://proxy:3128 or socks5://proxy:1080"
        ) from error


def is_loopback(url: str) -> bool:
    """Return whether `url` is on this machine, where no proxy can reach it."""
    try:
        return bool(LOOPBACK.fullmatch(urlsplit(url).hostname or ""))
    except ValueError:  # no address at all: sending says so
        return False


def trust(bundle: str = "") -> ssl.SSLContext:
    """Return the certificate authorities that the environment names, else those of `bundle`, else the system's.

    Raises UsageError if they cannot be read.
    """
    named = next(filter(None, map(os.environ.get, BUNDLES)), bundle)
    if named:
        return _authorities(*(("", named) if Path(named).is_dir() else (named, "")))
    return _authorities(os.environ.get("SSL_CERT_FILE", ""), os.environ.get("SSL_CERT_DIR", ""))


@lru_cache(maxsize=8)
def _authorities(file: str, folder: str) -> ssl.SSLContext:
    import httpx2

    if not (file or folder):
        return httpx2.create_ssl_context(trust_env=False)
    try:
        return ssl.create_default_context(cafile=file or None, capath=folder or None)
    except OSError as error:  # SSLError, for what is no certificate, is one
        raise UsageError(
            f"no certificates can be read from {file or folder}: "
            f"correct {', '.join(BUNDLES)} or SSL_CERT_FILE, which name a PEM file"
        ) from error
