"""Parts of texts that the formats share."""

from __future__ import annotations

import re
from collections.abc import Callable

from moss_agent.events import Citation
from moss_agent.protocol import as_written, check_citations
from moss_agent.records import Turn

# Control characters but line breaks and tabs, and what turns the direction of text.
_STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_CITED = re.compile(r"<sup><\|(\d+)\|></sup>")
_ADDRESS = re.compile(r"https?://[^\s<>\"'\\`]+")


def plain(text: str) -> str:
    """Return the text without characters that steer what shows it."""
    return _STEERING.sub("", text)


def is_address(url: str) -> bool:
    """Return whether a link may lead there: an address of the web, whole."""
    return bool(_ADDRESS.fullmatch(url))


def said(turn: Turn, text: Callable[[str], str], cite: Callable[[int], str]) -> str:
    """Return what the model said, its texts and citations each as the format writes them."""
    parts = _CITED.split(plain(turn.text.strip()))
    return "".join(cite(int(part)) if place % 2 else text(part) for place, part in enumerate(parts))


def as_chat_model(text: str, turn: Turn) -> str:
    """Return a text of the model as a chat model says it."""
    return as_written(check_citations(plain(text.strip()), {citation.number for citation in turn.citations})[0])


def source_text(source: Citation) -> str:
    """Return what people know a source by, in one line; its address apart."""
    return plain(" ".join((source.title or source.text).split()))[:300]
