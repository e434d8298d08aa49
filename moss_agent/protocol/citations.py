"""Citations in an answer: `<sup><|2|></sup>` after the words that hit 2 supports.

Models also write `<|2|>`, `<sup><|1|><|3|></sup>` and `<sup><|2|>, <|3|></sup>`, and cite numbers that
do not exist. Chat models cite as `[2]`.
"""

import re
from collections.abc import Collection

_NUMBER = re.compile(r"<\|(\d{1,99})\|>")
_CITATION = re.compile(r"(?:<sup>\s*)?<\|\d{1,99}\|>(?:[\s,，、]*<\|\d{1,99}\|>)*(?:\s*</sup>)?")
_WRITTEN = re.compile(r"<sup>(?:<\|\d{1,99}\|>)+</sup>")
_PASSAGE = re.compile(r"^<\|(\d{1,99})\|>: ?", re.MULTILINE)  # the beginning of a passage in a result

_UNFINISHED = re.compile(
    r"(?:<sup>\s*)?(?:<\|\d{1,99}\|>[\s,，、]*)*(?:<(?:/?(?:s(?:up?)?)?)?|<\|\d{0,99}\|?|(?<=<sup>)\s*)?\Z"
)


def cited_numbers(text: str) -> list[int]:
    """Return the numbers that `text` cites, in order of first appearance."""
    return list(dict.fromkeys(int(number) for number in _NUMBER.findall(text)))


def unfinished_citation(text: str) -> int:
    """Return length of the end of `text` that is a citation, or the beginning of one, that may go on."""
    found = _UNFINISHED.search(text) if "<" in text else None
    return len(found[0]) if found else 0


def check_citations(text: str, known: Collection[int]) -> tuple[str, list[int]]:
    """Return the text with well-formed citations of known numbers only, and the numbers that were dropped."""
    if "<|" not in text:
        return text, []
    dropped = [number for number in cited_numbers(text) if number not in known]

    def rewrite(match: re.Match[str]) -> str:
        return "".join(f"<sup><|{n}|></sup>" for n in cited_numbers(match[0]) if n in known)

    return _CITATION.sub(rewrite, text), dropped


def as_written(text: str) -> str:
    """Return a recorded text as a chat model writes it, with citations as `[2]`."""
    return _WRITTEN.sub(lambda found: "".join(f"[{number}]" for number in _NUMBER.findall(found[0])), text)


def as_told(result: str) -> str:
    """Return a recorded result as a chat model is told it: with passages as the answers cite them, `[2]`."""
    return as_written(_PASSAGE.sub(r"[\1] ", result))


class CitationFilter:
    """`check_citations` for an answer that comes in pieces: an unfinished citation waits for the next piece."""

    def __init__(self, known: Collection[int]) -> None:
        self._known = known
        self._held = ""

    def push(self, piece: str) -> str:
        """Return what can be shown now."""
        text = self._held + piece
        end = len(text) - unfinished_citation(text)
        self._held = text[end:]
        return check_citations(text[:end], self._known)[0]

    def flush(self) -> str:
        """Return what was held back, when nothing more comes."""
        held, self._held = self._held, ""
        return check_citations(held, self._known)[0]
