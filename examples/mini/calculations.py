"""Questions in which every number is known: the calculator's work."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from .bare_calculations import Calculation, draw_bare
from .data import LANGUAGES, read_lines, read_tables
from .example import ExampleTurn, Tools, spoken
from .expressions import evaluate, evaluate_exactly, gives_decimals, rounded, solver_number
from .templates import Slots, ask, draw_numbers
from .wording import decorate, joined


@dataclass(frozen=True)
class Story:
    """A problem with all numbers known; `{r}` in `answer` is the rounded result.

    `told` and `asks` go together, each of `asks_alone` holds the whole problem.
    """

    numbers: str
    expression: str
    answer: str
    idea: str
    told: tuple[str, ...] = ()
    asks: tuple[str, ...] = ()
    asks_alone: tuple[str, ...] = ()


STORIES = {language: [Story(**row) for row in read_lines(f"calculations_{language}")] for language in LANGUAGES}
PHRASES = read_tables("calculations_wording")


def turn(random: Random, language: str, tools: Tools) -> ExampleTurn:
    """One question that is answered by computing."""
    return _ask(random, language, tools, _draw(random, language))


def _draw(random: Random, language: str) -> Calculation:
    return draw_bare(random, language) if random.random() < 0.3 else _from_story(random, language)


def _from_story(random: Random, language: str) -> Calculation:
    story = random.choice(STORIES[language])
    slots = Slots(random, language, draw_numbers(random, story.numbers))
    text = decorate(random, ask(random, slots, story.told, story.asks, story.asks_alone), language)
    expression = slots.fill(story.expression)
    slots["r"] = rounded(evaluate(expression))
    return Calculation(text, expression, slots.fill(story.answer), story.idea)


def _ask(random: Random, language: str, tools: Tools, task: Calculation) -> ExampleTurn:
    if tools.calculator:
        return _calculated(random, language, task)
    if tools.solver and _is_rational(task.expression) and evaluate_exactly(task.expression).denominator < 10000:
        return _solved(language, task)
    return _by_head(language, task)


def _calculated(random: Random, language: str, task: Calculation) -> ExampleTurn:
    verb = random.choice(("work it out", "compute it", "do it step by step"))
    thoughts = random.choice(PHRASES[language]["thoughts"]).format(idea=task.idea, idea_verb=verb)
    commands = (("Calculate", task.expression),)
    if random.random() < 0.05:
        answer = random.choice(PHRASES[language]["no_result"]).format(expression=task.expression)
        return ExampleTurn(task.text, thoughts, commands, (None,), answer)
    return ExampleTurn(task.text, thoughts, commands, (repr(evaluate(task.expression)),), task.answer)


def _is_rational(expression: str) -> bool:
    """Whether an equation solver gives a plain number for it: no functions, no roots."""
    return "^(" not in expression and not any(letter.isalpha() for letter in expression)


def _solved(language: str, task: Calculation) -> ExampleTurn:
    value = solver_number(evaluate_exactly(task.expression), decimal=gives_decimals(task.expression))
    thoughts = PHRASES[language]["by_solver"].format(idea=task.idea)
    return ExampleTurn(task.text, thoughts, (("Solve", f"x={task.expression}"),), (f"x = {value}",), task.answer)


def _by_head(language: str, task: Calculation) -> ExampleTurn:
    answer = task.answer
    value = evaluate(task.expression)
    if abs(value) > 1000 or value != int(value):
        answer = PHRASES[language]["only_the_way"].format(idea=task.idea, expression=task.expression)
    return spoken(task.text, PHRASES[language]["by_head"].format(idea=task.idea), answer)


def several(random: Random, language: str, tools: Tools) -> ExampleTurn:
    """Two or three independent calculations in one question."""
    tasks = [draw_bare(random, language) for _ in range(random.choice((2, 2, 2, 3)))]
    if not tools.calculator:
        return _ask(random, language, tools, tasks[0])
    values = [evaluate(task.expression) for task in tasks]
    thoughts = random.choice(PHRASES[language]["several"]).format(n=len(tasks))
    return ExampleTurn(
        joined(random, language, *(task.text for task in tasks)),
        thoughts,
        tuple(("Calculate", task.expression) for task in tasks),
        tuple(repr(value) for value in values),
        (" " if language == "en" else "").join(task.answer for task in tasks),
    )


def follow_up(random: Random, language: str, tools: Tools, previous: ExampleTurn) -> ExampleTurn | None:
    """A question about the previous turn's result; None if there was no single number."""
    if len(previous.commands) != 1 or previous.commands[0][0] != "Calculate" or previous.outputs[0] is None:
        return None
    before = rounded(evaluate(str(previous.outputs[0])))
    if "e" in before or len(before) > 14:
        return None
    following = random.choice(PHRASES[language]["follow_ups"])
    number = random.randrange(2, 60)
    expression = following["expression"].format(p=f"({before})" if before.startswith("-") else before, n=number)
    result = rounded(evaluate(expression))
    answer = PHRASES[language]["follow_up_answer"].format(r=result)
    text, idea = (following[part].format(n=number) for part in ("ask", "idea"))
    return _ask(random, language, tools, Calculation(text, expression, answer, idea))
