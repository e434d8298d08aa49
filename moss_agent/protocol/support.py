"""Check whether a cited passage supports the answer: by the words and numbers that they share.

A statement is the sentence before a citation, or the part of it since the citation before. Supported is one of
whose content at least a tenth stands in the passage too. A tenth is little, because answers retell, and still
more than what a passage about something else has by chance: `bench/citations.py` measures both.

Not covered: negation, who did what to whom, statements that are right for another reason. Where answer and passage
are in different scripts only what both have, such as numbers and names, is compared.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from unicodedata import normalize

from moss_agent.protocol.citations import cited_numbers

SUPPORTED = 0.1  # share of a statement's content

_CITATIONS = re.compile(r"((?:<sup><\|\d+\|></sup>)+)")
_SENTENCE_END = re.compile(r"[。！？；!?\n]+|\.(?=\s|\Z)")
_CLOSING = " \n\"'”’」』)）]】.。!！?？;；"
_FEW = 3  # units of content; less says too little by itself

_UNIT = re.compile(
    r"(?P<number>[0-9][0-9,]*(?:\.[0-9]+)?)|(?P<word>[^\W\d_\u3400-\u9fff]{3,})|(?P<han>[\u3400-\u9fff]{2,})"
)
_STEM = 6  # letters of a word that are compared, so that endings do not count
_WORDS = """
the and for are was were been its this that these those with from about according search results have has can will
who what which also such more most some many one not you your they their there than into based result information
"""
_FUNCTION_WORDS = frozenset(_WORDS.split())
_FUNCTION_CHARACTERS = re.compile(
    "[的了是在和与及或而被把从对为于之其这那有也都就不吗呢吧啊呀我你他她它们等以到中上下个可能会将并更很还多]+"
)


def weak_citations(answer: str, passages: Mapping[int, str]) -> set[int]:
    """Return the numbers in a checked answer that stand after a statement which their passage does not support."""
    found = ((number, support(statement, passages.get(number, ""))) for number, statement in statements(answer))
    return {number for number, share in found if share is not None and share < SUPPORTED}


def statements(answer: str) -> Iterator[tuple[int, str]]:
    """Yield each citation's number and the statement before it."""
    before = ""
    parts = _CITATIONS.split(answer)
    for text, citations in zip(parts[::2], parts[1::2], strict=False):
        before += text
        statement = _last_sentence(text)
        if len(_content(statement)) < _FEW:
            statement = _last_sentence(before)
        for number in cited_numbers(citations):
            yield number, statement


def support(statement: str, passage: str) -> float | None:
    """Return the share of the statement's content that is in the passage too; None if they have nothing to compare."""
    said, there = _content(statement), _content(passage)
    kinds = {kind for kind, _ in there}
    comparable = {unit: weight for unit, weight in said.items() if unit[0] in kinds}
    if not comparable:
        return None
    return sum(weight for unit, weight in comparable.items() if unit in there) / sum(comparable.values())


def _last_sentence(text: str) -> str:
    """Return the last sentence of `text`, finished or not."""
    text = text.rstrip(_CLOSING)
    ends = [match.end() for match in _SENTENCE_END.finditer(text)]
    return text[ends[-1] :] if ends else text


def _content(text: str) -> dict[tuple[str, str], float]:
    """Return units of content with their kind and weight: numbers, beginnings of words, pairs of Chinese characters."""
    units: dict[tuple[str, str], float] = {}
    for match in _UNIT.finditer(normalize("NFKC", text).lower()):
        if match["number"]:
            units["number", match["number"].replace(",", "")] = 2.0
        elif match["word"] and match["word"] not in _FUNCTION_WORDS:
            units["word", match["word"][:_STEM]] = 2.0  # as much as the two pairs of a Chinese word with its neighbour
        elif match["han"]:
            for run in _FUNCTION_CHARACTERS.split(match["han"]):
                units |= {("han", run[i : i + 2]): 1.0 for i in range(len(run) - 1)}
    return units
