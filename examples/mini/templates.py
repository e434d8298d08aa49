"""Templates of word problems: numbers are drawn from a short specification, words from the word lists.

A specification is a row of parts, left to right::

    a=3..12          a whole number from 3 to 12
    b=1.5..9:0.5     steps of 0.5
    c=5|10|20        one of these
    s=[a*b+c]        computed from what came before
    ?a>c             draw again unless it holds
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from random import Random

from .data import read_tables
from .expressions import Number, evaluate, tidy

WORDS: dict[str, dict[str, list[str]]] = read_tables("words")


class Slots(dict[str, object]):
    """The values of one filled template; words are drawn when a template first names them."""

    def __init__(
        self, random: Random, language: str, values: Mapping[str, object], words: Mapping[str, Sequence[str]] = {}
    ) -> None:
        super().__init__(values)
        self._random = random
        self._words = {**WORDS[language], **words}

    def __missing__(self, key: str) -> str:
        choices = self._words[key.rstrip("0123456789")]
        word = self._random.choice(choices)
        while word in self.values():
            word = self._random.choice(choices)
        self[key] = word
        return word

    def fill(self, text: str) -> str:
        """``text`` with its slots filled."""
        return text.format_map(self)


@cache
def _parts(specification: str) -> tuple[tuple[str, str], ...]:
    parts = []
    for part in specification.split():
        name, _, rule = ("?", "", part[1:]) if part.startswith("?") else part.partition("=")
        parts.append((name, rule))
    return tuple(parts)


def draw_numbers(random: Random, specification: str, known: Mapping[str, Number] = {}) -> dict[str, Number]:
    """Numbers that follow ``specification``, which may name those that are ``known``."""
    while True:
        numbers = dict(known)
        if all(_draw(random, name, rule, numbers) for name, rule in _parts(specification)):
            return numbers


def _draw(random: Random, name: str, rule: str, numbers: dict[str, Number]) -> bool:
    if name == "?":
        return bool(evaluate(rule, numbers))
    if rule.startswith("["):
        numbers[name] = tidy(evaluate(rule[1:-1], numbers))
    elif ".." in rule:
        limits, _, step = rule.partition(":")
        low, high = (float(limit) for limit in limits.split(".."))
        width = float(step or 1)
        numbers[name] = tidy(low + width * random.randrange(int((high - low) / width + 1.5)))
    else:
        numbers[name] = tidy(float(random.choice(rule.split("|"))))
    return True


def ask(random: Random, slots: Slots, told: Sequence[str], asks: Sequence[str], asks_alone: Sequence[str]) -> str:
    """A story with one of its questions, or a question that stands alone."""
    number = random.randrange(len(asks) + len(asks_alone))
    if number >= len(asks):
        return slots.fill(asks_alone[number - len(asks)])
    story = random.choice(told)
    gap = "" if ord(story[-1]) > 255 else " "
    return slots.fill(story + gap + asks[number])
