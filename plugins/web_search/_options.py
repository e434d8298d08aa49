"""The settings of the plugin, checked once per call."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from moss_agent.errors import PluginError

from ._text import is_chinese

TABLE = "[plugins.web_search]"
PROVIDERS = ("ddgs", "searxng", "documents")
SAFESEARCH = ("off", "moderate", "on")


@dataclass(frozen=True)
class Options:
    """The fields are the plugin's settings. Raises PluginError, naming the first that cannot be right."""

    providers: Sequence[str]
    hits: int
    read: bool
    region: str
    backend: str
    safesearch: str
    proxy: str
    searxng: str
    documents: str
    cache_hours: float

    def __post_init__(self) -> None:
        for is_right, name, must in (
            (_are_providers(self.providers), "providers", f"be a list of some of {', '.join(PROVIDERS)}"),
            (_is_number(self.hits) and self.hits >= 1, "hits", "be 1 or more"),
            (isinstance(self.read, bool), "read", "be true or false"),
            (not self.region or re.fullmatch(r"[a-z]{2}-[a-z]{2,3}", self.region), "region", "look like us-en"),
            (self.safesearch in SAFESEARCH, "safesearch", "be on, moderate or off"),
            (_is_number(self.cache_hours) and self.cache_hours >= 0, "cache_hours", "be 0 or more"),
        ):
            if not is_right:
                raise PluginError(f"{name} = {getattr(self, name)!r} under {TABLE} must {must}")

    def region_for(self, query: str) -> str:
        """Country and language: the setting, else by the query's language.

        ddgs's worldwide wt-wt would ask a Wikipedia that does not exist.
        """
        return self.region or ("cn-zh" if is_chinese(query) else "us-en")


def _are_providers(value: object) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(name in PROVIDERS for name in value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
