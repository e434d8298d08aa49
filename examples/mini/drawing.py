"""Requests for pictures; the description is always English and holds exactly the parts that were asked for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from moss_agent.protocol import DRAWN

from .data import read_rows, read_tables
from .example import ExampleTurn, Tools, spoken
from .wording import decorate

Word = tuple[str, str]  # English, Chinese
PHRASES = read_tables("drawing_wording")
_ROWS = read_rows("drawing_words")
_THOUGHTS = 70  # characters that Chinese thoughts may have
_NONE = ("", "")
_BEINGS = ("animal", "person", "fantasy")
_KINDS = (*_BEINGS, "plant", "food", "thing", "vehicle", "building", "landscape", "proper")
_LIVELY, _LIFELESS = ("size", "mood", "look", "color"), ("size", "look", "state", "color", "material")  # in this order
_COUNTS = [("two", "两"), ("three", "三"), ("four", "四"), ("five", "五"), ("six", "六"), ("ten", "十")]
_COUNTS += [("many", "许多")]
_SHORTENED = [("$", ""), ("$", ""), ("色的", "色"), ("([红蓝绿黄白黑])色的", r"\1")]  # "红色的猫", "红色猫", "红猫"


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


NOUNS = {kind: _nouns(kind) for kind in _KINDS}
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
    count: Word = _NONE
    name: Word = _NONE

    @property
    def english(self) -> str:
        """With an article or a number in front."""
        noun = self.noun.plural if self.count[0] else self.noun.en
        text = " ".join([*(quality[0] for quality in self.qualities), noun])
        if self.noun.kind != "proper":
            text = f"{self.count[0]} {text}" if self.count[0] else _with_article(text)
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


def _with_article(text: str) -> str:
    return f"an {text}" if re.match("(?!uni|eu|one|UFO)[aeioAEIOuU]|hour", text) else f"a {text}"


@dataclass(frozen=True)
class Plan:
    """What to draw; `link` is what the subject does, or where it is seen from the `other` thing."""

    subject: Thing
    link: Word = _NONE
    other: Thing | None = None
    place: Word = _NONE
    time: Word = _NONE
    style: Word = _NONE
    detail: Word = _NONE
    negative: Word = _NONE
    product: Word = _NONE

    def words(self) -> list[Word]:
        """What it is made of, word by word."""
        link = (self.link[0].replace(" {o}", ""), self.link[1].replace("{o}", "…"))
        around = (self.place, self.time, self.style, self.detail, self.negative, self.product)
        return [*self.subject.words(), link, *(self.other.words() if self.other else ()), *around]


@dataclass(frozen=True)
class Scene:
    """What to draw: as the user says it, without measure word, and as the description and the thoughts say it."""

    said: str
    bare: str
    description: str
    parts: str
    odd: bool


def draw_scene(random: Random, language: str) -> Scene:
    """A picture of one to five parts."""
    return _scene(random, language, _draw_plan(random, language))


def _draw_plan(random: Random, language: str, most: int = 5) -> Plan:
    """A plan whose parts, translated one by one, are not too long for the thoughts."""
    while True:
        plan = _any_plan(random, min(most, random.choices((1, 2, 3, 4, 5), (10, 25, 30, 22, 13))[0]))
        if language == "en" or len(_translated(plan.words())) < _THOUGHTS:
            return plan


def _any_plan(random: Random, parts: int) -> Plan:
    subject = _draw_thing(random, parts)
    left = parts - len(subject.words())
    link, other = _NONE, None
    being = subject.noun.kind in _BEINGS
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
        noun = random.choice(NOUNS[random.choices(_KINDS, (22, 12, 9, 9, 10, 16, 9, 9, 6, 5))[0]])
    if noun.kind == "proper":
        return Thing(noun)
    kinds = _LIVELY if noun.kind in _BEINGS else _LIFELESS
    chosen = random.choices(kinds, [3 if kind == "color" else 1 for kind in kinds], k=random.choice((0, 1, 1, 2)))
    qualities = [random.choice(QUALITIES[kind]) for kind in kinds if kind in chosen][: max(0, parts - 1)]
    count = random.choice(_COUNTS) if parts > 1 and random.random() < 0.12 and noun.kind != "landscape" else _NONE
    named = noun.kind in _BEINGS and not count[0] and parts > 1 and random.random() < 0.12
    return Thing(noun, tuple(qualities), count, _draw_name(random) if named else _NONE)


def _draw_name(random: Random) -> Word:
    if random.random() < 0.5:
        return random.choice(NAMES)
    name = _made_up(random).capitalize()
    return name, name


def _made_up(random: Random) -> str:
    syllables = random.sample(PHRASES["syllables"], random.choice((2, 2, 3)))
    return "".join(syllables) + random.choice(("", "", "x", "n", "p", "dle"))


def _scene(random: Random, language: str, plan: Plan) -> Scene:
    words = plan.words()
    odd = any(thing.noun.kind == "odd" or thing.name[0] for thing in (plan.subject, plan.other) if thing)
    if language == "en":
        said, parts = _english(random, plan)
        bare = re.sub("^an? ", "", said) if random.random() < 0.1 else said
        return Scene(bare, bare, said, parts, odd)
    order = random.getrandbits(32)
    said = _chinese(Random(order), plan, plan.subject.measure(random))
    bare = _chinese(Random(order), plan, "")
    old, new = random.choice(_SHORTENED)
    said, bare, parts = (re.sub(old, new, text) for text in (said, bare, _translated(words)))
    return Scene(said, bare, _description(plan), parts, odd)


def _translated(words: Iterable[Word]) -> str:
    return "，".join(f"{chinese}={english}" for english, chinese in words if english)


def _core(plan: Plan) -> list[str]:
    other = plan.other.english if plan.other else ""
    parts = [plan.subject.english, plan.link[0].format(o=other), plan.place[0], plan.time[0]]
    return [part for part in parts if part]


def _english(random: Random, plan: Plan) -> tuple[str, str]:
    """How it is asked for, which is also its description, and its parts."""
    detail = plan.detail[0] and random.choice((f" with {plan.detail[0]}", f", {plan.detail[0]}"))
    style = plan.style[0] and random.choice((" in {} style", ", {} style", " in the style of {}")).format(plan.style[0])
    negative = plan.negative[0] and f", {plan.negative[0]}"
    product = f"{_with_article(plan.product[0])} of " if plan.product[0] else ""
    core = _core(plan)
    extra = [part.lstrip(" ,") for part in (detail, style, negative) if part]
    product_part = [product.removesuffix(" of ")] if product else []
    return product + " ".join(core) + detail + style + negative, "; ".join([*product_part, *core, *extra])


def _description(plan: Plan) -> str:
    """In English, what was asked for in Chinese."""
    text = " ".join(_core(plan))
    text = f"{_with_article(plan.product[0])} of {text}" if plan.product[0] else text
    style = f"{plan.style[0]} style" if plan.style[0] else ""
    return ", ".join(part for part in (text, plan.detail[0], style, plan.negative[0]) if part)


def _chinese(random: Random, plan: Plan, measure: str) -> str:
    """The scene in Chinese, with its parts in one of the usual orders."""
    other = plan.other.chinese(plan.other.measure(random)) if plan.other else ""
    link, place = plan.link[1].format(o=other), plan.place[1]
    if plan.link[0].startswith("and "):
        said = plan.subject.chinese(measure) + link + place
    elif plan.link in RELATIONS and place:
        said = plan.subject.chinese(measure) + link + "，" + place
    elif (place or link) and random.random() < 0.45:
        body = replace(plan.subject, count=_NONE).chinese("")
        count = plan.subject.count[1] and plan.subject.count[1] + plan.subject.noun.measure
        said = (count or measure) + place + (link.removeprefix("在") if place else link) + "的" + body
    else:
        said = plan.subject.chinese(measure) + place + (link.removeprefix("在") if place else link)
    if plan.time[1]:
        said = random.choice((f"{plan.time[1]}，{said}", f"{said}，{plan.time[1]}"))
    return _with_form(random, plan, said)


def _with_form(random: Random, plan: Plan, said: str) -> str:
    said += "，" + random.choice(("有", "要有", "")) + plan.detail[1] if plan.detail[1] else ""
    said += f"，{plan.negative[1]}" if plan.negative[1] else ""
    said = f"{said}的{plan.product[1]}" if plan.product[1] else said
    if plan.style[1]:
        style = f"{plan.style[1]}风格"
        return random.choice((f"{style}的{said}", f"{said}，{style}", f"{said}，{plan.style[1]}风"))
    return said


def turn(random: Random, language: str, tools: Tools) -> ExampleTurn:
    """One request for a picture."""
    scene = draw_scene(random, language)
    text = random.choice(PHRASES[language]["asks"]).format(s=scene.said, b=scene.bare)
    text = text[0].upper() + text[1:]
    greetings = PHRASES[language]["greetings"]
    if not scene.odd:
        text = decorate(random, text, language, greetings, ())
    elif random.random() < 0.2:  # nothing is misspelt that has to be copied letter by letter
        text = random.choice(greetings) + (" " if language == "en" else "") + text
    return _draw(random, language, tools, scene, text)


def _draw(random: Random, language: str, tools: Tools, scene: Scene, text: str) -> ExampleTurn:
    if not tools.drawing:
        said = random.choice(PHRASES[language]["disabled"])
        return spoken(text, said["thoughts"], said["answer"].format(s=scene.bare, d=random.choice(DETAILS)[0]))
    thoughts = _thoughts(random, language, scene.parts)
    failed = random.random() < 0.05
    answer = random.choice(PHRASES[language]["failed" if failed else "answers"]).format(s=scene.bare)
    return ExampleTurn(text, thoughts, (("Text2Image", scene.description),), (None if failed else DRAWN,), answer)


def _thoughts(random: Random, language: str, parts: str) -> str:
    text = str(random.choice(PHRASES[language]["thoughts"]).format(p=parts))
    return text if language == "en" or len(text) <= _THOUGHTS else f"{parts}。"


def several(random: Random, language: str, tools: Tools) -> ExampleTurn:
    """Two pictures at once, often such that differ in one word."""
    if not tools.drawing:
        return turn(random, language, tools)
    first, second = (_scene(random, language, plan) for plan in _two_plans(random, language))
    said = random.choice(PHRASES[language]["two"])
    text = said["ask"].format(a=first.said, b=second.said)
    commands = (("Text2Image", first.description), ("Text2Image", second.description))
    return ExampleTurn(
        text, said["thoughts"].format(a=first.parts, b=second.parts), commands, (DRAWN, DRAWN), said["answer"]
    )


def _two_plans(random: Random, language: str) -> tuple[Plan, Plan]:
    while True:
        first = _draw_plan(random, language, 2)
        second = _with_another_word(random, first) if random.random() < 0.5 else _draw_plan(random, language, 2)
        words = _translated([*first.words(), *second.words()])
        if first != second and (language == "en" or len(words) < _THOUGHTS - 12):
            return first, second


def _with_another_word(random: Random, plan: Plan) -> Plan:
    """The same plan with another noun, color or place."""
    thing = plan.subject
    if plan.place[0] and random.random() < 0.5:
        return replace(plan, place=random.choice(PLACES))
    if thing.qualities and random.random() < 0.7:
        color = random.choice(QUALITIES["color"])
        return replace(plan, subject=replace(thing, qualities=(*thing.qualities[:-1], color)))
    noun = random.choice(NOUNS[thing.noun.kind if thing.noun.kind in NOUNS else "animal"])
    return replace(plan, subject=replace(thing, noun=noun))


def follow_up(random: Random, language: str, tools: Tools, previous: ExampleTurn) -> ExampleTurn | None:
    """A change to the picture just drawn; None if there was none."""
    if len(previous.commands) != 1 or previous.commands[0][0] != "Text2Image" or not tools.drawing:
        return None
    before = previous.commands[0][1]
    change, old, new, description = random.choice(list(_changes(random, before)))
    phrases, at = PHRASES[language], int(language == "zh")
    text = random.choice(phrases[change]).format(o=old[at], n=new[at])
    parts = _translated([new]) if language == "zh" else new[0]
    thoughts = phrases["change_thoughts" if new[0] else "again_thoughts"].format(p=parts)
    answer = random.choice(phrases["change_answers"])
    return ExampleTurn(text, thoughts, (("Text2Image", description),), (DRAWN,), answer)


def _changes(random: Random, before: str) -> Iterable[tuple[str, Word, Word, str]]:
    """What may be changed: its name in the phrases, the old and the new word, and the description that results."""
    place, style = random.choice(PLACES), random.choice(STYLES)
    was = _found(before, PLACES)
    yield "other_place", was, place, _swapped(before, was, place) if was[0] else f"{before}, {place[0]}"
    was = _found(before, STYLES, "{} style")
    yield "other_style", was, style, _swapped(before, was, style) if was[0] else f"{before}, {style[0]} style"
    thing = Thing(random.choice(NOUNS[random.choice(("animal", "plant", "thing"))]))
    added = (thing.english, thing.chinese(f"一{thing.noun.measure}"))
    yield "added", _NONE, added, f"{before}, with {added[0]}"
    yield "again", _NONE, _NONE, before
    head = re.split(r" (?:in|on|at|by|under|with|next|to|and|named)\b|,| \w+ing\b", before)[0]
    if (was := _found(head, QUALITIES["color"]))[0]:
        color = random.choice(QUALITIES["color"])
        yield "other_color", was, color, _swapped(before, was, color)
    nouns = [(noun.en, noun.zh) for kind in _KINDS if kind != "proper" for noun in NOUNS[kind]]
    if (was := _found(head + "\n", nouns, "{}\n"))[0]:
        noun = random.choice(nouns)
        yield "other_thing", was, noun, _swapped(before, was, noun)


def _found(text: str, words: Sequence[Word], pattern: str = "{}") -> Word:
    """The longest of the words in the text."""
    hits = [word for word in words if re.search(r"\b" + pattern.format(re.escape(word[0])), text)]
    return max(hits, key=lambda word: len(word[0]), default=_NONE)


def _swapped(text: str, old: Word, new: Word) -> str:
    def swap(found: re.Match[str]) -> str:
        return _with_article(new[0]) if found[1] else new[0]

    return re.sub(rf"\b(an? )?{re.escape(old[0])}\b", swap, text, count=1)
