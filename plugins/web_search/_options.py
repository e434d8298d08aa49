"""The settings of the plugin, checked once per call."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from moss_agent.errors import UsageError

from ._text import is_chinese

TABLE = "[plugins.web_search]"
PROVIDERS = ("ddgs", "searxng", "documents")
SAFESEARCH = ("off", "moderate", "on")


@dataclass(frozen=True)
class Options:
    """The fields are the plugin's settings. Raises UsageError, naming the first that cannot be right."""

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
        for name in ("region", "backend", "safesearch", "proxy", "searxng", "documents"):
            self._check(name, isinstance(getattr(self, name), str), "be text in quotes")
        self._check("providers", _are_providers(self.providers), f"be a list of some of {', '.join(PROVIDERS)}")
        self._check("hits", type(self.hits) is int and self.hits >= 1, "be 1 or more")
        self._check("read", isinstance(self.read, bool), "be true or false")
        self._check("region", not self.region or re.fullmatch(r"[a-z]{2}-[a-z]{2,3}", self.region), "look like us-en")
        self._check("safesearch", self.safesearch in SAFESEARCH, "be on, moderate or off")
        self._check("cache_hours", type(self.cache_hours) in (int, float) and self.cache_hours >= 0, "be 0 or more")

    def _check(self, name: str, is_right: object, must: str) -> None:
        if not is_right:
            raise UsageError(f"{name} = {getattr(self, name)!r} under {TABLE} must {must}")

    def region_for(self, query: str) -> str:
        """Return country and language: the setting, else by the query's language.

        ddgs's worldwide wt-wt would ask a Wikipedia that does not exist.
        """
        return self.region or ("cn-zh" if is_chinese(query) else "us-en")


def _are_providers(value: object) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(name in PROVIDERS for name in value)
