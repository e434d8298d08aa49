"""Text in passages of at most 400 characters, the length of the hits that MOSS was trained on.

A passage ends where a sentence ends. A sentence that is longer than a passage is cut after a comma, between words,
or, in scripts without spaces, anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

LENGTH = 400

_USELESS = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]+")
_PARAGRAPH = re.compile(r"\n[^\S\n]*\n")
_CJK = "[\u3000-\u303f\u3040-\u30ff\u3400-\u9fff\uff00-\uffef]"
_BETWEEN_CJK = re.compile(f"(?<={_CJK}) (?={_CJK})")
_CLOSING = "[\"'”’」』）)\\]】》]"
_END = re.compile(f"(?:[。！？；…]{{1,20}}{_CLOSING}{{0,9}}|[.!?]{{1,20}}{_CLOSING}{{0,9}}(?= )) ?")
_COMMA = re.compile("[,;:](?= )|[，、：]")


def flow(text: str) -> str:
    """Return `text` as one line: runs of space are one space, none where Chinese was broken into lines."""
    return _BETWEEN_CJK.sub("", " ".join(_USELESS.sub("", text).split()))


def split(text: str, length: int = LENGTH) -> Iterator[str]:
    """Yield the passages of `text`, in order, each of them one line with a word in it."""
    passage = ""
    for sentence in _sentences(text):
        for piece in _pieces(sentence, length):
            if len((passage + piece).rstrip()) > length:
                yield from _worth_reading(passage)
                passage = ""
            passage += piece
    yield from _worth_reading(passage)


def _sentences(text: str) -> Iterator[str]:
    """Yield sentences, each with the space that separates it from the next."""
    for paragraph in _PARAGRAPH.split(text):
        line = flow(paragraph)
        start = 0
        for end in _END.finditer(line):
            yield line[start : end.end()]
            start = end.end()
        if start < len(line):
            yield line[start:] + " "


def _pieces(sentence: str, length: int) -> Iterator[str]:
    """Yield a sentence, in pieces if it is longer than a passage."""
    start, last = 0, len(sentence.rstrip())
    while last - start > length:
        end = start + _place_to_cut(sentence[start : start + length])
        yield sentence[start:end]
        start = end
    yield sentence[start:]


def _place_to_cut(head: str) -> int:
    """Return where to cut a full passage: as late as possible, but not so that most of the room is lost."""
    commas = [comma.end() for comma in _COMMA.finditer(head)]
    places = (commas[-1] if commas else 0, head.rfind(" ") + 1)
    return next((place for place in places if place > len(head) // 2), len(head))


def _worth_reading(passage: str) -> Iterator[str]:
    passage = passage.strip()
    if any(map(str.isalnum, passage)):
        yield passage
