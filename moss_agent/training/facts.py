"""What the searched-for facts are made of: topics, their entities and what can be asked about them."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from .templates import variants
from .words import CHINESE_GIVEN, CHINESE_SURNAMES, SURNAMES, WORDS


@dataclass(frozen=True)
class Attribute:
    """One thing to ask about an entity ``{e}``; ``{v}`` is the value to be read from a hit.

    ``asks``, ``facts`` and ``answers`` hold alternatives separated by `` | ``. ``value`` is a range (``1850..1990``),
    a choice (``a|b``), two of a choice (``&a|b|c``) or a word list (``@person``).
    """

    asks: str
    query: str
    facts: str
    answers: str
    value: str


@dataclass(frozen=True)
class Topic:
    """Entities of one sort (separated by ``|``) and their attributes; ``pronoun`` stands for an entity later on."""

    entities: str
    attributes: tuple[Attribute, ...]
    pronoun: str = ""

    def entity(self, random: Random, other_than: str = "") -> str:
        """One of the entities."""
        names = [name for name in self.entities.split("|") if name != other_than]
        return random.choice(names)


def draw_value(random: Random, language: str, rule: str) -> str:
    """A value that follows an attribute's ``value`` rule."""
    if rule == "@person":
        return _person(random, language)
    if rule.startswith("&"):
        first, second = random.sample(rule[1:].split("|"), 2)
        return first + (" and " if language == "en" else "和") + second
    low, dots, high = rule.partition("..")
    if not dots:
        return random.choice(rule.split("|"))
    if "." in low or "." in high:
        return f"{random.uniform(float(low), float(high)):.1f}"
    value = random.randint(int(low), int(high))
    return f"{value:,}" if value >= 10000 and language == "en" else str(value)


def _person(random: Random, language: str) -> str:
    if language == "en":
        return f"{random.choice(WORDS['en']['name'])} {random.choice(SURNAMES)}"
    return random.choice(CHINESE_SURNAMES) + random.choice(CHINESE_GIVEN)


def one_of(random: Random, text: str, **slots: str) -> str:
    """One of the alternatives in ``text``, filled in."""
    return random.choice(variants(text)).format(**slots)
