"""The provider `searxng`: a SearXNG server of the user's own, by its JSON interface.

https://docs.searxng.org/dev/search_api.html describes it. The address comes from the user's settings, so it may
be in a private network, on any port; no redirect of it is followed. The server's own settings have to allow
JSON: `search: {formats: [html, json]}`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from moss_agent.errors import PluginError
from moss_agent.events import Hit

from ._hits import merge
from ._options import SAFESEARCH, TABLE, Options
from ._provider import ProviderFailed
from ._text import is_chinese, link

REFUSED, BROKEN = 30.0, 10.0  # pauses in seconds


async def search(query: str, options: Options, seconds: float) -> list[Hit]:
    from httpcore2 import AnyIOBackend

    from ._fetching import Fetcher, FetchError

    form = {
        "q": query,
        "format": "json",
        "language": _language(query, options.region),
        "safesearch": SAFESEARCH.index(options.safesearch),
    }
    address = f"{_server(options.searxng)}/search?{urlencode(form)}"
    try:
        async with Fetcher(AnyIOBackend(), redirects=0, idle=seconds) as fetcher:
            answer = await fetcher.fetch(address, ["application/json"])
    except FetchError as error:
        raise _failure(error.status, error.headers, str(error)) from error
    return _hits(answer.body)


def _language(query: str, region: str) -> str:
    """Return the language of the setting, as ddgs writes it (uk-en, tw-tzh), else of the query's script."""
    if not region:
        return "zh-CN" if is_chinese(query) else "all"
    country, _, language = region.partition("-")
    return f"{language[-2:]}-{country.upper().replace('UK', 'GB')}"


def _server(address: str) -> str:
    if not link(address):
        raise PluginError(f"searxng = {address!r} under {TABLE} must be your server's address, http or https")
    return address.rstrip("/").removesuffix("/search")


def _failure(status: int, headers: Mapping[str, str], message: str) -> ProviderFailed:
    """Return the failure, in words for people, for a response that is no answer."""
    if status == 403:
        return ProviderFailed("the SearXNG server refuses JSON: add json to search.formats in its settings.yml")
    if status == 429:
        message = "the SearXNG server refuses more requests for now: raise its limits or wait"
        return ProviderFailed(message, _wait(headers, REFUSED))
    if status >= 500:
        return ProviderFailed(f"the SearXNG server has a problem: {message}", _wait(headers, BROKEN))
    return ProviderFailed(f"no SearXNG server can be used, check searxng under {TABLE}: {message}")


def _wait(headers: Mapping[str, str], least: float) -> float:
    """Return the seconds that the server says itself, at least `least`."""
    seconds = headers.get("retry-after", "")
    return max(least, float(seconds)) if seconds.isdecimal() and len(seconds) < 6 else least


def _hits(body: bytes) -> list[Hit]:
    """Return the results in an answer. Raises ProviderFailed if it is none, or if all engines behind it failed."""
    try:
        data = json.loads(body)
        results, silent = data["results"], data.get("unresponsive_engines")
        # Of an encyclopedia the text stands in its box only, the result is but a link.
        hits = [_hit(box, "content", "infobox", "id") for box in data.get("infoboxes", [])]
        hits += [_hit(result, "content", "title", "url") for result in results]
        reasons = "; ".join(" ".join(map(str, reason)) for reason in silent[:4]) if silent and not hits else ""
    except (ValueError, RecursionError, TypeError, KeyError, AttributeError):
        raise ProviderFailed("the SearXNG server did not answer with search results", pause=BROKEN) from None
    if reasons:
        raise ProviderFailed(f"the engines behind the SearXNG server failed: {reasons}", pause=BROKEN)
    return merge(hits)


def _hit(result: Mapping[str, Any], *names: str) -> Hit:
    """Return text, title and address under these names; empty if it is no text."""
    return Hit(*(value if isinstance(value := result.get(name), str) else "" for name in names))
