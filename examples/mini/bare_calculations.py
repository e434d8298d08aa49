"""Calculations without a story: "What is 37*89?" and its relatives."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from .data import read_lines, read_tables
from .expressions import Number, evaluate, rounded, tidy
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
    if random.random() < 0.25:
        expression = _chain(random)
        shown, idea = typed(random, expression), random.choice(phrases["ideas_of_chains"])
    else:
        row = random.choice(CALCULATIONS)
        values = draw_numbers(random, row["numbers"])
        expression, idea = row["expression"].format(**values), row[f"idea_{language}"]
        ways = row.get(language)
        shown = _said(random, language, random.choice(ways), values) if ways else typed(random, expression)
    text = roughen(random, random.choice(phrases["asks"]).format(q=shown), language)
    answer = random.choice(phrases["answers"]).format(q=shown, r=rounded(evaluate(expression)))
    answer = answer[0].upper() + answer[1:] if answer[0].isascii() and language == "en" else answer
    return Calculation(text, expression, answer, idea)


def _chain(random: Random) -> str:
    """Two to five numbers with signs between them, perhaps with brackets."""
    while True:
        decimals = random.random() < 0.3
        terms = [_term(random, decimals) for _ in range(random.choice((2, 3, 3, 3, 4, 4, 5)))]
        if len(terms) > 2 and random.random() < 0.6:
            first = random.randrange(len(terms) - 1)
            terms[first : first + 2] = [f"({terms[first]}{random.choice('+-')}{terms[first + 1]})"]
        expression = terms[0] + "".join(random.choice("+-*/") + term for term in terms[1:])
        try:
            if 0.001 < abs(evaluate(expression)) < 1e12:
                return expression
        except ZeroDivisionError:
            continue


def _term(random: Random, decimals: bool) -> str:
    dice = random.random()
    if dice < 0.06:
        return f"(-{random.randint(1, 60)})"
    if dice < 0.12:
        return f"{random.randint(2, 30)}^{random.choice((2, 2, 3))}"
    if decimals and dice < 0.7:
        return str(tidy(random.randint(1, 9999) / random.choice((10, 100))))
    return str(random.randint(1, 99) if dice < 0.85 else random.randint(100, 9999))


def typed(random: Random, expression: str) -> str:
    """The expression as a person would type it."""
    text = re.sub(r"factorial\((\d+)\)", r"\1!", expression)
    if random.random() < 0.5:
        text = re.sub(r"sqrt\((\d+)\)", r"√\1", text)
    if random.random() < 0.4:
        text = re.sub(r"\^([23])(?!\d)", lambda found: "²³"[int(found[1]) - 2], text)
    if random.random() < 0.1:
        text = re.sub(r"(?<![\d.])\d{4,}(?![\d.])", lambda found: f"{int(found[0]):,}", text)
    text = text.replace("*", random.choice(("*", "*", "×", "×", "x")))
    text = text.replace("^", "**") if random.random() < 0.1 else text
    text = text.replace("/", random.choice(("/", "÷")))
    return re.sub(r"(?<=[\d)²³!])([-+*×x/÷])(?!\*)(?=[\d(√s])", r" \1 ", text) if random.random() < 0.4 else text


def _said(random: Random, language: str, way: str, values: Mapping[str, Number]) -> str:
    """The calculation in words, perhaps with its numbers in words too."""
    is_wordy = re.fullmatch(r"[^*/+^√×÷!%°()=]*", way) and all(isinstance(value, int) for value in values.values())
    if is_wordy and random.random() < 0.3:
        return way.format(**{name: in_words(int(value), language) for name, value in values.items()})
    return way.format(**values)


def in_words(number: int, language: str) -> str:
    """A whole number below a hundred million in words."""
    if number < 0:
        return f"{PHRASES[language]['minus']}{in_words(-number, language)}"
    return _english(number) if language == "en" else _chinese(number)


def _english(number: int) -> str:
    names = PHRASES["en"]["numbers"]
    if number < 20:
        return str(names[number])
    if number < 100:
        tens = PHRASES["en"]["tens"][number // 10]
        return f"{tens}-{names[number % 10]}" if number % 10 else str(tens)
    size, name = next(
        (size, name) for size, name in ((10**6, "million"), (1000, "thousand"), (100, "hundred")) if number >= size
    )
    many, rest = divmod(number, size)
    joint = " and " if size == 100 or rest < 100 else " "
    return f"{_english(many)} {name}" + (joint + _english(rest) if rest else "")


def _chinese(number: int) -> str:
    if number < 10:
        return str(PHRASES["zh"]["digits"][number])
    size, name = next(
        (size, name) for size, name in ((10**4, "万"), (1000, "千"), (100, "百"), (10, "十")) if number >= size
    )
    many, rest = divmod(number, size)
    head = name if 10 <= number < 20 else _chinese(many) + name
    gap = "零" if 0 < rest < size // 10 else ""
    if size > 10 and 10 <= rest < 20:
        return f"{head}{gap}一{_chinese(rest)}"
    return head + (gap + _chinese(rest) if rest else "")
