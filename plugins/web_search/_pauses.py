"""Back off from a provider that has failed: longer each time, until it answers again.

Kept in the cache, so that other processes of the user with the same settings leave it alone too.
"""

from __future__ import annotations

import time
from math import ceil
from typing import Any

from ._cache import Cache
from ._provider import ProviderFailed

LONGEST = 600.0  # seconds


class Pause:
    """The pause of one source: a provider with the settings that say whom it asks."""

    def __init__(self, source: str, cache: Cache) -> None:
        self._key, self._cache = f"pause:{source}", cache

    def check(self) -> None:
        """Raise ProviderFailed, with the reason of the last failure, while the pause lasts."""
        _, until, reason = _state(self._cache.get(self._key)[0])
        left = until - time.time()
        if left > 0:
            raise ProviderFailed(f"{reason} (not asked again for another {ceil(left)} s)")

    def begin(self, failure: ProviderFailed) -> None:
        """Leave the provider alone, if its failure asks for that: twice as long as the last time.

        Failures during a pause belong to the one that began it.
        """

        def longer(stored: Any) -> list[Any]:
            failures, until, _ = _state(stored)
            now = time.time()
            failures += until <= now
            seconds = min(failure.pause * 2.0 ** min(failures - 1, 20), LONGEST)
            return [failures, max(until, now + seconds), str(failure)]

        if failure.pause:
            self._cache.change(self._key, longer)

    def end(self) -> None:
        """End the pause: the provider has answered."""
        if self._cache.get(self._key)[0]:
            self._cache.put(self._key, None)


def _state(stored: Any) -> tuple[int, float, str]:
    """Return failures in a row, when the pause ends, and why. One that a wrong clock made too long is over."""
    failures, until, reason = stored or (0, 0.0, "")
    return failures, until if until - time.time() < LONGEST + 1 else 0.0, reason
