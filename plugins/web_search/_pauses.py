"""Back off from a provider that has failed: longer each time, until it answers again.

Kept in the cache, so that other processes of the user leave it alone too.
"""

from __future__ import annotations

import time
from math import ceil

from ._cache import Cache
from ._provider import ProviderFailed

LONGEST = 600.0  # seconds


class Pause:
    """The pause of one provider."""

    def __init__(self, provider: str, cache: Cache) -> None:
        self._key, self._cache = f"pause:{provider}", cache

    def check(self) -> None:
        """Raise ProviderFailed, with the reason of the last failure, while the pause lasts."""
        failures, until, reason = self._state()
        left = min(until - time.time(), LONGEST)
        if failures and left > 0:
            raise ProviderFailed(f"{reason} (not asked again for another {ceil(left)} s)")

    def begin(self, failure: ProviderFailed) -> None:
        """Leave the provider alone, if its failure asks for that: twice as long as the last time."""
        if failure.pause:
            failures = self._state()[0] + 1
            seconds = min(failure.pause * 2.0 ** min(failures - 1, 20), LONGEST)
            self._cache.put(self._key, [failures, time.time() + seconds, str(failure)])

    def end(self) -> None:
        """End the pause: the provider has answered."""
        if self._state()[0]:
            self._cache.put(self._key, [0, 0.0, ""])

    def _state(self) -> tuple[int, float, str]:
        """Return failures in a row, when the pause ends, and why."""
        return tuple(self._cache.get(self._key)[0] or (0, 0.0, ""))
