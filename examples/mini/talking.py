"""Talk that needs no plugin."""

from __future__ import annotations

import re
from random import Random

from .data import LANGUAGES, read_lines, read_rows, read_tables
from .example import ExampleTurn, Tools, spoken
from .wording import decorate

TALKS = {language: read_lines(f"talk_{language}") for language in LANGUAGES}
PHRASES = read_tables("talk_wording")
TRANSLATIONS = read_rows("translations")
INVENTED = {"adj", "p1", "p2"}  # slots of answers that questions need not have


def turn(random: Random, language: str, tools: Tools) -> ExampleTurn:
    """One remark or request that is answered without a command, whatever is enabled."""
    talk = random.choice(TALKS[language])
    slots = {name: random.choice(words) for name, words in PHRASES[language]["words"].items()}
    translated = random.choice(TRANSLATIONS)
    slots |= {"p1": translated["en"], "p2": translated["zh"]}
    ask = random.choice(talk["asks"])
    fitting = [answer for answer in talk["answers"] if _words(answer) <= _words(ask) | INVENTED]
    text = decorate(random, ask.format(**slots), language, PHRASES[language]["before"], ())
    answer = random.choice(fitting or talk["answers"]).format(**slots)
    return spoken(text, random.choice(PHRASES[language]["thoughts"]).format(k=talk["kind"]), answer)


def _words(text: str) -> set[str]:
    return set(re.findall(r"{(\w+)}", text))
