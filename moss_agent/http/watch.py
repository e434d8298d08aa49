"""Find out whether a server has gone while its answers are silent.

A server that was told to end may stop listening and yet keep its open answers, in which nothing comes any more; a
machine that was switched off ends nothing at all. So while an answer is silent the server is asked for a sign of life,
on a connection of its own. Any answer is one, and so is a connection that it accepts: a busy server may be slow to
answer. No sign is: it refuses or ends the connection, it cannot be reached, or the proxy before it cannot reach it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Condition, Thread
from typing import TYPE_CHECKING

from moss_agent.cancellation import Cancellation
from moss_agent.errors import Cancelled
from moss_agent.http.failures import MAY_PASS, Failure, RequestFailed
from moss_agent.http.sending import one_try
from moss_agent.http.silence import Silence

if TYPE_CHECKING:
    import httpx2

SILENCE = 3.0  # seconds without a byte before the server is asked, and between two signs of life
PAUSE = 1.5  # seconds before it is asked again when it gave none
TRIES = 3  # without a sign of life, one after the other: the server has gone
CONNECT_SECONDS = 2.0
ANSWER_SECONDS = 10.0  # doubled each time that no answer comes: open questions fill the queue of a server that is busy
BAD_GATEWAY = 502  # from a proxy that does not reach the server


class Watch:
    """Watches the requests to one server, in a thread that ends soon after the last of them. Thread-safe.

    client: sends the questions, each on a new connection. headers: of each.
    """

    def __init__(self, client: httpx2.Client, headers: Mapping[str, str]) -> None:
        self._client = client
        self._headers = headers
        self._changed = Condition()
        self._watched: set[Silence] = set()
        self._is_running = False
        self._question = Cancellation()
        self._answer_seconds = ANSWER_SECONDS

    @contextmanager
    def silence(self, url: str) -> Iterator[Silence]:
        """Watch a request for the time of the block. url: where the server is asked for a sign of life."""
        silence = Silence(url)
        with self._changed:
            self._watched.add(silence)
            if not self._is_running:
                self._is_running = True
                Thread(target=self._run, daemon=True, name="watch").start()
        try:
            yield silence
        finally:
            with self._changed:
                self._watched.discard(silence)
                if not self._watched:
                    self._question.cancel()

    def _run(self) -> None:
        failures, pause, asked = 0, SILENCE, 0.0
        while silent := self._wait(pause):
            if min(silent.values()) > asked:  # bytes came, or these requests are new
                failures = 0
            asked = time.monotonic()
            failures = 0 if self._shows_life(next(iter(silent)).url) else failures + 1
            pause = PAUSE if failures else SILENCE
            if failures == TRIES:
                for silence in silent:
                    silence.gone.cancel()
                failures = 0

    def _wait(self, pause: float) -> dict[Silence, float]:
        """Return the silent requests, with the start of their silence, after so many seconds at least.

        None once no request is watched.
        """
        next_question = time.monotonic() + pause
        with self._changed:
            while self._watched:
                now = time.monotonic()
                since = {silence: silence.since or now for silence in self._watched}
                due = max(min(since.values()) + SILENCE, next_question)
                if due <= now:
                    self._question = Cancellation()
                    return {silence: start for silence, start in since.items() if start + SILENCE <= now}
                self._changed.wait(due - now)
            self._is_running = False
            return {}

    def _shows_life(self, url: str) -> bool:
        import httpx2

        timeout = httpx2.Timeout(self._answer_seconds, connect=CONNECT_SECONDS)
        request = self._client.build_request("GET", url, headers=self._headers, timeout=timeout)
        try:
            with one_try(self._client, request, self._question) as response:
                self._answer_seconds = ANSWER_SECONDS
                return response.status_code != BAD_GATEWAY
        except RequestFailed as error:
            if error.failure is Failure.TIMEOUT:
                self._answer_seconds *= 2
            return error.failure not in MAY_PASS
        except (Cancelled, RuntimeError):  # nobody waits any more; the client was closed
            return True
