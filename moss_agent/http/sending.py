"""Send a request with retries while the server is busy or cannot be reached; any thread can cancel it.

Looking a name up and connecting cannot be interrupted. They, and the wait for the answer, go on in a thread that is
left to itself when the request is cancelled; a socket that is there already is shut down, so that the server hears
of it and whoever reads the answer wakes up.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, InvalidStateError
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from datetime import timezone
from email.utils import parsedate_to_datetime
from itertools import count
from threading import Thread
from typing import TYPE_CHECKING, Any

from moss_agent.cancellation import Cancellation
from moss_agent.http.failures import MAY_PASS, RequestFailed, told_apart
from moss_agent.http.line import Line
from moss_agent.http.silence import Silence

if TYPE_CHECKING:
    import httpx2

TRIES = 4
PAUSE = 0.5  # seconds before the second try; doubled after each
LONGEST_PAUSE = 30.0  # however much longer a server asks us to wait
BUSY = frozenset({408, 429, 502, 503, 504})


@contextmanager
def sending(
    client: httpx2.Client,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    content: str | None = None,
    cancellation: Cancellation | None = None,
    silence: Silence | None = None,
) -> Iterator[httpx2.Response]:
    """Yield the response, its body unread; try again while the server is busy or cannot be reached.

    A server that is still busy after the last try has its answer given too. Once there is an answer nothing is tried
    again. silence: of this request, if it is watched; for the body there is `Silence.over`. Raises RequestFailed, and
    Cancelled, whatever the block does, as soon as `cancellation` is set.
    """
    cancellation = cancellation or Cancellation()
    with told_apart():
        request = client.build_request(method, url, headers=headers, content=content)
    for attempt in count(1):
        pause = PAUSE * 2 ** (attempt - 1)
        with ExitStack() as answered:
            try:
                response = answered.enter_context(one_try(client, request, cancellation, silence))
            except RequestFailed as error:
                if attempt == TRIES or error.failure not in MAY_PASS:
                    raise
            else:
                if attempt == TRIES or response.status_code not in BUSY:
                    yield response
                    return
                pause = asked_pause(response.headers, pause)
        cancellation.wait(pause)
        cancellation.check()


def asked_pause(headers: Mapping[str, str], usual: float) -> float:
    """Return seconds to wait before the next try: what `Retry-After` asks for, in bounds, and `usual` at least."""
    said = headers.get("Retry-After", "").strip()
    try:
        if said.isdecimal():
            seconds = float(said)
        else:
            date = parsedate_to_datetime(said)
            seconds = date.replace(tzinfo=date.tzinfo or timezone.utc).timestamp() - time.time()
    except (ValueError, TypeError, OverflowError):  # no date
        return usual
    return max(usual, min(seconds, LONGEST_PAUSE))


def pieces_of(response: httpx2.Response) -> Iterator[bytes]:
    """Yield the body, unpacked, in the pieces in which it comes. Raises RequestFailed."""
    with told_apart():
        yield from response.iter_bytes()


def body_of(response: httpx2.Response, longest: int, seconds: float) -> bytes | None:
    """Return the body; None if it is longer than so many bytes, or has not ended after so many seconds.

    Raises RequestFailed.
    """
    body, deadline = b"", time.monotonic() + seconds
    for piece in pieces_of(response):
        body += piece
        if len(body) > longest or time.monotonic() > deadline:
            return None
    return body


@contextmanager
def one_try(
    client: httpx2.Client, request: httpx2.Request, cancellation: Cancellation, silence: Silence | None = None
) -> Iterator[httpx2.Response]:
    """Yield the response to one attempt. Otherwise as `sending`."""
    line, answer = Line(), Future[Any]()
    request.extensions = {**request.extensions, "trace": line.trace}

    def give_up() -> None:
        line.cut()
        answer.cancel()

    try:
        with cancellation.calling(give_up), silence.gone.calling(give_up) if silence else nullcontext():
            cancellation.check()
            Thread(target=_send, args=(client, request, answer), daemon=True).start()
            with silence.waiting() if silence else nullcontext(), told_apart():
                response: httpx2.Response = answer.result()
            line.hold(response.extensions["network_stream"])
            yield response
        cancellation.check()  # a body that was cut off may look as if it had ended
    except Exception:
        cancellation.check()
        raise
    finally:
        if answer.cancel():  # an interrupt came while nothing had been answered
            line.cut()
        elif not answer.exception():
            answer.result().close()
        line.close()


def _send(client: httpx2.Client, request: httpx2.Request, answer: Future[Any]) -> None:
    try:
        response = client.send(request, stream=True)
    except BaseException as error:
        with suppress(InvalidStateError):  # nobody waits any more
            answer.set_exception(error)
    else:
        try:
            answer.set_result(response)
        except InvalidStateError:
            response.close()
