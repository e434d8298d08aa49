"""Questions in which something unknown fulfils conditions: the equation solver's work."""

from __future__ import annotations

import re
from dataclasses import dataclass
from random import Random

from .data import LANGUAGES, read_lines, read_tables
from .example import ExampleTurn, Tools, spoken
from .expressions import Number, evaluate, gives_decimals, rounded, solver_number, tidy
from .templates import Slots, ask, draw_numbers
from .wording import decorate
from .written_equations import Task, draw_equations


@dataclass(frozen=True)
class Riddle:
    """A problem with unknowns `x`, `y`, `z`: the solution is drawn first, its conditions follow.

    `told` and `asks` go together, each of `asks_alone` holds the whole problem. `direct` is one expression that finds
    the same without an equation solver, where there is one.
    """

    numbers: str
    unknowns: str
    equations: str
    answer: str
    direct: str = ""
    told: tuple[str, ...] = ()
    asks: tuple[str, ...] = ()
    asks_alone: tuple[str, ...] = ()


RIDDLES = {language: [Riddle(**row) for row in read_lines(f"equations_{language}")] for language in LANGUAGES}
PHRASES = read_tables("equations_wording")


def turn(random: Random, language: str, tools: Tools) -> ExampleTurn:
    """One question that is answered by solving equations."""
    task = draw_equations(random, language) if random.random() < 0.22 else _from_riddle(random, language)
    if tools.solver:
        return _solved(random, language, task)
    if tools.calculator and task.direct:
        thoughts = PHRASES[language]["by_calculator"].format(direct=task.direct)
        output = repr(evaluate(task.direct))
        return ExampleTurn(task.text, thoughts, (("Calculate", task.direct),), (output,), task.answer)
    return _by_head(language, task)


def _from_riddle(random: Random, language: str) -> Task:
    riddle = random.choice(RIDDLES[language])
    slots = Slots(random, language, draw_numbers(random, riddle.numbers))
    text = decorate(random, ask(random, slots, riddle.told, riddle.asks, riddle.asks_alone), language)
    equations = slots.fill(riddle.equations)
    letters = sorted(set(re.findall(r"[a-z]", equations)))
    solution = {letter: tidy(slots[letter]) for letter in letters}
    unknowns, direct = slots.fill(riddle.unknowns), slots.fill(riddle.direct)
    slots.update({letter: rounded(value) for letter, value in solution.items()})
    return Task(text, unknowns, equations, roots(equations, solution), slots.fill(riddle.answer), direct)


def roots(equations: str, solution: dict[str, Number]) -> tuple[tuple[str, tuple[Number, ...]], ...]:
    """All solutions by unknown: a quadratic in one unknown has its other root added."""
    if len(solution) > 1:
        return tuple((letter, (value,)) for letter, value in solution.items())
    ((letter, value),) = solution.items()
    left, right = equations.split("=")
    at = [evaluate(left, {letter: x}) - evaluate(right, {letter: x}) for x in (0, 1, 2)]
    square = (at[2] - 2 * at[1] + at[0]) / 2
    if abs(square) < 1e-9:
        return ((letter, (value,)),)
    other = tidy(-(at[1] - at[0] - square) / square - value)
    return ((letter, tuple(sorted({value, other}))),)


def _solved(random: Random, language: str, task: Task) -> ExampleTurn:
    wording = PHRASES[language]["plain_thoughts" if task.plain else "thoughts"]
    thoughts = random.choice(wording).format(unknowns=task.unknowns)
    argument = task.equations
    if random.random() < 0.15:
        argument = re.sub(r"(\d)\*([a-z])", r"\1\2", argument)
    if random.random() < 0.05:
        answer = random.choice(PHRASES[language]["no_result"]).format(equations=argument)
        return ExampleTurn(task.text, thoughts, (("Solve", argument),), (None,), answer)
    return ExampleTurn(task.text, thoughts, (("Solve", argument),), (_printed(task),), task.answer)


def _printed(task: Task) -> str:
    decimal = gives_decimals(task.equations)
    lines = []
    for letter, values in task.roots:
        shown = [solver_number(value, decimal) for value in values]
        names = [letter] if len(shown) == 1 else [f"{letter}_{i}" for i in range(len(shown))]
        lines += [f"{name} = {value}" for name, value in zip(names, shown, strict=True)]
    return "\n".join(lines)


def _by_head(language: str, task: Task) -> ExampleTurn:
    answer = task.answer
    if any(abs(value) > 100 or value != int(value) for _, values in task.roots for value in values):
        answer = PHRASES[language]["only_the_equations"].format(equations=task.equations)
    return spoken(task.text, PHRASES[language]["by_head"].format(unknowns=task.unknowns), answer)
