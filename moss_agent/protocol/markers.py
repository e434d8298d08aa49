"""The five segments of a turn and the markers around them."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Segment:
    """One part of a turn: `header`, then its text, then `end` and a newline."""

    name: str
    header: str
    end: str


HUMAN = Segment("human", "<|Human|>:", "<eoh>")
THOUGHTS = Segment("thoughts", "<|Inner Thoughts|>:", "<eot>")
COMMANDS = Segment("commands", "<|Commands|>:", "<eoc>")
RESULTS = Segment("results", "<|Results|>:", "<eor>")
ANSWER = Segment("answer", "<|MOSS|>:", "<eom>")

SEGMENTS = (HUMAN, THOUGHTS, COMMANDS, RESULTS, ANSWER)
END_MARKERS = tuple(s.end for s in SEGMENTS)
MARKERS = END_MARKERS + tuple(s.header for s in SEGMENTS)
"""Every text that is structure. A model that writes one has ended its segment, the right one or not."""

MARKER = re.compile("|".join(map(re.escape, MARKERS)))
_LONGEST = max(map(len, MARKERS))


def first_marker(text: str) -> tuple[int, str] | None:
    """Return position and text of the first marker in `text`, None if there is none."""
    found = MARKER.search(text)
    return (found.start(), found[0]) if found else None


def possible_marker(text: str) -> int:
    """Return length of the longest end of `text` that could still grow into a marker."""
    start = text.rfind("<", max(0, len(text) - _LONGEST))
    beginning = text[start:] if start >= 0 else ""
    is_beginning = any(marker.startswith(beginning) and marker != beginning for marker in MARKERS)
    return len(beginning) if is_beginning else 0
