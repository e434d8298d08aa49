"""Thoughts that a model writes between tags in what it says, where the server leaves them there.

Only a tag at the beginning counts: a text that speaks of tags stays as it is. Not covered: templates that write the
opening tag themselves (DeepSeek-R1, QwQ) on servers that do not parse thoughts. There is nothing to tell such
thoughts from an answer until they end; start those servers with their parser (docs/serving.md).
"""

from __future__ import annotations

from moss_agent.engine.text_stream import StopFilter
from moss_agent.messages import Content, Reasoning

OPEN, CLOSE = "<think>", "</think>"


class ThinkTags:
    """Tells thoughts from content piece by piece, whatever the tags are cut into."""

    def __init__(self) -> None:
        self._held = ""  # white space and what may become a tag
        self._has_thought = False  # white space after thoughts is dropped
        self._thoughts: StopFilter | None = None  # while thoughts come
        self._has_begun = False  # white space before thoughts is dropped too
        self._is_open = True  # whether a tag may still come

    def push(self, text: str) -> list[Reasoning | Content]:
        """Return what is certain by now."""
        written: list[Reasoning | Content] = []
        while text:
            if self._thoughts:
                text = self._think(self._thoughts, text, written)
            elif not self._is_open:
                written.append(Content(text))
                break
            else:
                text = self._begin(text)
        return written

    def end(self) -> list[Reasoning | Content]:
        """Return what was held back. No tag is looked for from now on."""
        held, self._held, self._is_open = self._held, "", False
        if self._thoughts:
            thought, self._thoughts = self._thoughts.flush(), None
            return [Reasoning(thought)] if thought else []
        return [Content(held)] if held.strip() or (held and not self._has_thought) else []

    def _begin(self, text: str) -> str:
        """Decide whether thoughts begin; return the text that is to be looked at again."""
        text, self._held = self._held + text, ""
        start = text.lstrip()
        if start.startswith(OPEN):
            self._thoughts, self._has_thought, self._has_begun = StopFilter([CLOSE]), True, False
            return start[len(OPEN) :]
        if OPEN.startswith(start):
            self._held = text
            return ""
        self._is_open = False
        return start if self._has_thought else text

    def _think(self, thoughts: StopFilter, text: str, written: list[Reasoning | Content]) -> str:
        """Take thoughts; return what stands behind them."""
        thought = thoughts.push(text)
        thought = thought if self._has_begun else thought.lstrip()
        if thought:
            self._has_begun = True
            written.append(Reasoning(thought))
        if not thoughts.stop:
            return ""
        self._thoughts = None
        return thoughts.surplus
