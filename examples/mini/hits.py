"""Hits of web searches: some hold the fact that was asked for, others distract from it or contradict it."""

from __future__ import annotations

from random import Random

from .facts import PHRASES, Attribute, Fact, capital

_LONGEST = {"en": 390, "zh": 190}  # characters; the runtime cuts at 400
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


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
    return _gap(language).join(parts)


def _gap(language: str) -> str:
    return " " if language == "en" else ""


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
    """``text`` as a search engine shows it: with a site's name, a date, sentences around it, cut anywhere else."""
    before = random.choice(PHRASES[language]["before_hit"]) if random.random() < 0.55 else ""
    after = random.choice(PHRASES[language]["after_hit"]) if random.random() < 0.5 else ""
    year, month, day = random.randint(2012, 2026), random.randint(1, 12), random.randint(1, 28)
    slots = {"e": entity, "y": year, "m": month, "M": _MONTHS[month - 1], "d": day, "n": random.randint(2, 950)}
    return before.format(**slots) + _among_others(random, language, entity, text) + after.format(**slots)


def _among_others(random: Random, language: str, entity: str, text: str) -> str:
    """``text`` among sentences that tell nothing; the first may lack its beginning, the last its end."""
    gap, fillers = _gap(language), random.sample(PHRASES[language]["filler"], 5)
    before = [capital(each.format(e=entity)) for each in fillers[: random.choice((0, 0, 0, 1, 1, 2))]]
    after = [capital(each.format(e=entity)) for each in fillers[2 : random.choice((2, 2, 2, 3, 3, 4, 5))]]
    if before and random.random() < 0.3:
        before[0] = "..." + gap + _half(before[0], gap, 1)
    if after and random.random() < 0.4:
        after[-1] = _half(after[-1], gap, 0) + gap + "..."
    while len(gap.join([*before, text, *after])) > _LONGEST[language] - 80 and (before or after):
        (after or before).pop()
    return gap.join([*before, text, *after])


def _half(text: str, gap: str, half: int) -> str:
    """The first or second half of the words or characters."""
    words = text.split(gap) if gap else list(text)
    middle = len(words) // 2
    return gap.join(words[middle:] if half else words[:middle])


def draw_hits(random: Random, language: str, fact: Fact, count: int) -> tuple[tuple[str, ...], int]:
    """``count`` hits and the place of the one that holds the fact."""
    place = random.randrange(count)
    hits = [_distractor(random, language, fact) for _ in range(count)]
    hits[place] = relevant(random, language, fact)
    return tuple(hits), place


def contradicting_hits(random: Random, language: str, fact: Fact) -> tuple[tuple[str, ...], int]:
    """Three hits: the fact, said to be recent; another value, said to be old or doubtful; any. The fact's place."""
    doubted = fact
    while doubted.slots["v"] == fact.slots["v"]:
        doubted = Fact(random, language, fact.topic, fact.entity, fact.attribute)
    places = random.sample(range(3), 2)
    hits = [_distractor(random, language, fact) for _ in range(3)]
    for place, each, trust in zip(places, (fact, doubted), ("recent", "outdated"), strict=True):
        told = random.choice(PHRASES[language][trust])
        years = {"o": random.randint(2003, 2013), "y": random.randint(2022, 2026)}
        text = told.format(e=fact.entity, t=each.told(random), n=random.randint(1, 12), **years)
        hits[place] = _among_others(random, language, fact.entity, text)
    return tuple(hits), places[0]


def unrelated(random: Random, language: str, fact: Fact) -> str:
    """A hit that tells nothing."""
    noise = random.choice(PHRASES[language]["noise"]).format(e=fact.entity)
    return _as_web_page(random, language, fact.entity, capital(noise))
