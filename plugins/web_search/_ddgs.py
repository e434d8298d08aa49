"""The provider `ddgs`: public search engines, asked through the library of that name. No key, no account."""

from __future__ import annotations

from typing import Any

from moss_agent.errors import PluginError
from moss_agent.events import Hit

from ._hits import merge
from ._options import TABLE, Options
from ._provider import ProviderFailed
from ._threads import in_thread

RESERVE = 2.0  # seconds for all but the requests: with none left, what the fast engines found would be lost too
SLOW, REFUSED = 10.0, 2.0  # pauses in seconds; what looks like a refusal may be a query that nothing is found for


async def search(query: str, options: Options, seconds: float) -> list[Hit]:
    return await in_thread(_ask, query, options, seconds)


def _ask(query: str, options: Options, seconds: float) -> list[Hit]:
    from ddgs import DDGS
    from ddgs.engines import ENGINES
    from ddgs.exceptions import DDGSException

    engines = chosen(options.backend, sorted(ENGINES["text"]))
    try:
        limit: Any = seconds_each(len(engines), seconds)  # annotated there as int; fractions are taken too
        search = DDGS(proxy=options.proxy or None, timeout=limit)
        results = search.text(
            query,
            backend=options.backend if options.backend == "auto" else ",".join(engines),
            region=options.region_for(query),
            safesearch=options.safesearch,
            max_results=2 * options.hits,  # for some are the same page or have no text
        )
    except DDGSException as error:
        raise failure(str(error)) from error
    except Exception as error:  # what the HTTP client says of a malformed proxy is no DDGSException
        raise PluginError(f"the web search cannot start, check proxy under {TABLE}: {error}") from error
    return merge(Hit(result.get("body", ""), result.get("title", ""), result.get("href", "")) for result in results)


def chosen(backend: str, available: list[str]) -> list[str]:
    """Return the engines that `backend` names. ddgs would log a wrong name and quietly ask all the others."""
    names = available if backend == "auto" else [name.strip() for name in backend.split(",")]
    unknown = [name for name in names if name not in available]
    if unknown:
        raise PluginError(
            f"ddgs has no engine {unknown[0]!r}: set backend under {TABLE} to auto or some of {', '.join(available)}"
        )
    return names


def seconds_each(engines: int, seconds: float) -> float:
    """Return seconds for one request. ddgs asks two engines at once and then one after the other."""
    return max(1.0, min(8.0, (seconds - RESERVE) / max(engines - 1, 1)))


def failure(message: str) -> ProviderFailed:
    """Return the failure, in words for people. ddgs names the HTTP client's error, of the last engine only."""
    if "timed out" in message:
        text = f"no search engine answered in time: try again, or set proxy or backend under {TABLE}"
        return ProviderFailed(text, pause=SLOW)
    if "ConnectError" in message or "DNSError" in message:
        return ProviderFailed(f"no search engine can be reached: check the network, or set proxy under {TABLE}")
    if "No results" in message or "Ratelimit" in message:
        # ddgs takes every refusal (HTTP 403, 429, ...) for an empty page, so the two look the same here.
        text = (
            "the search engines found nothing, or refuse more requests for now: "
            f"use other words, wait a minute, or set backend under {TABLE}"
        )
        return ProviderFailed(text, pause=REFUSED)
    return ProviderFailed(f"the web search failed: {' '.join(message.split())[:200]}")
