"""Answer one query: from a recent answer, the providers in their order, or an old answer."""

from __future__ import annotations

import asyncio
import json
import os
import time
from datetime import date
from hashlib import sha256
from importlib import import_module
from typing import TYPE_CHECKING
from urllib.request import getproxies

from moss_agent.errors import PluginError
from moss_agent.events import Hit

from ._cache import Cache
from ._options import TABLE, Options
from ._page_reader import warm_up
from ._pauses import Pause
from ._provider import Provider, ProviderFailed

if TYPE_CHECKING:
    from httpcore2 import AsyncNetworkBackend

SECONDS = 18.0  # for a whole query: its error must come before the host gives the call up
READING = 6.0  # of these, for reading pages
LOCAL = "documents"  # the provider that is asked anew each time
SLOW = 10.0  # pause in seconds of a provider that did not answer in its time


async def find(query: str, options: Options, cache: Cache, network: AsyncNetworkBackend) -> list[Hit]:
    """Return at most `options.hits` hits, best first.

    network: what pages are read from. Raises PluginError with the reason of every provider if there is no hit.
    """
    end = time.monotonic() + SECONDS - READING
    failures = []
    for asked, name in enumerate(options.providers):
        if hits := _remembered(cache, _key(name, query, options), options.cache_hours * 3600):
            return hits
        if name != LOCAL and _may_read(options):
            warm_up()
        try:
            seconds = (end - time.monotonic()) / (len(options.providers) - asked)
            results = await _ask(name, query, options, Pause(_source(name, options), cache), seconds)
        except ProviderFailed as failure:
            failures.append(f"{name}: {failure}" if len(options.providers) > 1 else str(failure))
            continue
        if name == LOCAL:
            return results
        hits = await _read(query, results, options, network)
        if options.cache_hours:
            cache.put(_key(name, query, options), [[hit.text, hit.title, hit.url] for hit in hits])
        return hits
    for name in options.providers:
        if hits := _remembered(cache, _key(name, query, options)):
            return hits
    raise PluginError("; ".join(failures))


async def _ask(name: str, query: str, options: Options, pause: Pause, seconds: float) -> list[Hit]:
    """Return what a provider finds within the seconds. Raises ProviderFailed, and keeps in mind that it did."""
    pause.check()
    search: Provider = import_module(f"._{name}", __package__).search
    try:
        results = await asyncio.wait_for(search(query, options, seconds), seconds)
    except asyncio.TimeoutError:
        share = max(seconds, (SECONDS - READING) / len(options.providers))  # a stall may have left less of it
        message = f"no answer within {share:.0f} s: try again, or check the settings under {TABLE}"
        failure = ProviderFailed(message, SLOW)
        pause.begin(failure)
        raise failure from None
    except ProviderFailed as failure:
        pause.begin(failure)
        raise
    pause.end()
    if results:
        return results
    raise ProviderFailed("nothing was found that can be shown: try other words")


async def _read(query: str, results: list[Hit], options: Options, network: AsyncNetworkBackend) -> list[Hit]:
    """Return the best hits of the results; passages of the pages instead of snippets, where pages may be read."""
    results = results[: 2 * options.hits]
    if _may_read(options):
        from ._pages import read

        results = await read(query, results, network, READING)
    return results[: options.hits]


def _may_read(options: Options) -> bool:
    """Return whether pages may be read: not behind a proxy, which resolves unchecked names, nor without fork."""
    of_ddgs = options.proxy or os.environ.get("DDGS_PROXY")
    is_direct = not of_ddgs and not {"http", "https", "all"} & getproxies().keys()
    return options.read and is_direct and hasattr(os, "fork")


def _source(name: str, options: Options) -> str:
    """Return a provider's name with a digest of the settings that say whom it asks: a proxy's may have a password."""
    settings = [options.searxng] if name == "searxng" else [options.backend, options.proxy]
    return f"{name}-{sha256(json.dumps(settings).encode()).hexdigest()}"


def _key(name: str, query: str, options: Options) -> str:
    """Return the cache key: all that an answer depends on."""
    how = [options.region, options.safesearch, options.hits, _may_read(options)]
    return json.dumps([_source(name, options), query.casefold(), *how])


def _remembered(cache: Cache, key: str, seconds: float | None = None) -> list[Hit]:
    """Return what was found at most that long ago. Without a limit, people are told how old it is, beside the title."""
    stored, age = cache.get(key)
    if not stored or (seconds is not None and age > seconds):
        return []
    day = "" if seconds is not None else f" (as of {date.fromtimestamp(time.time() - age)})"
    return [Hit(text, title + day, url) for text, title, url in stored]
