"""From tokens to text as they come: no character is split, no stop text slips through."""

from __future__ import annotations

from collections.abc import Callable, Sequence

_LONGEST_CHARACTER = 4  # tokens: UTF-8 needs at most four bytes, a token holds at least one


class TextStream:
    """Turns one token after another into text.

    Tokens are decoded together with the piece before them, because many tokenizers decode a token
    differently at the beginning of a text. An unfinished character waits for its other tokens.
    """

    def __init__(self, decode: Callable[[list[int]], str]) -> None:
        self._decode = decode
        self._before: list[int] = []
        self._new: list[int] = []

    def push(self, token: int) -> str:
        """Return the text that `token` completes."""
        self._new.append(token)
        text = self._text()
        if text.endswith("\ufffd") and len(self._new) < _LONGEST_CHARACTER:
            return ""
        self._before, self._new = self._new, []
        return text

    def flush(self) -> str:
        """Return what is left of an unfinished character."""
        text, self._new = self._text(), []
        return text

    def _text(self) -> str:
        before = self._decode(self._before)
        return self._decode(self._before + self._new)[len(before) :]


class StopFilter:
    """Passes text on until one of the stop texts is complete; keeps back what may become one."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = stops
        self._beginnings = {stop[:n] for stop in stops for n in range(1, len(stop))}
        self._firsts = {stop[:1] for stop in stops}
        self._longest = max(map(len, self._beginnings), default=0)
        self._held = ""
        self.stop = ""
        self.surplus = ""

    def push(self, text: str) -> str:
        """Return the text that is certain to stand before any stop. Sets `stop` and `surplus`, the text after it."""
        text = self._held + text
        if self._firsts.isdisjoint(text):  # of most pieces
            self._held = ""
            return text
        if found := min(((text.find(s), s) for s in self._stops if s in text), default=None):
            position, self.stop = found
            self.surplus = text[position + len(self.stop) :]
            self._held = ""
            return text[:position]
        longest = min(self._longest, len(text))
        keep = next((n for n in range(longest, 0, -1) if text[-n:] in self._beginnings), 0)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def flush(self) -> str:
        """Return what was held back, when nothing more comes."""
        held, self._held = self._held, ""
        return held
