"""Results of providers as hits: clean, each page once."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import unescape
from itertools import islice

from moss_agent.events import Hit

from ._text import clean, cut, link

RESULTS = 100  # of one answer
TEXT, TITLE = 400, 200  # characters; 400 is the length of the hits that MOSS was trained on


def merge(results: Iterable[Hit]) -> list[Hit]:
    """Return the results cleaned and their entities decoded, one per page or text, the longer text kept.

    The unusable are dropped.
    """
    found: dict[str, Hit] = {}
    for result in islice(results, RESULTS):
        text, title = (clean(unescape(part)) for part in (result.text, result.title))
        hit = Hit(cut(text, TEXT), cut(title, TITLE), link(result.url))
        if not (hit.url and hit.text):
            continue
        page = re.sub(r"^https?://(www\.)?|/?(#.*)?$", "", hit.url)
        twin = next((known for known, other in found.items() if known == page or other.text == hit.text), page)
        if twin not in found or len(hit.text) > len(found[twin].text):
            found[twin] = hit
    return list(found.values())
