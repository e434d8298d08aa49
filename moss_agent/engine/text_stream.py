"""From tokens to text as they come: no character is split, no stop text slips through."""

from __future__ import annotations

from collections.abc import Callable, Sequence

MOST_WAITING = 16  # tokens: a character has at most four, but bytes that are none may stand before it


class TextStream:
    """Turns one token after another into text.

    Tokens are decoded together with the piece before them, because many tokenizers decode a token
    differently at the beginning of a text. An unfinished character waits for its other tokens.

    tokens: how many the last piece came from, and `text` what all of them say, of which `given` was returned.
    """

    def __init__(self, decode: Callable[[list[int]], str]) -> None:
        self._decode = decode
        self._before: list[int] = []
        self._new: list[int] = []
        self.tokens, self.text, self.given = 0, "", ""

    def push(self, token: int) -> str:
        """Return the text that `token` completes."""
        if self.given == self.text:
            self._before, self._new, self.given = self._new, [], ""
        self._new.append(token)
        self.tokens, self.text = len(self._new), self._decoded()
        given = len(self.given)
        self.given = self.text if self.tokens == MOST_WAITING else self.text.rstrip("\ufffd")
        return self.given[given:]

    def flush(self) -> str:
        """Return what is left of an unfinished character."""
        rest, self.given = self.text[len(self.given) :], self.text
        return rest

    def _decoded(self) -> str:
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
