"""Questions in which something unknown fulfils conditions: the equation solver's work."""

from __future__ import annotations

import re
from random import Random

from . import equation_everyday_en, equation_everyday_zh, equation_stories_en, equation_stories_zh
from .asides import AFTER, BEFORE
from .expressions import Number, evaluate, gives_decimals, rounded, solver_number, tidy
from .plain_equations import draw_equations
from .shapes import ExampleTurn, Tools, spoken
from .story import Riddle
from .templates import Slots, draw_numbers, question
from .unknowns import Task
from .wording import decorate

RIDDLES: dict[str, tuple[Riddle, ...]] = {
    "en": equation_stories_en.RIDDLES + equation_everyday_en.RIDDLES,
    "zh": equation_stories_zh.RIDDLES + equation_everyday_zh.RIDDLES,
}
THOUGHTS = {
    "en": (
        "Something unknown has to be found from conditions. Let {unknowns}. The equation solver does the rest.",
        "This is an equation problem with unknowns. Let {unknowns}. I use the equation solver.",
        "The numbers asked for are unknown, so equations are needed: let {unknowns}, then Solve.",
        "We don't know the values, only conditions on them. Let {unknowns}; the equation solver finds them.",
        "This word problem needs an equation. Let {unknowns} and solve with the Equation solver.",
        "I have to find an unknown: let {unknowns}. That gives equations for the solver.",
    ),
    "zh": (
        "这是有未知数的问题，要列方程。设{unknowns}，用方程求解器。",
        "需要解方程：设{unknowns}，调用方程求解器。",
        "要求的是未知数，设{unknowns}，列方程求解。",
        "已知的是条件，结果未知，设{unknowns}，用Solve解方程。",
        "这是列方程应用题，设{unknowns}，用方程求解器。",
    ),
}
PLAIN_THOUGHTS = {
    "en": (
        "The user wants an equation solved for {unknowns}. The equation solver can do it.",
        "This is an equation with the unknown {unknowns}, so I use the equation solver.",
        "Equations have to be solved for {unknowns}; I call Solve.",
    ),
    "zh": (
        "这是解方程，未知数是{unknowns}，用方程求解器。",
        "要解出{unknowns}，调用方程求解器。",
        "这是方程，使用方程求解器求{unknowns}。",
    ),
}
BY_CALCULATOR = {
    "en": "An unknown is wanted and the equation solver is disabled, but the calculator can find it as {direct}.",
    "zh": "要求未知数，但方程求解器未启用，可直接算{direct}，用计算器。",
}
BY_HEAD = {
    "en": "This needs equations: let {unknowns}. The equation solver is disabled, so I answer without it.",
    "zh": "需要列方程，设{unknowns}，但方程求解器未启用，只能自己回答。",
}
NO_RESULT = {
    "en": (
        "Sorry, the equation solver found no result. The equations are {equations}.",
        "I'm sorry, solving {equations} failed this time. Please try again.",
        "Unfortunately there was no result for {equations}, so I can't give a solution.",
    ),
    "zh": (
        "抱歉，求解器没有结果，方程是{equations}。",
        "很抱歉，这次没能解出{equations}。",
        "对不起，求解失败，请稍后再试。",
    ),
}


def turn(random: Random, language: str, tools: Tools) -> ExampleTurn:
    """One question that is answered by solving equations."""
    task = draw_equations(random, language) if random.random() < 0.22 else _from_riddle(random, language)
    if tools.solver:
        return _solved(random, language, task)
    if tools.calculator and task.direct:
        thoughts = BY_CALCULATOR[language].format(direct=task.direct)
        output = repr(evaluate(task.direct))
        return ExampleTurn(task.text, thoughts, (("Calculate", task.direct),), (output,), task.answer)
    return _by_head(language, task)


def _from_riddle(random: Random, language: str) -> Task:
    riddle = random.choice(RIDDLES[language])
    slots = Slots(random, language, draw_numbers(random, riddle.numbers))
    text = decorate(
        random, question(random, slots, riddle.told, riddle.asks), language, BEFORE[language], AFTER[language]
    )
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
    wording = PLAIN_THOUGHTS if task.plain else THOUGHTS
    thoughts = random.choice(wording[language]).format(unknowns=task.unknowns)
    argument = task.equations
    if random.random() < 0.15:
        argument = re.sub(r"(\d)\*([a-z])", r"\1\2", argument)
    if random.random() < 0.05:
        answer = random.choice(NO_RESULT[language]).format(equations=argument)
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
        answer = {
            "en": f"Without the equation solver I can only give the equations: {task.equations}.",
            "zh": f"没有方程求解器，我只能列出方程：{task.equations}。",
        }[language]
    return spoken(task.text, BY_HEAD[language].format(unknowns=task.unknowns), answer)
