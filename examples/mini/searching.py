"""Questions about the world: web searches, their hits, and answers that cite them."""

from __future__ import annotations

from random import Random

from .example import ExampleTurn, Tools, spoken
from .facts import PHRASES, Fact, capital, draw_fact
from .hits import contradicting_hits, draw_hits, relevant, unrelated
from .wording import decorate, joined


def _question(random: Random, language: str, fact: Fact) -> str:
    text = fact.frame(random, language) if random.random() < 0.15 else fact.ask(random)
    if random.random() < 0.12:
        gap = " " if language == "en" else ""
        text = random.choice(PHRASES[language]["context"]).format(e=fact.entity) + gap + text
    return decorate(random, text, language, PHRASES[language]["before"], PHRASES[language]["after"])


def turn(random: Random, language: str, tools: Tools) -> ExampleTurn:
    """One question about the world, at times a vague one."""
    fact = draw_fact(random, language)
    if random.random() < 0.1 and len(fact.topic.attributes) > 1:
        return _overview(random, language, tools, fact)
    return _look_up(random, language, tools, fact, _question(random, language, fact))


def _look_up(random: Random, language: str, tools: Tools, fact: Fact, text: str) -> ExampleTurn:
    query = fact.query(random)
    if not tools.search:
        return _without_search(random, language, fact, text, query)
    thoughts = random.choice(PHRASES[language]["thoughts"]).format(e=fact.entity, q=query)
    commands = (("Search", query),)
    dice = random.random()
    if dice < 0.05:
        answer = random.choice(PHRASES[language]["no_result"]).format(e=fact.entity, q=query)
        return ExampleTurn(text, thoughts, commands, (None,), answer)
    if dice < 0.11:
        hits = tuple(unrelated(random, language, fact) for _ in range(3))
        answer = random.choice(PHRASES[language]["not_found"]).format(e=fact.entity, q=query)
        return ExampleTurn(text, thoughts, commands, (hits,), answer)
    if dice < 0.25:
        hits, place = contradicting_hits(random, language, fact)
    else:
        hits, place = draw_hits(random, language, fact, 1 if dice < 0.31 else 3)
    if dice > 0.92:
        second = random.choice([each for each in range(3) if each != place])
        hits = tuple(relevant(random, language, fact) if each == second else hit for each, hit in enumerate(hits))
        return ExampleTurn(text, thoughts, commands, (hits,), fact.answer(random, *sorted((place + 1, second + 1))))
    return ExampleTurn(text, thoughts, commands, (hits,), fact.answer(random, place + 1))


def _without_search(random: Random, language: str, fact: Fact, text: str, query: str) -> ExampleTurn:
    return spoken(
        text,
        random.choice(PHRASES[language]["disabled_thoughts"]).format(q=query),
        random.choice(PHRASES[language]["disabled_answers"]).format(e=fact.entity, q=query),
    )


def _overview(random: Random, language: str, tools: Tools, first: Fact) -> ExampleTurn:
    """A question that names little more than the entity; the answer tells what two of the hits say about it."""
    asked = random.choice(PHRASES[language]["vague"])
    text = decorate(random, capital(asked["ask"].format(e=first.entity)), language, PHRASES[language]["before"], ())
    query = asked["query"].format(e=first.entity)
    if not tools.search:
        return _without_search(random, language, first, text, query)
    attribute = random.choice([each for each in first.topic.attributes if each is not first.attribute])
    second = Fact(random, language, first.topic, first.entity, attribute)
    hits = [relevant(random, language, first), relevant(random, language, second)]
    place = random.randrange(3)
    hits.insert(place, unrelated(random, language, first))
    numbers = [each + 1 for each in range(3) if each != place]
    answers = [fact.answer(random, number) for fact, number in zip((first, second), numbers, strict=True)]
    thoughts = random.choice(PHRASES[language]["vague_thoughts"]).format(e=first.entity, q=query)
    answer = (" " if language == "en" else "").join(answers)
    return ExampleTurn(text, thoughts, (("Search", query),), (tuple(hits),), answer)


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
    first_hits, first_place = draw_hits(random, language, first, 2)
    second_hits, second_place = draw_hits(random, language, second, 2)
    gap = " " if language == "en" else ""
    return ExampleTurn(
        text,
        random.choice(PHRASES[language]["two_thoughts"]),
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
        asked = random.choice(attribute.asks).format(e=first.entity, v="")
        pronoun = first.topic.pronoun or random.choice(PHRASES[language]["pronouns"])
        text = capital(asked.replace(first.entity, pronoun)) if random.random() < 0.7 else capital(asked)
        if random.random() < 0.4:
            text = random.choice(PHRASES[language]["and_then"]) + text
        turns.append(_look_up(random, language, tools, fact, text))
    return turns
