"""Problems told in words, in hundreds of situations: what is known, how it relates, what is called.

A situation is told in several ways and has several questions, often such as differ in one word and therefore in the
operation. Its fields stand in README.md, the numbers' specification in `templates.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from random import Random
from typing import Any

from .data import DATA, read_lines
from .expressions import evaluate, rounded, solver_output, tidy
from .templates import Slots, draw_numbers
from .wording import decorate, with_words

Calls = tuple[tuple[str, str], ...]

COME_MORE_OFTEN = {1: 4, 2: 3, 3: 2}  # than the rest: questions with so many operations, which a small model can learn


@dataclass(frozen=True)
class Problem:
    """A filled question with what is thought, called and answered; `outputs` are the results of `calls`."""

    text: str
    thoughts: str
    calls: Calls
    outputs: tuple[str, ...]
    answer: str


@dataclass(frozen=True)
class Question:
    """What is asked of a situation. `told`, if any, stands instead of the situation's; `whole` asks hold all facts.

    One of `calculate` and `solve` is given: expressions, whose values are `{r}`, `{r2}`... in the answers, or
    equations, whose solution is drawn under the letters of its unknowns.
    """

    thoughts: Sequence[str]
    answers: Sequence[str]
    asks: Sequence[str] = ()
    whole: Sequence[str] = ()
    told: Sequence[str] = ()
    numbers: str = ""
    calculate: str | Sequence[str] = ()
    solve: str = ""


@dataclass(frozen=True)
class Situation:
    """What is told; `cast` are sets of words and numbers that belong together, `words` such as stand alone."""

    kind: str
    numbers: str
    questions: Sequence[Question]
    told: Sequence[str] = ()
    cast: Sequence[Mapping[str, Any]] = ({},)
    words: Mapping[str, Sequence[str]] = field(default_factory=dict)


@cache
def topics(language: str) -> tuple[tuple[tuple[Situation, Question], ...], ...]:
    """Return every question with its situation, by topic."""
    names = sorted(path.stem for path in (DATA / "problems").glob(f"*_{language}.jsonl"))
    read = ([situation(row) for row in read_lines(f"problems/{name}")] for name in names)
    return tuple(tuple((each, question) for each in rows for question in each.questions) for rows in read)


def situation(row: Mapping[str, Any]) -> Situation:
    """Return the situation that stands in a line of the data."""
    return Situation(**{**row, "questions": tuple(Question(**question) for question in row["questions"])})


@cache
def _frequencies(language: str) -> tuple[tuple[int, ...], ...]:
    """Return how often each question comes, by topic."""
    return tuple(tuple(_frequency(question) for _, question in topic) for topic in topics(language))


def _frequency(question: Question) -> int:
    """Equations count as one operation each, and one for solving them."""
    solve, calculate = question.solve, "".join(question.calculate)
    operations = solve.count("=") + 1 if solve else max(1, len(re.findall(r"[-+*/%^]+", calculate)))
    return COME_MORE_OFTEN.get(operations, 1)


def draw(random: Random, language: str) -> Problem:
    """Return one of all problems, its numbers and words drawn anew; each topic is as frequent as the others."""
    place = random.randrange(len(topics(language)))
    (asked,) = random.choices(topics(language)[place], _frequencies(language)[place])
    return fill(random, language, *asked)


def fill(random: Random, language: str, situation: Situation, question: Question) -> Problem:
    """Return a problem of that question."""
    drawn = dict(random.choice(situation.cast))
    known = {key: value for key, value in drawn.items() if isinstance(value, (int, float))}
    numbers = draw_numbers(random, f"{situation.numbers} {question.numbers}", known)
    slots = Slots(random, language, {**drawn, **numbers}, situation.words)
    text = _asked(random, slots, situation, question, language)
    calls: Calls
    outputs: tuple[str, ...]
    if question.solve:
        equations = slots.fill(question.solve)
        solution = {letter: tidy(numbers[letter]) for letter in unknowns(equations)}
        calls, outputs = (("Solve", equations),), (solver_output(equations, solution),)
        slots.update({letter: rounded(value) for letter, value in solution.items()})
    else:
        asked = [question.calculate] if isinstance(question.calculate, str) else question.calculate
        calls = tuple(("Calculate", slots.fill(expression)) for expression in asked)
        values = [evaluate(expression) for _, expression in calls]
        outputs = tuple(map(repr, values))
        slots.update({f"r{i or ''}": rounded(value) for i, value in zip((0, 2, 3, 4), values, strict=False)})
    thoughts, answer = (slots.fill(random.choice(each)) for each in (question.thoughts, question.answers))
    return Problem(text, thoughts, calls, outputs, answer)


def unknowns(equations: str) -> list[str]:
    """Return the letters that equations are solved for."""
    return sorted(set(re.findall(r"\b[a-z]\b", equations)))


def _asked(random: Random, slots: Slots, situation: Situation, question: Question, language: str) -> str:
    told = question.told or situation.told
    ways = len(question.asks) * bool(told)
    number = random.randrange(ways + len(question.whole))
    if number >= ways:
        text = slots.fill(question.whole[number - ways])
    else:
        story = random.choice(told)
        gap = "" if ord(story[-1]) > 255 else " "
        text = slots.fill(story + gap + question.asks[number])
    return decorate(random, with_words(random, text, language), language)
