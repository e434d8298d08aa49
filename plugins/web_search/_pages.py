"""Read the pages behind hits: all at once, until one deadline; what cannot be read keeps its snippet."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from moss_agent.documents.passages import flow
from moss_agent.events import Hit

from ._fetching import PDF, Fetcher, Response, media_type
from ._hits import TEXT
from ._page_reader import PageReader, page_reader
from ._passages import best
from ._text import clean, cut
from ._threads import in_thread

if TYPE_CHECKING:
    from httpcore2 import AsyncNetworkBackend

PAGES = 6
PATIENCE = 1 / 3  # of the time is given to all pages; the rest only if most are still missing then
TYPES = ("text/html", "application/xhtml+xml", "text/plain", PDF)

_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]{1,40})", re.IGNORECASE)
_SAYS_NOTHING = ("iso-8859-1", "us-ascii")  # what servers claim when they do not know


async def read(query: str, results: list[Hit], network: AsyncNetworkBackend, seconds: float) -> list[Hit]:
    """Return the best passage of each result, best first: of its page if read in time, else its snippet."""
    passages: list[Hit] = []
    with suppress(OSError):  # no process can be started
        passages = await _read(results[:PAGES], network, seconds)
    return best(query, results, passages)


async def _read(results: Sequence[Hit], network: AsyncNetworkBackend, seconds: float) -> list[Hit]:
    """Return the passages of the pages that can be read in time. Raises OSError if no process can be started."""
    with page_reader() as reader:
        async with Fetcher(network) as fetcher:
            tasks = [asyncio.create_task(_passages(hit, fetcher, reader)) for hit in results]
            done, late = await asyncio.wait(tasks, timeout=seconds * PATIENCE)
            if len(done) < len(tasks) / 2:
                _, late = await asyncio.wait(tasks, timeout=seconds * (1 - PATIENCE))
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
    return [passage for task in tasks if task not in late for passage in task.result()]


async def _passages(hit: Hit, fetcher: Fetcher, reader: PageReader) -> list[Hit]:
    """Return the passages of a hit's page; none if it cannot be read."""
    try:
        response = await fetcher.fetch(hit.url, TYPES)
        return [replace(hit, text=passage) for passage in await in_thread(_split, response, reader)]
    except Exception:  # strange pages make libraries raise anything, and must not cost the other hits
        return []


def _split(response: Response, reader: PageReader) -> list[str]:
    """Return the text of a page in clean passages, each with what follows it. Raises OSError, ValueError."""
    found = reader.read(response.body, media_type(response.headers), _charset(response.headers))
    passages = [passage for passage in map(clean, found) if passage]
    return [cut(flow(" ".join(two)), TEXT) for two in zip(passages, [*passages[1:], ""], strict=True)]


def _charset(headers: Mapping[str, str]) -> str:
    """Return the character set that the server claims, if that means something."""
    found = _CHARSET.search(headers["content-type"])
    return found[1] if found and found[1].lower() not in _SAYS_NOTHING else ""
