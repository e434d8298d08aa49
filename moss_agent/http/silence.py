"""The silence of a request: since when its thread has been waiting for the server's next bytes."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from moss_agent.cancellation import Cancellation
from moss_agent.http.failures import Failure, RequestFailed


class Silence:
    """One request that is watched: what it sees of its server, and how it is told that the server has gone.

    url: where the server is asked for a sign of life. since: by the monotonic clock, None while nobody waits. gone: set
    by who finds that the server has gone; whoever waits then wakes up.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.since: float | None = None
        self.gone = Cancellation()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count the block as silent. Raises RequestFailed, whatever it does, if the server is found to have gone."""
        self.since = time.monotonic()
        try:
            yield
        except Exception as error:
            if self.gone.cancelled:
                raise RequestFailed(Failure.GONE) from error
            raise
        finally:
            self.since = None
        if self.gone.cancelled:  # a body that was cut off may look as if it had ended
            raise RequestFailed(Failure.GONE)

    def over(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the pieces, silent between them. Raises RequestFailed as `waiting` does."""
        with self.waiting():
            for piece in pieces:
                self.since = None
                yield piece
                self.since = time.monotonic()
