"""Equations and systems that the user writes out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from random import Random

from .data import read_lines, read_tables
from .expressions import Number, rounded, tidy
from .templates import draw_numbers
from .wording import roughen

KINDS = {"one_unknown": 35, "quadratic": 25, "two_unknowns": 28, "three_unknowns": 12}  # of 100
LETTERS = {"one_unknown": "x", "quadratic": "x", "two_unknowns": "xy", "three_unknowns": "xyz"}
RENAMED = ("xyz", "xyz", "xyz", "abc", "mnp", "uvw")
RENAMED_QUADRATIC = ("xyz", "tuv", "nop")
EQUATIONS = read_lines("written_equations")
PHRASES = read_tables("written_equations_wording")


@dataclass(frozen=True)
class Task:
    """A question with unknowns, ready to be asked.

    `roots` are the solutions by unknown; `plain` marks equations that the user wrote out; `direct` is one expression
    that finds the same without an equation solver, where there is one.
    """

    text: str
    unknowns: str
    equations: str
    roots: tuple[tuple[str, tuple[Number, ...]], ...]
    answer: str
    direct: str = ""
    plain: bool = False


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
    return _task(random, language, equations.translate(table), named)


def _roots(values: dict[str, Number], letter: str, quadratic: bool) -> tuple[Number, ...]:
    return tuple(sorted({values["x"], values["w"]})) if quadratic else (tidy(values[letter]),)


def _task(random: Random, language: str, equations: str, named: tuple[tuple[str, tuple[Number, ...]], ...]) -> Task:
    phrases = PHRASES[language]
    unknowns = phrases["and"].join(letter for letter, _ in named)
    asks = phrases["asks"] if len(named) == 1 else phrases["system_asks"]
    text = random.choice(asks).format(q=_shown(random, language, equations), u=unknowns)
    result = ", ".join(
        phrases["or"].join(f"{letter} = {rounded(value)}" for value in values) for letter, values in named
    )
    answer = random.choice(phrases["answers"]).format(r=result)
    return Task(roughen(random, text, language), unknowns, equations, named, answer, plain=True)


def _shown(random: Random, language: str, equations: str) -> str:
    """The equations as a person would type them."""
    text = re.sub(r"(\d)\*([a-z(])", r"\1\2", equations)
    if random.random() < 0.3:
        text = text.replace("^2", "²")
    if random.random() < 0.4:
        text = re.sub(r"(?<=[\w)²])([-+=])", r" \1 ", text)
    return text.replace(";", random.choice(PHRASES[language]["separators"]))
