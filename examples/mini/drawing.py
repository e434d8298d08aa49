"""Requests for pictures; the description is always English and holds exactly the parts that were asked for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from random import Random

from moss_agent.protocol import DRAWN

from .example import ExampleTurn, Tools, spoken
from .scene_wording import Scene, draw_scene, scene_of
from .scenes import (
    DETAILS,
    KINDS,
    NO_WORD,
    NOUNS,
    PHRASES,
    PLACES,
    QUALITIES,
    STYLES,
    THOUGHTS_LENGTH,
    Plan,
    Thing,
    Word,
    draw_plan,
    translated,
    with_article,
)
from .wording import decorate


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
    return text if language == "en" or len(text) <= THOUGHTS_LENGTH else f"{parts}。"


def several(random: Random, language: str, tools: Tools) -> ExampleTurn:
    """Two pictures at once, often such that differ in one word."""
    if not tools.drawing:
        return turn(random, language, tools)
    first, second = (scene_of(random, language, plan) for plan in _two_plans(random, language))
    said = random.choice(PHRASES[language]["two"])
    text = said["ask"].format(a=first.said, b=second.said)
    commands = (("Text2Image", first.description), ("Text2Image", second.description))
    return ExampleTurn(
        text, said["thoughts"].format(a=first.parts, b=second.parts), commands, (DRAWN, DRAWN), said["answer"]
    )


def _two_plans(random: Random, language: str) -> tuple[Plan, Plan]:
    while True:
        first = draw_plan(random, language, 2)
        second = _with_another_word(random, first) if random.random() < 0.5 else draw_plan(random, language, 2)
        words = translated([*first.words(), *second.words()])
        if first != second and (language == "en" or len(words) < THOUGHTS_LENGTH - 12):
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
    parts = translated([new]) if language == "zh" else new[0]
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
    yield "added", NO_WORD, added, f"{before}, with {added[0]}"
    yield "again", NO_WORD, NO_WORD, before
    head = re.split(r" (?:in|on|at|by|under|with|next|to|and|named)\b|,| \w+ing\b", before)[0]
    if (was := _found(head, QUALITIES["color"]))[0]:
        color = random.choice(QUALITIES["color"])
        yield "other_color", was, color, _swapped(before, was, color)
    nouns = [(noun.en, noun.zh) for kind in KINDS if kind != "proper" for noun in NOUNS[kind]]
    if (was := _found(head + "\n", nouns, "{}\n"))[0]:
        noun = random.choice(nouns)
        yield "other_thing", was, noun, _swapped(before, was, noun)


def _found(text: str, words: Sequence[Word], pattern: str = "{}") -> Word:
    """The longest of the words in the text."""
    hits = [word for word in words if re.search(r"\b" + pattern.format(re.escape(word[0])), text)]
    return max(hits, key=lambda word: len(word[0]), default=NO_WORD)


def _swapped(text: str, old: Word, new: Word) -> str:
    def swap(found: re.Match[str]) -> str:
        return with_article(new[0]) if found[1] else new[0]

    return re.sub(rf"\b(an? )?{re.escape(old[0])}\b", swap, text, count=1)
