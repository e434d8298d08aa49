"""What a server says in the JSON of an error, out of the shapes in use."""

from __future__ import annotations

from typing import Any

from moss_agent.errors import one_line

NAMES = ("error", "detail", "message")  # of what holds the words, one inside another


def said_in(error: Any) -> str:
    """Return the server's own words in one line; what there is instead if it has none, empty for nothing."""
    while inner := _inner(error):
        error = inner
    return one_line(error) if error else ""


def _inner(error: Any) -> Any:
    """Return what is wrapped in a list of one (Gemini) or an object; of a provider's error its own (OpenRouter)."""
    match error:
        case [only]:
            return only
        case {"metadata": {"raw": raw}} if raw:
            return raw
        case dict():
            return next((error[name] for name in NAMES if error.get(name)), None)
    return None
