"""Calculations without a story: "What is 37*89?" and its relatives."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from .data import read_lines, read_tables
from .expressions import evaluate, rounded
from .templates import draw_numbers
from .wording import roughen

CALCULATIONS = read_lines("bare_calculations")
PHRASES = read_tables("bare_calculations_wording")


@dataclass(frozen=True)
class Calculation:
    """A question whose answer is the value of ``expression``; ``idea`` says how to compute it."""

    text: str
    expression: str
    answer: str
    idea: str


def draw_bare(random: Random, language: str) -> Calculation:
    """A bare calculation in figures or words."""
    phrases = PHRASES[language]
    if random.random() < 0.12:
        shown, expression = _in_words(random, phrases["numbers"], phrases["operators"])
        idea = phrases["idea_in_words"]
    else:
        row = random.choice(CALCULATIONS)
        values = draw_numbers(random, row["numbers"])
        shown, expression = row[f"shown_{language}"].format(**values), row["expression"].format(**values)
        idea = row[f"idea_{language}"]
    text = roughen(random, random.choice(phrases["asks"]).format(q=shown), language)
    answer = random.choice(phrases["answers"]).format(q=shown, r=rounded(evaluate(expression)))
    return Calculation(text, expression, answer[0].upper() + answer[1:], idea)


def _in_words(random: Random, numbers: dict[str, str], operators: dict[str, str]) -> tuple[str, str]:
    """A calculation in words, and the same in figures."""
    sign, operator = random.choice(tuple(operators.items()))
    small, large = sorted((random.choice(tuple(numbers)), random.choice(tuple(numbers))), key=int)
    return f"{numbers[large]}{operator}{numbers[small]}", f"{large}{sign}{small}"
