"""Hits of web searches: some hold the fact that was asked for, others distract from it."""

from __future__ import annotations

from random import Random

from .facts import PHRASES, Attribute, Fact, capital


def relevant(random: Random, language: str, fact: Fact) -> str:
    """A hit that holds the fact."""
    return _as_web_page(random, language, fact.entity, _with_more(random, language, fact, fact.attribute, 0.35))


def _with_more(random: Random, language: str, told: Fact, asked: Attribute, chance: float) -> str:
    """What ``told`` says, perhaps together with something else about its entity that was not asked for."""
    text = told.told(random)
    others = [each for each in told.topic.attributes if each is not asked and each is not told.attribute]
    if not others or random.random() > chance:
        return text
    more = Fact(random, language, told.topic, told.entity, random.choice(others)).told(random)
    parts = [text, more] if random.random() < 0.5 else [more, text]
    return (" " if language == "en" else "").join(parts)


def _distractor(random: Random, language: str, fact: Fact) -> str:
    """A hit that does not answer the question: another attribute, another entity, or noise."""
    dice = random.random()
    others = [attribute for attribute in fact.topic.attributes if attribute is not fact.attribute]
    if dice < 0.45 and others:
        other = Fact(random, language, fact.topic, fact.entity, random.choice(others))
    elif dice < 0.75:
        entity = fact.topic.entity(random, other_than=fact.entity)
        other = Fact(random, language, fact.topic, entity, fact.attribute)
    else:
        return unrelated(random, language, fact)
    return _as_web_page(random, language, other.entity, _with_more(random, language, other, fact.attribute, 0.25))


def _as_web_page(random: Random, language: str, entity: str, text: str) -> str:
    before = random.choice(PHRASES[language]["before_hit"]) if random.random() < 0.45 else ""
    after = random.choice(PHRASES[language]["after_hit"]) if random.random() < 0.5 else ""
    year, month, day = random.randint(2012, 2024), random.randint(1, 12), random.randint(1, 28)
    slots = {"e": entity, "y": year, "m": month, "d": day, "n": random.randint(2, 950)}
    return before.format(**slots) + text + after.format(**slots)


def draw_hits(random: Random, language: str, fact: Fact, count: int) -> tuple[tuple[str, ...], int]:
    """``count`` hits and the place of the one that holds the fact."""
    place = random.randrange(count)
    hits = [_distractor(random, language, fact) for _ in range(count)]
    hits[place] = relevant(random, language, fact)
    return tuple(hits), place


def unrelated(random: Random, language: str, fact: Fact) -> str:
    """A hit that tells nothing."""
    noise = random.choice(PHRASES[language]["noise"]).format(e=fact.entity)
    return _as_web_page(random, language, fact.entity, capital(noise))
