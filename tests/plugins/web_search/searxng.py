"""Answers as SearXNG writes them: https://docs.searxng.org/dev/search_api.html and what a running server sends."""

from __future__ import annotations

import json
from collections.abc import Sequence

from tests.plugins.web_search.site import answer

PARIS = {
    "url": "https://example.org/paris",
    "title": "Paris",
    "content": "Paris is the capital of France.",
    "engine": "wikipedia",
    "parsed_url": ["https", "example.org", "/paris", "", "", ""],
    "template": "default.html",
    "engines": ["wikipedia"],
    "positions": [1],
    "score": 1.0,
    "category": "general",
}


def results(*found: object, unresponsive: Sequence[Sequence[str]] = (), boxes: Sequence[object] = ()) -> bytes:
    """An answer of the server."""
    data = {
        "query": "capital of France",
        "number_of_results": 0,
        "results": found,
        "answers": [],
        "corrections": [],
        "infoboxes": list(boxes),
        "suggestions": [],
        "unresponsive_engines": list(unresponsive),
    }
    return answer(json.dumps(data), "application/json")
