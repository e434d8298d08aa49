"""Equations and systems that the user writes out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from random import Random

from .data import read_lines, read_tables
from .expressions import Number, printed, rounded, tidy
from .templates import draw_numbers
from .wording import roughen

Named = tuple[tuple[str, tuple[Number, ...]], ...]
KINDS = {"one_unknown": 35, "quadratic": 25, "two_unknowns": 28, "three_unknowns": 12}  # of 100
LETTERS = {"one_unknown": "x", "quadratic": "x", "two_unknowns": "xy", "three_unknowns": "xyz"}
RENAMED = ("xyz", "xyz", "xyz", "abc", "mnp", "uvw")
RENAMED_QUADRATIC = ("xyz", "tuv", "nop")
EQUATIONS = read_lines("written_equations")
PHRASES = read_tables("written_equations_wording")


@dataclass(frozen=True)
class Task:
    """Equations with the question they are asked by; `printed` is what the equation solver gives."""

    text: str
    unknowns: str
    equations: str
    printed: str
    answer: str


def draw_equations(random: Random, language: str) -> Task:
    """An equation or a system to be solved as it stands."""
    (kind,) = random.choices(tuple(KINDS), tuple(KINDS.values()))
    row = random.choice([row for row in EQUATIONS if row["kind"] == kind])
    values = draw_numbers(random, row["numbers"])
    equations = re.sub(r"\+-", "-", row["equations"].format(**values))
    found = [(letter, _roots(values, letter, kind == "quadratic")) for letter in LETTERS[kind]]
    renamed = random.choice(RENAMED_QUADRATIC if kind == "quadratic" else RENAMED)
    table = str.maketrans("xyz", renamed)
    named = tuple((letter.translate(table), values) for letter, values in found)
    equations = equations.translate(table)
    if language not in row:
        return _task(random, language, equations, _asked(random, language, equations, named), named)
    letters = dict(zip("XYZ", renamed, strict=True))
    told = random.choice(row[language]).format(**values, **letters)
    text = random.choice(PHRASES[language]["asks_in_words"]).format(q=told, u=_unknowns(language, named))
    if language == "en" and text[:2].isalpha():
        text = text[0].upper() + text[1:]
    return _task(random, language, equations, text, named)


def _roots(values: dict[str, Number], letter: str, quadratic: bool) -> tuple[Number, ...]:
    return tuple(sorted({values["x"], values["w"]})) if quadratic else (tidy(values[letter]),)


def _unknowns(language: str, named: Named) -> str:
    return str(PHRASES[language]["and"]).join(letter for letter, _ in named)


def _asked(random: Random, language: str, equations: str, named: Named) -> str:
    asks = PHRASES[language]["asks" if len(named) == 1 else "system_asks"]
    ask: str = random.choice(asks)
    return ask.format(q=_shown(random, language, equations), u=_unknowns(language, named))


def _task(random: Random, language: str, equations: str, text: str, named: Named) -> Task:
    phrases = PHRASES[language]
    result = ", ".join(
        phrases["or"].join(f"{letter} = {rounded(value)}" for value in values) for letter, values in named
    )
    answer = random.choice(phrases["answers"]).format(r=result)
    return Task(
        roughen(random, text, language), _unknowns(language, named), equations, printed(equations, named), answer
    )


def _shown(random: Random, language: str, equations: str) -> str:
    """The equations as a person would type them."""
    text = re.sub(r"([\da-z)])\*([a-z(])", r"\1\2", equations) if random.random() < 0.9 else equations
    if random.random() < 0.15:
        text = text.replace("*", "×").replace("/", "÷")
    if random.random() < 0.3:
        text = text.replace("^2", "²")
    if random.random() < 0.4:
        text = re.sub(r"(?<=[\w)²])([-+=×÷])", r" \1 ", text)
    return text.replace(";", random.choice(PHRASES[language]["separators"]))
