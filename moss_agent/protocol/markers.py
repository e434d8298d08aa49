"""The five segments of a turn and the markers around them."""

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
MARKERS = tuple(s.end for s in SEGMENTS) + tuple(s.header for s in SEGMENTS)
"""Every text that is structure. A model that writes one has ended its segment, the right one or not."""


def first_marker(text: str) -> tuple[int, str] | None:
    """Position and text of the first marker in `text`, None if there is none."""
    found = [(text.find(marker), marker) for marker in MARKERS if marker in text]
    return min(found, default=None)


def possible_marker(text: str) -> int:
    """Length of the longest end of `text` that could still grow into a marker."""
    start = text.rfind("<")
    if start >= 0 and any(m.startswith(text[start:]) and m != text[start:] for m in MARKERS):
        return len(text) - start
    return 0
