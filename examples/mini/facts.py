"""Facts to be searched for: topics, their entities, what can be asked about them, and values drawn for it."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

from .data import LANGUAGES, read_tables
from .templates import WORDS


@dataclass(frozen=True)
class Attribute:
    """One thing to ask about an entity `{e}`; `{v}` is the value to be read from a hit.

    The value is a `number` in a range ("1850..1990"), `one_of` some texts, `two_of` or `three_of` them, or a
    `person`.
    """

    asks: list[str]
    query: list[str]
    facts: list[str]
    answers: list[str]
    number: str = ""
    one_of: tuple[str, ...] = ()
    two_of: tuple[str, ...] = ()
    three_of: tuple[str, ...] = ()
    person: bool = False


@dataclass(frozen=True)
class Topic:
    """Entities of one sort and their attributes; `pronoun` stands for an entity later on."""

    entities: list[str]
    attributes: list[Attribute]
    pronoun: str = ""

    def entity(self, random: Random, other_than: str = "") -> str:
        """One of the entities."""
        return random.choice([name for name in self.entities if name != other_than])


def _topic(table: dict[str, Any]) -> Topic:
    attributes = [Attribute(**each) for each in table["attribute"]]
    return Topic(table["entities"], attributes, table.get("pronoun", ""))


TOPICS = {language: [_topic(table) for table in read_tables(f"facts_{language}")["topic"]] for language in LANGUAGES}
PHRASES = read_tables("search_wording")


class Fact:
    """An entity, an attribute and the value that the web is said to give for it."""

    def __init__(self, random: Random, language: str, topic: Topic, entity: str, attribute: Attribute) -> None:
        self.topic = topic
        self.attribute = attribute
        self.entity = entity
        self.slots = {"e": entity, "v": draw_value(random, language, attribute)}

    def ask(self, random: Random) -> str:
        """A question about it."""
        return capital(random.choice(self.attribute.asks).format(**self.slots))

    def frame(self, random: Random, language: str) -> str:
        """A request that only names the subject: "I'd like to know about ...", "查一下…"."""
        query = self.query(random)
        if language == "zh":
            query = query.replace(" ", random.choice(("", "的", " ")), 1)
        return random.choice(PHRASES[language]["frames"]).format(q=query)

    def told(self, random: Random) -> str:
        """The fact as a web page tells it."""
        return capital(random.choice(self.attribute.facts).format(**self.slots))

    def answer(self, random: Random, *numbers: int) -> str:
        """The fact as the model tells it, with the hits' numbers."""
        marks = "".join(f"<sup><|{number}|></sup>" for number in numbers)
        text = capital(random.choice(self.attribute.answers).format(**self.slots))
        stop = text[-1] if text[-1] in ".。" else ""
        return f"{text.removesuffix(stop)}{marks}{stop}"

    def query(self, random: Random) -> str:
        """What to search for."""
        return random.choice(self.attribute.query).format(**self.slots)


def capital(text: str) -> str:
    """`text` with its first letter as a capital."""
    return text[:1].upper() + text[1:]


def draw_fact(random: Random, language: str) -> Fact:
    """Any fact of any topic."""
    topic = random.choice(TOPICS[language])
    return Fact(random, language, topic, topic.entity(random), random.choice(topic.attributes))


def draw_value(random: Random, language: str, attribute: Attribute) -> str:
    """A value of the attribute."""
    if attribute.person:
        return _person(random, language)
    if attribute.two_of:
        first, second = random.sample(attribute.two_of, 2)
        return first + (" and " if language == "en" else "和") + second
    if attribute.three_of:
        first, second, third = random.sample(attribute.three_of, 3)
        return f"{first}, {second} and {third}" if language == "en" else f"{first}、{second}和{third}"
    if attribute.one_of:
        return random.choice(attribute.one_of)
    low, _, high = attribute.number.partition("..")
    if "." in low or "." in high:
        return f"{random.uniform(float(low), float(high)):.1f}"
    value = random.randint(int(low), int(high))
    return f"{value:,}" if value >= 10000 and language == "en" else str(value)


def _person(random: Random, language: str) -> str:
    words = WORDS[language]
    if language == "en":
        return f"{random.choice(words['name'])} {random.choice(words['surname'])}"
    return random.choice(words["surname"]) + random.choice(words["given_name"])
