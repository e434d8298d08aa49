"""Reading the pages behind hits: all at once, until one deadline, and what cannot be read stays a snippet."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from moss_agent.documents.formats import html, text
from moss_agent.documents.formats.document import Unreadable
from moss_agent.documents.passages import flow, split
from moss_agent.events import Hit

from ._fetching import Fetcher, Response, media_type
from ._hits import TEXT
from ._passages import COUNTED, best
from ._text import clean, cut
from ._threads import in_thread

if TYPE_CHECKING:
    from httpcore2 import AsyncNetworkBackend

PAGES = 6
PATIENCE = 1 / 3  # of the time is given to all pages; the rest only if most are still missing then
PASSAGES = 1000  # of one page
TAGS = 40_000  # on one page; with more the parser would take longer than anybody waits
READERS = {"text/html": html, "application/xhtml+xml": html, "text/plain": text}

for _library in ("trafilatura", "htmldate", "courlan"):  # what they have to say of a bad page is not for the screen
    logging.getLogger(_library).setLevel(logging.CRITICAL)

_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]{1,40})", re.IGNORECASE)
_SAYS_NOTHING = ("iso-8859-1", "us-ascii")  # what servers claim when they do not know


async def read(query: str, results: list[Hit], network: AsyncNetworkBackend, seconds: float) -> list[Hit]:
    """The best passage of each result, best first: from its page if that can be read in time, else its snippet."""
    async with Fetcher(network) as fetcher:
        tasks = [asyncio.create_task(_passages(hit, fetcher)) for hit in results[:PAGES]]
        done, late = await asyncio.wait(tasks, timeout=seconds * PATIENCE)
        if len(done) < len(tasks) / 2:
            _, late = await asyncio.wait(tasks, timeout=seconds * (1 - PATIENCE))
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
    passages = [passage for task in tasks if task not in late for passage in task.result()]
    return best(query, results, passages)


async def _passages(hit: Hit, fetcher: Fetcher) -> list[Hit]:
    """The passages of a hit's page; none if it cannot be read."""
    try:
        response = await fetcher.fetch(hit.url, READERS)
        return [replace(hit, text=passage) for passage in await in_thread(_split, response)]
    except Exception:  # strange pages make libraries raise anything, and must not cost the other hits
        return []


def _split(response: Response) -> list[str]:
    """The text of a page in clean passages, each with what follows it. Raises Unreadable, and what libraries raise."""
    if response.body.count(b"<") > TAGS:
        raise Unreadable("more markup than text")
    reader = READERS[media_type(response.headers)]
    document = reader.read(response.body, _charset(response.headers))
    passages = [clean(passage) for section in document.sections for passage in split(section.text, COUNTED)]
    passages = [passage for passage in passages if passage][:PASSAGES]
    return [cut(flow(" ".join(two)), TEXT) for two in zip(passages, [*passages[1:], ""], strict=True)]


def _charset(headers: Mapping[str, str]) -> str:
    """The character set that the server claims, if that means something."""
    found = _CHARSET.search(headers["content-type"])
    return found[1] if found and found[1].lower() not in _SAYS_NOTHING else ""
