"""Questions about the world: web searches, their hits, and answers that cite them."""

from __future__ import annotations

from random import Random

from . import facts_en, facts_more_en, facts_more_zh, facts_zh, open_facts_en, open_facts_zh, search_wording
from .asides import AFTER
from .facts import Attribute, Topic, draw_value, one_of
from .shapes import ExampleTurn, Tools, spoken
from .wording import decorate, joined

TOPICS: dict[str, tuple[Topic, ...]] = {
    "en": facts_en.TOPICS + facts_more_en.TOPICS + open_facts_en.TOPICS,
    "zh": facts_zh.TOPICS + facts_more_zh.TOPICS + open_facts_zh.TOPICS,
}


class Fact:
    """An entity, an attribute and the value that the web is said to give for it."""

    def __init__(self, random: Random, language: str, topic: Topic, entity: str, attribute: Attribute) -> None:
        self.topic = topic
        self.attribute = attribute
        self.entity = entity
        self.slots = {"e": entity, "v": draw_value(random, language, attribute.value)}

    def ask(self, random: Random) -> str:
        """A question about it."""
        return _capital(one_of(random, self.attribute.asks, **self.slots))

    def frame(self, random: Random, language: str) -> str:
        """A request that only names the subject: "I'd like to know about ...", "查一下…"."""
        query = self.query(random)
        if language == "zh":
            query = query.replace(" ", random.choice(("", "的", " ")), 1)
        return random.choice(search_wording.FRAMES[language]).format(q=query)

    def told(self, random: Random) -> str:
        """The fact as a web page tells it."""
        return _capital(one_of(random, self.attribute.facts, **self.slots))

    def answer(self, random: Random, *numbers: int) -> str:
        """The fact as the model tells it, with the hits' numbers."""
        marks = "".join(f"<sup><|{number}|></sup>" for number in numbers)
        text = _capital(one_of(random, self.attribute.answers, **self.slots))
        stop = text[-1] if text[-1] in ".。" else ""
        return f"{text.removesuffix(stop)}{marks}{stop}"

    def query(self, random: Random) -> str:
        """What to search for."""
        return one_of(random, self.attribute.query, **self.slots)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def draw_fact(random: Random, language: str) -> Fact:
    """Any fact of any topic."""
    topic = random.choice(TOPICS[language])
    return Fact(random, language, topic, topic.entity(random), random.choice(topic.attributes))


def _relevant(random: Random, language: str, fact: Fact) -> str:
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
        noise = random.choice(search_wording.NOISE[language]).format(e=fact.entity)
        return _as_web_page(random, language, fact.entity, _capital(noise))
    return _as_web_page(random, language, other.entity, _with_more(random, language, other, fact.attribute, 0.25))


def _as_web_page(random: Random, language: str, entity: str, text: str) -> str:
    before = random.choice(search_wording.BEFORE_HIT[language]) if random.random() < 0.45 else ""
    after = random.choice(search_wording.AFTER_HIT[language]) if random.random() < 0.5 else ""
    year, month, day = random.randint(2012, 2024), random.randint(1, 12), random.randint(1, 28)
    slots = {"e": entity, "y": year, "m": month, "d": day, "n": random.randint(2, 950)}
    return before.format(**slots) + text + after.format(**slots)


def _hits(random: Random, language: str, fact: Fact, count: int) -> tuple[tuple[str, ...], int]:
    """``count`` hits and the place of the one that holds the fact."""
    place = random.randrange(count)
    hits = [_distractor(random, language, fact) for _ in range(count)]
    hits[place] = _relevant(random, language, fact)
    return tuple(hits), place


def _question(random: Random, language: str, fact: Fact) -> str:
    text = fact.frame(random, language) if random.random() < 0.15 else fact.ask(random)
    if random.random() < 0.12:
        gap = " " if language == "en" else ""
        text = random.choice(search_wording.CONTEXT[language]).format(e=fact.entity) + gap + text
    return decorate(random, text, language, search_wording.BEFORE[language], AFTER[language][:3])


def turn(random: Random, language: str, tools: Tools) -> ExampleTurn:
    """One question about the world."""
    fact = draw_fact(random, language)
    return _look_up(random, language, tools, fact, _question(random, language, fact))


def _look_up(random: Random, language: str, tools: Tools, fact: Fact, text: str) -> ExampleTurn:
    query = fact.query(random)
    if not tools.search:
        return spoken(
            text,
            random.choice(search_wording.DISABLED_THOUGHTS[language]).format(q=query),
            random.choice(search_wording.DISABLED_ANSWERS[language]).format(e=fact.entity, q=query),
        )
    thoughts = random.choice(search_wording.THOUGHTS[language]).format(e=fact.entity, q=query)
    commands = (("Search", query),)
    dice = random.random()
    if dice < 0.05:
        answer = random.choice(search_wording.NO_RESULT[language]).format(e=fact.entity, q=query)
        return ExampleTurn(text, thoughts, commands, (None,), answer)
    if dice < 0.11:
        hits = tuple(_unrelated(random, language, fact) for _ in range(3))
        answer = random.choice(search_wording.NOT_FOUND[language]).format(e=fact.entity, q=query)
        return ExampleTurn(text, thoughts, commands, (hits,), answer)
    hits, place = _hits(random, language, fact, 1 if dice < 0.19 else 3)
    if dice > 0.92:
        second = random.choice([each for each in range(3) if each != place])
        hits = tuple(_relevant(random, language, fact) if each == second else hit for each, hit in enumerate(hits))
        return ExampleTurn(text, thoughts, commands, (hits,), fact.answer(random, *sorted((place + 1, second + 1))))
    return ExampleTurn(text, thoughts, commands, (hits,), fact.answer(random, place + 1))


def _unrelated(random: Random, language: str, fact: Fact) -> str:
    noise = random.choice(search_wording.NOISE[language]).format(e=fact.entity)
    return _as_web_page(random, language, fact.entity, _capital(noise))


def several(random: Random, language: str, tools: Tools) -> ExampleTurn:
    """Two entities compared, or two things about one: two searches side by side."""
    first = draw_fact(random, language)
    if random.random() < 0.6 or len(first.topic.attributes) < 2:
        entity = first.topic.entity(random, other_than=first.entity)
        second = Fact(random, language, first.topic, entity, first.attribute)
    else:
        attribute = random.choice([a for a in first.topic.attributes if a is not first.attribute])
        second = Fact(random, language, first.topic, first.entity, attribute)
    text = joined(random, language, first.ask(random), second.ask(random))
    if not tools.search:
        return _look_up(random, language, tools, first, text)
    first_hits, first_place = _hits(random, language, first, 2)
    second_hits, second_place = _hits(random, language, second, 2)
    gap = " " if language == "en" else ""
    return ExampleTurn(
        text,
        random.choice(search_wording.TWO_THOUGHTS[language]),
        (("Search", first.query(random)), ("Search", second.query(random))),
        (first_hits, second_hits),
        first.answer(random, first_place + 1) + gap + second.answer(random, second_place + 3),
    )


def dialogue(random: Random, language: str, tools: Tools, count: int) -> list[ExampleTurn]:
    """Questions one after the other about the same entity; later ones say "it"."""
    first = draw_fact(random, language)
    turns = [_look_up(random, language, tools, first, _question(random, language, first))]
    others = [attribute for attribute in first.topic.attributes if attribute is not first.attribute]
    random.shuffle(others)
    for attribute in others[: count - 1]:
        fact = Fact(random, language, first.topic, first.entity, attribute)
        asked = one_of(random, attribute.asks, e=first.entity, v="")
        pronoun = first.topic.pronoun or random.choice(search_wording.PRONOUNS[language])
        text = _capital(asked.replace(first.entity, pronoun)) if random.random() < 0.7 else _capital(asked)
        if random.random() < 0.4:
            text = random.choice(search_wording.AND_THEN[language]) + text
        turns.append(_look_up(random, language, tools, fact, text))
    return turns
