"""Problems as turns: with the plugin that fits, another or none; several at once, one after another."""

from __future__ import annotations

from random import Random

from . import problems
from .bare_calculations import Calculation, draw_bare
from .data import read_tables
from .example import ExampleTurn, Tools, spoken
from .expressions import evaluate, evaluate_exactly, gives_decimals, rounded, solver_number
from .problems import Problem
from .wording import joined
from .written_equations import draw_equations

PHRASES = read_tables("solving_wording")
FOLLOW_UPS = read_tables("follow_ups")


def turn(random: Random, language: str, tools: Tools) -> ExampleTurn:
    """One question that is answered by computing or by solving equations."""
    dice = random.random()
    if dice < 0.78:
        return ask(random, language, tools, problems.draw(random, language))
    if dice < 0.90:
        return ask(random, language, tools, _bare(language, draw_bare(random, language)))
    return ask(random, language, tools, _written(random, language))


def _bare(language: str, task: Calculation) -> Problem:
    idea = task.idea[0].upper() + task.idea[1:]
    thoughts = PHRASES[language]["bare"].format(idea=idea, calls=task.expression)
    output = repr(evaluate(task.expression))
    return Problem(task.text, thoughts, (("Calculate", task.expression),), (output,), task.answer)


def _written(random: Random, language: str) -> Problem:
    task = draw_equations(random, language)
    thoughts = random.choice(PHRASES[language]["plain"]).format(calls=task.equations, unknowns=task.unknowns)
    return Problem(task.text, thoughts, (("Solve", task.equations),), (task.printed,), task.answer)


def ask(random: Random, language: str, tools: Tools, problem: Problem) -> ExampleTurn:
    """Ask the problem: with the plugin that fits, else another, else none."""
    needed = problem.calls[0][0]
    if tools.calculator if needed == "Calculate" else tools.solver:
        return _called(random, language, problem)
    if needed == "Calculate" and tools.solver and len(problem.calls) == 1 and _is_rational(problem.calls[0][1]):
        return _solved(language, problem)
    phrases = PHRASES[language]
    gap = " " if language == "en" else ""
    answer = random.choice(phrases["set_up"][needed]).format(calls=_written_out(problem))
    return spoken(problem.text, problem.thoughts + gap + phrases["off"][needed], answer)


def _called(random: Random, language: str, problem: Problem) -> ExampleTurn:
    outputs: tuple[str | None, ...] = problem.outputs
    answer = problem.answer
    if random.random() < 0.03:
        outputs = tuple(None for _ in outputs)
        answer = random.choice(PHRASES[language]["no_result"]).format(calls=_written_out(problem))
    return ExampleTurn(problem.text, problem.thoughts, problem.calls, outputs, answer)


def _written_out(problem: Problem) -> str:
    return ", ".join(argument for _, argument in problem.calls)


def _is_rational(expression: str) -> bool:
    """Whether an equation solver gives a plain number for it: no functions, no roots, no long fractions."""
    if "^(" in expression or any(letter.isalpha() for letter in expression):
        return False
    return evaluate_exactly(expression).denominator < 10000


def _solved(language: str, problem: Problem) -> ExampleTurn:
    """What the calculator would do, as an equation."""
    ((_, expression),) = problem.calls
    value = solver_number(evaluate_exactly(expression), decimal=gives_decimals(expression))
    gap = " " if language == "en" else ""
    thoughts = problem.thoughts + gap + PHRASES[language]["by_solver"].format(calls=expression)
    return ExampleTurn(problem.text, thoughts, (("Solve", f"x={expression}"),), (f"x = {value}",), problem.answer)


def several(random: Random, language: str, tools: Tools) -> ExampleTurn:
    """Two or three independent problems in one message."""
    if not tools.calculator:
        return turn(random, language, tools)
    asked: list[Problem] = []
    while len(asked) < 2 or (len(asked) == 2 and random.random() < 0.25):
        one = _bare(language, draw_bare(random, language))
        other = problems.draw(random, language)
        asked.append(other if random.random() < 0.3 and other.calls[0][0] == "Calculate" else one)
    calls = tuple(call for problem in asked for call in problem.calls)
    thoughts = random.choice(PHRASES[language]["several"])
    return ExampleTurn(
        joined(random, language, *(problem.text for problem in asked)),
        thoughts.format(n=len(asked), calls=", ".join(argument for _, argument in calls)),
        calls,
        tuple(output for problem in asked for output in problem.outputs),
        (" " if language == "en" else "").join(problem.answer for problem in asked),
    )


def follow_up(random: Random, language: str, tools: Tools, previous: ExampleTurn) -> ExampleTurn | None:
    """A question about the previous turn's result; None if there was no single number."""
    if len(previous.commands) != 1 or previous.commands[0][0] != "Calculate" or previous.outputs[0] is None:
        return None
    before = rounded(evaluate(str(previous.outputs[0])))
    if "e" in before or len(before) > 14:
        return None
    following = random.choice(FOLLOW_UPS[language]["follow_ups"])
    number = random.randrange(2, 60)
    expression = following["expression"].format(p=f"({before})" if before.startswith("-") else before, n=number)
    answer = FOLLOW_UPS[language]["answer"].format(r=rounded(evaluate(expression)))
    text, idea = (following[part].format(n=number) for part in ("ask", "idea"))
    return ask(random, language, tools, _bare(language, Calculation(text, expression, answer, idea)))
