"""Talk that needs no plugin."""

from __future__ import annotations

from random import Random

from .data import LANGUAGES, read_lines, read_rows, read_tables
from .example import ExampleTurn, Tools, spoken
from .wording import roughen

TALKS = {language: read_lines(f"talk_{language}") for language in LANGUAGES}
PHRASES = read_tables("talk_wording")
TRANSLATIONS = read_rows("translations")


def turn(random: Random, language: str, tools: Tools) -> ExampleTurn:
    """One remark or request that is answered without a command, whatever is enabled."""
    talk = random.choice(TALKS[language])
    slots = {name: random.choice(words) for name, words in PHRASES[language]["words"].items()}
    translated = random.choice(TRANSLATIONS)
    slots |= {"p1": translated["en"], "p2": translated["zh"]}
    text = roughen(random, random.choice(talk["asks"]).format(**slots), language)
    answer = random.choice(talk["answers"]).format(**slots)
    return spoken(text, random.choice(PHRASES[language]["thoughts"]).format(k=talk["kind"]), answer)
