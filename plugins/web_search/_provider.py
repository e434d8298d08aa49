"""The interface of providers of search results."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from moss_agent.errors import PluginError
from moss_agent.events import Hit

from ._options import Options

Provider = Callable[[str, Options, float], Awaitable[list[Hit]]]
"""Called with the query, the settings and the seconds it has: clean hits, best first.

Raises ProviderFailed, upon which the next provider is asked, or PluginError for a setting that cannot work.
"""


class ProviderFailed(PluginError):
    """A provider has no results to give; the message is for people.

    pause: seconds for which it is better not asked again, if this goes on longer and longer ones.
    """

    def __init__(self, message: str, pause: float = 0.0) -> None:
        super().__init__(message)
        self.pause = pause
