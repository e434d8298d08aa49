"""What pictures show: nouns with their qualities, what they do, where and when, drawn from word lists."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from .data import read_rows, read_tables

Word = tuple[str, str]  # English, Chinese
PHRASES = read_tables("drawing_wording")
_ROWS = read_rows("drawing_words")
THOUGHTS_LENGTH = 70  # characters that Chinese thoughts may have
NO_WORD = ("", "")
BEINGS = ("animal", "person", "fantasy")
KINDS = (*BEINGS, "plant", "food", "thing", "vehicle", "building", "landscape", "proper")
_LIVELY, _LIFELESS = ("size", "mood", "look", "color"), ("size", "look", "state", "color", "material")  # in this order
_COUNTS = [("two", "两"), ("three", "三"), ("four", "四"), ("five", "五"), ("six", "六"), ("ten", "十")]
_COUNTS += [("many", "许多")]


@dataclass(frozen=True)
class Noun:
    """A noun with its Chinese measure word and its English plural."""

    kind: str
    en: str
    zh: str
    measure: str
    plural: str


def _plural(noun: str) -> str:
    head, of, rest = noun.partition(" of ")
    if re.search("(s|x|ch|sh)$", head):
        return f"{head}es{of}{rest}"
    if re.search("[^aeiou]y$", head):
        return f"{head[:-1]}ies{of}{rest}"
    return f"{head}s{of}{rest}"


def _nouns(*kinds: str) -> list[Noun]:
    rows = [row for row in _ROWS if row["kind"] in kinds]
    return [Noun(r["kind"], r["en"], r["zh"], r["measure"], r["plural"] or _plural(r["en"])) for r in rows]


def _words(kind: str) -> list[Word]:
    return [(row["en"], row["zh"]) for row in _ROWS if row["kind"] == kind]


NOUNS = {kind: _nouns(kind) for kind in KINDS}
RARE, NAMES = _nouns("odd"), _words("name")
QUALITIES = {kind: _words(kind) for kind in {*_LIVELY, *_LIFELESS}}
ACTIONS, DOINGS, RELATIONS, PLACES, TIMES = map(_words, ("action", "doing", "relation", "place", "time"))
STYLES, PRODUCTS, DETAILS, NEGATIVES = map(_words, ("style", "product", "detail", "negative"))
_AROUND = {"place": PLACES, "time": TIMES, "style": STYLES, "detail": DETAILS, "negative": NEGATIVES}
_WEIGHTS = {"place": 6, "time": 3, "style": 4, "detail": 2, "negative": 0.5}


@dataclass(frozen=True)
class Thing:
    """One thing in a picture, with its qualities, perhaps some of them, perhaps with a name."""

    noun: Noun
    qualities: tuple[Word, ...] = ()
    count: Word = NO_WORD
    name: Word = NO_WORD

    @property
    def english(self) -> str:
        """With an article or a number in front."""
        noun = self.noun.plural if self.count[0] else self.noun.en
        text = " ".join([*(quality[0] for quality in self.qualities), noun])
        if self.noun.kind != "proper":
            text = f"{self.count[0]} {text}" if self.count[0] else with_article(text)
        return f"{text} named {self.name[0]}" if self.name[0] else text

    def chinese(self, measure: str) -> str:
        """With `measure`, or the number, in front."""
        number = self.count[1] and self.count[1] + self.noun.measure
        named = f"名叫{self.name[1]}的" if self.name[0] else ""
        return (number or measure) + named + "".join(quality[1] for quality in self.qualities) + self.noun.zh

    def measure(self, random: Random) -> str:
        """What stands in front of a single one in Chinese: "一只", "只", "个", nothing."""
        own = self.noun.measure
        if not own:
            return ""
        return random.choices((f"一{own}", own, "一个", ""), (60, 6, 6, 28))[0]

    def words(self) -> list[Word]:
        """What it is made of, word by word."""
        count = [(self.count[0], self.count[1] + self.noun.measure)] if self.count[0] else []
        name = [(f"named {self.name[0]}", f"名叫{self.name[1]}")] if self.name[0] else []
        noun = (self.noun.plural if self.count[0] else self.noun.en, self.noun.zh)
        return [*count, *name, *self.qualities, noun]


def with_article(text: str) -> str:
    return f"an {text}" if re.match("(?!uni|eu|one|UFO)[aeioAEIOuU]|hour", text) else f"a {text}"


@dataclass(frozen=True)
class Plan:
    """What to draw; `link` is what the subject does, or where it is seen from the `other` thing."""

    subject: Thing
    link: Word = NO_WORD
    other: Thing | None = None
    place: Word = NO_WORD
    time: Word = NO_WORD
    style: Word = NO_WORD
    detail: Word = NO_WORD
    negative: Word = NO_WORD
    product: Word = NO_WORD

    def words(self) -> list[Word]:
        """What it is made of, word by word."""
        link = (self.link[0].replace(" {o}", ""), self.link[1].replace("{o}", "…"))
        around = (self.place, self.time, self.style, self.detail, self.negative, self.product)
        return [*self.subject.words(), link, *(self.other.words() if self.other else ()), *around]


def draw_plan(random: Random, language: str, most: int = 5) -> Plan:
    """A plan whose parts, translated one by one, are not too long for the thoughts."""
    while True:
        plan = _any_plan(random, min(most, random.choices((1, 2, 3, 4, 5), (10, 25, 30, 22, 13))[0]))
        if language == "en" or len(translated(plan.words())) < THOUGHTS_LENGTH:
            return plan


def _any_plan(random: Random, parts: int) -> Plan:
    subject = _draw_thing(random, parts)
    left = parts - len(subject.words())
    link, other = NO_WORD, None
    being = subject.noun.kind in BEINGS
    if left > 0 and random.random() < 0.5:
        other = _draw_thing(random, left - 1)
        links = (RELATIONS, DOINGS if being else RELATIONS, [("and {o}", "和{o}")])
        link = random.choice(random.choice(links))
        left -= 1 + len(other.words())
    elif left > 0 and being and random.random() < 0.6:
        link = random.choice(ACTIONS)
        left -= 1
    plan = Plan(subject, link, other)
    weights = dict(_WEIGHTS)
    for _ in range(left):
        (name,) = random.choices(tuple(weights), tuple(weights.values()))
        del weights[name]
        part: dict[str, Any] = {name: random.choice(_AROUND[name])}
        plan = replace(plan, **part)
    return replace(plan, product=random.choice(PRODUCTS)) if random.random() < 0.06 else plan


def _draw_thing(random: Random, parts: int) -> Thing:
    """A thing of at most so many words; at times a rare or made-up one, or one with a name."""
    dice = random.random()
    if dice < 0.06:
        noun = random.choice(RARE)
    elif dice < 0.11:
        made_up = _made_up(random)
        noun = Noun("odd", made_up, made_up, "只", _plural(made_up))
    else:
        noun = random.choice(NOUNS[random.choices(KINDS, (22, 12, 9, 9, 10, 16, 9, 9, 6, 5))[0]])
    if noun.kind == "proper":
        return Thing(noun)
    kinds = _LIVELY if noun.kind in BEINGS else _LIFELESS
    chosen = random.choices(kinds, [3 if kind == "color" else 1 for kind in kinds], k=random.choice((0, 1, 1, 2)))
    qualities = [random.choice(QUALITIES[kind]) for kind in kinds if kind in chosen][: max(0, parts - 1)]
    count = random.choice(_COUNTS) if parts > 1 and random.random() < 0.12 and noun.kind != "landscape" else NO_WORD
    named = noun.kind in BEINGS and not count[0] and parts > 1 and random.random() < 0.12
    return Thing(noun, tuple(qualities), count, _draw_name(random) if named else NO_WORD)


def _draw_name(random: Random) -> Word:
    if random.random() < 0.5:
        return random.choice(NAMES)
    name = _made_up(random).capitalize()
    return name, name


def _made_up(random: Random) -> str:
    syllables = random.sample(PHRASES["syllables"], random.choice((2, 2, 3)))
    return "".join(syllables) + random.choice(("", "", "x", "n", "p", "dle"))


def translated(words: Iterable[Word]) -> str:
    return "，".join(f"{chinese}={english}" for english, chinese in words if english)
