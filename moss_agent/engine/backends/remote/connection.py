"""HTTP to one server: keys that stay there, answers of bounded size and patience, errors of one line.

A request is tried again, after longer and longer pauses, while the server cannot be reached or says that it is
busy; once an answer has begun it is not, because the text so far has been shown. Redirects are not followed: the key
and the conversation are meant for the server that was named.

Not covered: certificates of clients, and proxies beyond what `requests` reads from the environment.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from moss_agent.errors import ContextFull, ServerError, UsageError

if TYPE_CHECKING:
    import requests

KEY_VARIABLE = "MOSS_AGENT_API_KEY"
CONNECT_SECONDS = 10.0
TRIES = 4
PAUSE = 0.5  # seconds before the second try; doubled after each
BUSY = {408, 429, 502, 503, 504}
LOOPBACK = re.compile(r"localhost|127\.[\d.]+|::1")  # no proxy can reach it
LONGEST_ANSWER = 1 << 24  # bytes of an answer that is not a stream
TOO_LONG = re.compile(r"context.{0,20}(length|size|window)|exceeds?_(the_)?context|(prompt|input).{0,20}too long", re.I)


class Connection:
    """Requests to the server at `url`, which may end in `/v1` or not.

    key: sent as a bearer token, to this server only. seconds: how long to wait for a sign of life.
    """

    def __init__(self, url: str, *, key: str = "", seconds: float = 300.0) -> None:
        import requests

        self._base = _checked_address(url)
        self._key = _checked_key(key)
        self.seconds = seconds
        self._session = requests.Session()
        self._session.auth = self._authorise  # set even without a key: else requests sends what ~/.netrc has
        self._session.trust_env = not LOOPBACK.fullmatch(urlsplit(self._base).hostname or "")

    @property
    def host(self) -> str:
        """Host and port, for messages."""
        return urlsplit(self._base).netloc

    def get(self, path: str) -> tuple[int, Any]:
        """Status and JSON of the answer, None for what is not JSON. Raises ServerError for a refusal or a redirect."""
        with closing(self._send("GET", path)) as response:
            if response.status_code in (401, 403) or response.is_redirect:
                self._check(response)
            return response.status_code, self._json(response)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """The JSON of a good answer. Raises ServerError, ContextFull."""
        with closing(self._send("POST", path, body)) as response:
            self._check(response)
            return self._json(response)

    def stream(self, path: str, body: dict[str, Any]) -> Iterator[bytes]:
        """The bytes of an event stream as they come; closing the iterator ends the request at once.

        Raises ServerError, ContextFull.
        """
        import requests
        from urllib3.exceptions import HTTPError

        with closing(self._send("POST", path, body)) as response:
            self._check(response)
            kind = response.headers.get("Content-Type", "no type").partition(";")[0]
            if kind != "text/event-stream":
                raise ServerError(f"{self.host} answers with {kind} where a stream was asked for: is this the API?")
            try:
                while chunk := response.raw.read1(1 << 16, decode_content=True):
                    yield chunk
            except (requests.RequestException, HTTPError, OSError) as error:
                raise ServerError(f"{self.host} broke off in the middle: {self._reason(error)}") from error

    def close(self) -> None:
        self._session.close()

    def _send(self, method: str, path: str, body: dict[str, Any] | None = None) -> requests.Response:
        """The answer, its body still to be read, after as many tries as it takes."""
        import requests

        # Compression would hold back what is to be shown at once.
        options = {"headers": {"Accept-Encoding": "identity"}, "timeout": (CONNECT_SECONDS, self.seconds)}
        for attempt in count(1):
            try:
                response = self._session.request(
                    method, self._base + path, json=body, stream=True, allow_redirects=False, **options
                )
            except requests.RequestException as error:
                problem = self._reason(error)
                again = type(error) in (requests.ConnectionError, requests.ConnectTimeout)
            else:
                if response.status_code not in BUSY:
                    return response
                with closing(response):
                    problem, again = f"HTTP {response.status_code}{self._said(response)}", True
            if not again or attempt == TRIES:
                raise ServerError(f"no answer from the server {self.host}: {problem}")
            time.sleep(PAUSE * 2 ** (attempt - 1))

    def _authorise(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._key:
            request.headers["Authorization"] = f"Bearer {self._key}"
        return request

    def _check(self, response: requests.Response) -> None:
        """Raise what a status other than 200 means."""
        status = response.status_code
        if status == 200:
            return
        said = self._said(response)
        if 300 <= status < 400:
            target = urlsplit(response.headers.get("Location", "")).netloc or "another address"
            raise ServerError(f"{self.host} sends us on to {target}: name that server yourself if you trust it")
        if status in (401, 403):
            verb = "refuses the key in" if self._key else "wants a key: put it in"
            raise ServerError(f"{self.host} {verb} {KEY_VARIABLE} (HTTP {status}{said})")
        if status in (400, 413, 422, 500) and TOO_LONG.search(said):
            raise ContextFull(f"the conversation is too long for the served model{said}: set a lower context_length")
        if status == 404:
            raise ServerError(f"{self.host} has no such model, or no completions API (HTTP 404{said})")
        raise ServerError(f"{self.host} answers HTTP {status}{said}")

    def _json(self, response: requests.Response) -> Any:
        """The body as JSON; None if it is something else, or does not end."""
        body, deadline = b"", time.monotonic() + self.seconds
        try:
            while chunk := response.raw.read1(1 << 16, decode_content=True):
                body += chunk
                if len(body) > LONGEST_ANSWER or time.monotonic() > deadline:
                    return None
            return json.loads(body)
        except Exception:  # whatever a broken answer makes the HTTP libraries and the parser raise
            return None

    def _said(self, response: requests.Response) -> str:
        """`: ` and the server's own words, if it has any, from the shapes in use."""
        data = self._json(response)
        for name in ("error", "detail", "message"):
            if isinstance(data, dict) and data.get(name):
                data = data[name]
        return f": {short(data)}" if isinstance(data, (str, list)) else ""

    def _reason(self, error: Exception) -> str:
        """What `error` means, in a few words without addresses."""
        import requests

        if "timed out" in str(error) or isinstance(error, requests.Timeout):
            return f"nothing came for {self.seconds:g} seconds (setting server_timeout)"
        if isinstance(error, requests.exceptions.SSLError) or "CERTIFICATE" in str(error):
            return "its certificate is not trusted (REQUESTS_CA_BUNDLE names a bundle of your own)"
        if "Connection refused" in str(error):
            return "nothing listens there; is it running?"
        if "Name or service not known" in str(error) or "resolve" in str(error):
            return "there is no host of that name"
        return "the connection was lost"


def short(words: object) -> str:
    """`words` of a server as one line of bounded length."""
    line = " ".join(str(words).split())
    return line if len(line) <= 300 else line[:299] + "…"


def _checked_address(url: str) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # the port is no number, or the brackets of an IPv6 address do not match
        usable = False
    if not usable or parts.query or parts.fragment:
        raise UsageError(f"server must be an address such as http://127.0.0.1:8000, not {url!r}")
    if parts.username is not None:
        raise UsageError(f"server must not hold a name or password: put a key in {KEY_VARIABLE}")
    return url.rstrip("/").removesuffix("/v1")


def _checked_key(key: str) -> str:
    key = key.strip()
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise UsageError(f"{KEY_VARIABLE} holds characters that no key has")
    return key
