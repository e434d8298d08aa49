"""What a model is asked, and what is expected of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from moss_agent.plugin_host import Plugin
from moss_agent.records import Turn, as_command

_HAN = re.compile("[\u3400-\u9fff]")

Mode = Literal["", "without plugins"]
Alternatives = tuple[str, ...]
"""Ways to say one thing, one of which is enough: numbers as text, or words."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One question. id: tells it from the others, whichever run it is in. category, language: what it is counted by."""

    id: str
    question: str
    category: str
    language: str

    @property
    def mode(self) -> Mode:
        return ""

    @property
    def key(self) -> tuple[str, str]:
        """What tells the case from others: the same question may be asked in several modes."""
        return self.id, self.mode

    @property
    def wanted(self) -> str:
        """What is expected, for people."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class RecordedCase(Case):
    """A turn of a recorded conversation. before: the turns that the model is told first, as they are recorded."""

    before: tuple[Turn, ...]
    turn: Turn

    @property
    def wanted(self) -> str:
        calls = "\n".join(f"{as_command(call)} => {call.result}" for call in self.turn.calls)
        return f"{calls or 'no call'}\n{self.turn.text}"


@dataclass(frozen=True, kw_only=True)
class QuestionCase(Case):
    """A question with its answer. answer: all of it has to be stated; empty for any answer.

    plugins: one of these, by name or key, is to be called, none if it is empty; None if that is not judged.
    without_plugins: whether the model is told of no plugin.
    """

    answer: tuple[Alternatives, ...]
    plugins: tuple[str, ...] | None = None
    without_plugins: bool = False

    @property
    def mode(self) -> Mode:
        return "without plugins" if self.without_plugins else ""

    @property
    def wanted(self) -> str:
        said = ", ".join(" or ".join(each) for each in self.answer)
        calls = "" if self.plugins is None else f"calls of {', '.join(self.plugins) or 'no plugin'}"
        return "; ".join(filter(None, (said, calls)))


@dataclass(frozen=True)
class ExpectedCall:
    """A call by name, and for each argument the values that are right.

    What is not required may be left out if "" is among its values.
    """

    name: str
    arguments: Mapping[str, tuple[Any, ...]]
    required: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return f"{self.name}({', '.join(f'{name}={list(values)}' for name, values in self.arguments.items())})"


@dataclass(frozen=True, kw_only=True)
class FunctionsCase(Case):
    """Declared functions, and the calls that are right, in any order; none if no function fits."""

    functions: tuple[Plugin, ...]
    expected: tuple[ExpectedCall, ...]

    @property
    def wanted(self) -> str:
        return "\n".join(map(str, self.expected)) or "no call"


def language_of(text: str) -> str:
    """Return `zh` for a text with Chinese characters, else `en`."""
    return "zh" if _HAN.search(text) else "en"
