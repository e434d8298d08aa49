"""What a chat model says, made fit for records: no markers of MOSS in it, citations in MOSS's form.

Chat models cite as `[2]`; records, events and the check of citations know `<sup><|2|></sup>`.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from moss_agent.protocol import neutralise

LONGEST = 2000  # characters of citations one after the other
_CITED = re.compile(r"(?P<before>[A-Za-z0-9_)]?)(?P<cited>(?:\[\d{1,2}(?:\s?[,，、]\s?\d{1,2})*\])+)(?![(\[])")
_NUMBER = re.compile(r"\d+")
# The end of a text that may become a marker, a citation or a link when it goes on.
_UNFINISHED = re.compile(
    r"(?:<(?:/?e(?:o[a-z]?)?|\s{0,8}\|[^>\n]{0,98})?|[A-Za-z0-9_)]?(?:\[[\d\s,，、]*\])*\[[\d\s,，、]*\]?|[A-Za-z0-9_)])\Z"
)


class CitedText:
    """Turns what a model says, piece by piece, into what is recorded.

    known: numbers that it may cite. What stands between backticks is code, and no citation.
    """

    def __init__(self, known: Collection[int]) -> None:
        self._known = known
        self._held = ""
        self._in_code = False

    def push(self, piece: str) -> str:
        """Return what is certain now."""
        text = self._held + piece
        found = _UNFINISHED.search(text, max(0, len(text) - LONGEST)) if self._known or "<" in text else None
        end = found.start() if found else len(text)
        self._held = text[end:]
        return self._convert(text[:end])

    def flush(self) -> str:
        """Return what was held back, when nothing more comes."""
        held, self._held = self._held, ""
        return self._convert(held)

    def _convert(self, text: str) -> str:
        parts = neutralise(text).split("`")
        for place, part in enumerate(parts):
            if place:
                self._in_code = not self._in_code
            if self._known and not self._in_code:
                parts[place] = _CITED.sub(self._cite, part)
        return "`".join(parts)

    def _cite(self, found: re.Match[str]) -> str:
        """Return the citation in MOSS's form; a number behind a word that stands for nothing is no citation."""
        numbers = [int(number) for number in _NUMBER.findall(found["cited"])]
        if found["before"] and not all(number in self._known for number in numbers):
            return found[0]
        return found["before"] + "<sup>" + "".join(f"<|{number}|>" for number in numbers) + "</sup>"
