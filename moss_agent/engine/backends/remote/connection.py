"""HTTP to one server: keys that stay there, answers of bounded size and patience, errors of one line.

A request is tried again, after longer and longer pauses, while the server cannot be reached or says that it is
busy; once an answer has begun it is not, because the text so far has been shown. Redirects are not followed: the key
and the conversation are meant for the server that was named.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from moss_agent.cancellation import Cancellation
from moss_agent.engine.backends.remote.error_words import said_in
from moss_agent.errors import ContextFull, ServerError, UsageError
from moss_agent.http.client import open_client
from moss_agent.http.failures import Failure, RequestFailed
from moss_agent.http.sending import BUSY, body_of, pieces_of, sending
from moss_agent.http.silence import Silence
from moss_agent.http.watch import Watch

if TYPE_CHECKING:
    import httpx2

KEY_VARIABLE = "MOSS_AGENT_API_KEY"
CONNECT_SECONDS = 10.0
VERSION = re.compile(r"/v\d\w*(/openai)?$")  # at an address's end, other than v1: Zhipu, Volcengine, Gemini
LONGEST_ANSWER = 1 << 24  # bytes of an answer that is not a stream
TOO_LONG = re.compile(r"context.{0,20}(length|size|window)|exceeds?_(the_)?context|(prompt|input).{0,20}too long", re.I)


class Connection:
    """Requests to the server at `url`, which may end in `/v1` or not, or in another version. Thread-safe.

    key: sent as a bearer token, to this server only. seconds: how long to wait for a sign of life. What cancels a
    request ends it at once, with Cancelled, whatever it waits for.
    """

    def __init__(self, url: str, *, key: str = "", seconds: float = 300.0) -> None:
        self._base = _checked_address(url)
        self._is_versioned = bool(VERSION.search(self._base))
        self._key = _checked_key(key)
        # Compression would hold back what is to be shown at once.
        self._headers = {"Accept-Encoding": "identity", "Content-Type": "application/json"}
        self._headers |= {"Authorization": f"Bearer {self._key}"} if self._key else {}
        self.seconds = seconds
        self._client = open_client(self._base, connect=CONNECT_SECONDS, read=seconds)
        # A stream has a connection of its own, so that cancelling reaches the server before it has answered.
        self._streams = open_client(self._base, connect=CONNECT_SECONDS, read=seconds, keep_alive=False)
        self._watch = Watch(self._streams, self._headers)

    @property
    def host(self) -> str:
        """Host and port, for messages."""
        return urlsplit(self._base).netloc

    def get(self, path: str, cancellation: Cancellation | None = None) -> tuple[int, Any]:
        """Return status and JSON of the answer, None if it is none. Raises ServerError for a refusal or redirect."""
        with self._answer(self._client, "GET", path, None, cancellation) as response:
            if response.status_code in (401, 403) or response.has_redirect_location:
                self._check(response)
            return response.status_code, self._json(response)

    def post(self, path: str, body: dict[str, Any], cancellation: Cancellation | None = None) -> Any:
        """Return the JSON of a good answer. Raises ServerError, ContextFull."""
        with self._answer(self._client, "POST", path, body, cancellation) as response:
            self._check(response)
            return self._json(response)

    def stream(
        self, path: str, body: dict[str, Any], cancellation: Cancellation | None = None, *, health: str = "/v1/models"
    ) -> Generator[bytes, None, None]:
        """Yield the bytes of an event stream as they come; closing the generator ends the request at once.

        health: the page that the server is asked for while it is silent. Raises ServerError, also as soon as the server
        is found to have gone, and ContextFull.
        """
        with (
            self._watch.silence(self._address(health)) as silence,
            self._answer(self._streams, "POST", path, body, cancellation, silence) as response,
        ):
            self._check(response)
            kind = response.headers.get("Content-Type", "no type").partition(";")[0]
            if kind != "text/event-stream":
                raise ServerError(f"{self.host} answers with {kind} where a stream was asked for: is this the API?")
            try:
                yield from silence.over(pieces_of(response))
            except RequestFailed as error:
                raise ServerError(f"{self.host} broke off in the middle: {self._reason(error)}") from error

    def close(self) -> None:
        self._client.close()
        self._streams.close()

    @contextmanager
    def _answer(
        self,
        client: httpx2.Client,
        method: str,
        path: str,
        body: dict[str, Any] | None,
        cancellation: Cancellation | None,
        silence: Silence | None = None,
    ) -> Iterator[httpx2.Response]:
        """Yield the answer, its body still to be read, after as many tries as it takes."""
        content = json.dumps(body) if body is not None else None
        options: dict[str, Any] = {"content": content, "cancellation": cancellation, "silence": silence}
        try:
            with sending(client, method, self._address(path), headers=self._headers, **options) as response:
                if response.status_code in BUSY:
                    said = self._said(response)
                    raise ServerError(f"no answer from the server {self.host}: HTTP {response.status_code}{said}")
                yield response
        except RequestFailed as error:
            raise ServerError(f"no answer from the server {self.host}: {self._reason(error)}") from error

    def _address(self, path: str) -> str:
        return self._base + (path.removeprefix("/v1") if self._is_versioned else path)

    def _check(self, response: httpx2.Response) -> None:
        """Raise what a status other than 200 means."""
        status = response.status_code
        if status == 200:
            return
        said = self._said(response)
        if 300 <= status < 400:
            target = response.next_request.url.netloc.decode("ascii") if response.next_request else "another address"
            raise ServerError(f"{self.host} sends us on to {target}: name that server yourself if you trust it")
        if status in (401, 403):
            verb = "refuses the key in" if self._key else "wants a key: put it in"
            raise ServerError(f"{self.host} {verb} {KEY_VARIABLE} (HTTP {status}{said})")
        if status in (400, 413, 422, 500) and TOO_LONG.search(said):
            raise ContextFull(f"the conversation is too long for the served model{said}: set a lower context_length")
        if status == 404:
            raise ServerError(f"{self.host} has no such model, or nothing at {response.url.path} (HTTP 404{said})")
        raise ServerError(f"{self.host} answers HTTP {status}{said}", said if status in (400, 422) else "")

    def _json(self, response: httpx2.Response) -> Any:
        """Return the body as JSON; None if it is something else, or does not end."""
        try:
            return json.loads(body_of(response, LONGEST_ANSWER, self.seconds) or b"")
        except Exception:  # whatever a broken answer makes the HTTP library and the parser raise
            return None

    def _said(self, response: httpx2.Response) -> str:
        """Return `: ` and what the server says, if it says anything."""
        words = said_in(self._json(response))
        return f": {words}" if words else ""

    def _reason(self, error: RequestFailed) -> str:
        """Return what `error` means, in a few words without addresses."""
        if error.failure is Failure.TIMEOUT:
            return f"nothing came for {self.seconds:g} seconds (setting server_timeout)"
        return str(error.failure.value)


def _checked_address(url: str) -> str:
    import httpx2

    try:
        parts = urlsplit(url)
        usable = httpx2.URL(url).host and parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except (ValueError, httpx2.InvalidURL):  # the port is no number, or the brackets of an IPv6 address do not match
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
