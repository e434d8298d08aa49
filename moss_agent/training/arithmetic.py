"""Questions in which every number is known: the calculator's work."""

from __future__ import annotations

from random import Random

from . import arithmetic_everyday_en, arithmetic_everyday_zh, arithmetic_stories_en, arithmetic_stories_zh
from .asides import AFTER, BEFORE
from .expressions import evaluate, evaluate_exactly, gives_decimals, rounded, solver_number
from .shapes import ExampleTurn, Tools, spoken
from .story import Story
from .sums import Sum, draw_sum
from .templates import Slots, draw_numbers, question
from .wording import decorate, joined

STORIES: dict[str, tuple[Story, ...]] = {
    "en": arithmetic_stories_en.STORIES + arithmetic_everyday_en.STORIES,
    "zh": arithmetic_stories_zh.STORIES + arithmetic_everyday_zh.STORIES,
}
THOUGHTS = {
    "en": (
        "All numbers are given, so this only has to be computed: {idea}. I can use the calculator.",
        "This is a calculation. I {idea_verb}: {idea}. The calculator does it.",
        "Nothing is unknown here, it is plain arithmetic: {idea}. I will use the Calculator.",
        "Everything needed is known: {idea}. Calculate can do this.",
        "A computation with known values: {idea}. I call the calculator.",
        "I just need to compute this: {idea}. The calculator is the right tool.",
    ),
    "zh": (
        "数据都已知，直接计算：{idea}。用计算器。",
        "这是计算题，{idea}，可以用计算器。",
        "没有未知数，{idea}，用计算器计算。",
        "已知条件足够，{idea}。调用计算器。",
        "只需计算：{idea}，使用计算器。",
    ),
}
BY_SOLVER = {
    "en": "The calculator is disabled, but the equation solver can compute it as x: {idea}.",
    "zh": "计算器不可用，用方程求解器算x：{idea}。",
}
BY_HEAD = {
    "en": "This is a calculation: {idea}. The calculator is disabled, so I answer without a tool.",
    "zh": "这是计算题：{idea}。计算器未启用，只能自己回答。",
}
NO_RESULT = {
    "en": (
        "Sorry, the calculator gave no result. The calculation would be {expression}.",
        "I'm sorry, I got no result for {expression} this time. Please try again.",
        "Unfortunately the calculation {expression} failed, so I can't give the number.",
    ),
    "zh": (
        "抱歉，计算器没有返回结果，算式是{expression}。",
        "很抱歉，这次没能算出{expression}，请再试一次。",
        "对不起，计算失败，暂时无法给出结果。",
    ),
}


def turn(random: Random, language: str, tools: Tools) -> ExampleTurn:
    """One question that is answered by computing."""
    return _ask(random, language, tools, _draw(random, language))


def _draw(random: Random, language: str) -> Sum:
    return draw_sum(random, language) if random.random() < 0.3 else _from_story(random, language)


def _from_story(random: Random, language: str) -> Sum:
    story = random.choice(STORIES[language])
    slots = Slots(random, language, draw_numbers(random, story.numbers))
    text = decorate(
        random, question(random, slots, story.told, story.asks), language, BEFORE[language], AFTER[language]
    )
    expression = slots.fill(story.expression)
    slots["r"] = rounded(evaluate(expression))
    return Sum(text, expression, slots.fill(story.answer), story.idea)


def _ask(random: Random, language: str, tools: Tools, task: Sum) -> ExampleTurn:
    if tools.calculator:
        return _calculated(random, language, task)
    if tools.solver and _is_rational(task.expression) and evaluate_exactly(task.expression).denominator < 10000:
        return _solved(language, task)
    return _by_head(language, task)


def _calculated(random: Random, language: str, task: Sum) -> ExampleTurn:
    verb = random.choice(("work it out", "compute it", "do it step by step"))
    thoughts = random.choice(THOUGHTS[language]).format(idea=task.idea, idea_verb=verb)
    commands = (("Calculate", task.expression),)
    if random.random() < 0.05:
        answer = random.choice(NO_RESULT[language]).format(expression=task.expression)
        return ExampleTurn(task.text, thoughts, commands, (None,), answer)
    return ExampleTurn(task.text, thoughts, commands, (repr(evaluate(task.expression)),), task.answer)


def _is_rational(expression: str) -> bool:
    """Whether an equation solver gives a plain number for it: no functions, no roots."""
    return "^(" not in expression and not any(letter.isalpha() for letter in expression)


def _solved(language: str, task: Sum) -> ExampleTurn:
    value = solver_number(evaluate_exactly(task.expression), decimal=gives_decimals(task.expression))
    thoughts = BY_SOLVER[language].format(idea=task.idea)
    return ExampleTurn(task.text, thoughts, (("Solve", f"x={task.expression}"),), (f"x = {value}",), task.answer)


def _by_head(language: str, task: Sum) -> ExampleTurn:
    answer = task.answer
    value = evaluate(task.expression)
    if abs(value) > 1000 or value != int(value):
        answer = {
            "en": f"Without the calculator I can only give the way: {task.idea}, so {task.expression}.",
            "zh": f"没有计算器无法精确计算，方法是{task.idea}，算式为{task.expression}。",
        }[language]
    return spoken(task.text, BY_HEAD[language].format(idea=task.idea), answer)


def several(random: Random, language: str, tools: Tools) -> ExampleTurn:
    """Two or three independent calculations in one question."""
    tasks = [draw_sum(random, language) for _ in range(random.choice((2, 2, 2, 3)))]
    if not tools.calculator:
        return _ask(random, language, tools, tasks[0])
    values = [evaluate(task.expression) for task in tasks]
    thoughts = random.choice({
        "en": ("These are {n} separate calculations, so I call the calculator {n} times.",
               "There are {n} independent sums here; each one goes to the calculator."),
        "zh": ("这里有{n}个独立的计算，分别用计算器。", "有{n}道算式，各调用一次计算器。"),
    }[language]).format(n=len(tasks))  # fmt: skip
    return ExampleTurn(
        joined(random, language, *(task.text for task in tasks)),
        thoughts,
        tuple(("Calculate", task.expression) for task in tasks),
        tuple(repr(value) for value in values),
        " ".join(task.answer for task in tasks) if language == "en" else "".join(task.answer for task in tasks),
    )


FOLLOW_UPS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "en": (
        ("And half of it?", "{p}/2", "halve the previous result"),
        ("What about three times that?", "{p}*3", "multiply the previous result by 3"),
        ("Now add {n} to it.", "{p}+{n}", "add {n} to the previous result"),
        ("Subtract {n} from that, please.", "{p}-{n}", "subtract {n} from the previous result"),
        ("And divided by {n}?", "{p}/{n}", "divide the previous result by {n}"),
        ("What is {n}% of that?", "{p}*{n}/100", "take {n}% of the previous result"),
        ("Can you square it?", "{p}^2", "square the previous result"),
        ("And if I need that {n} times?", "{p}*{n}", "multiply the previous result by {n}"),
        ("Increase it by {n} percent.", "{p}*(1+{n}/100)", "raise the previous result by {n}%"),
    ),
    "zh": (
        ("它的一半呢？", "{p}/2", "把上一个结果除以2"),
        ("再除以{n}呢？", "{p}/{n}", "上一个结果除以{n}"),
        ("再乘以{n}是多少？", "{p}*{n}", "上一个结果乘{n}"),
        ("那再加上{n}呢", "{p}+{n}", "上一个结果加{n}"),
        ("减去{n}是多少？", "{p}-{n}", "上一个结果减{n}"),
        ("它的{n}%是多少？", "{p}*{n}/100", "求上一个结果的{n}%"),
        ("平方一下", "{p}^2", "把上一个结果平方"),
        ("如果增加{n}%呢？", "{p}*(1+{n}/100)", "上一个结果增加{n}%"),
    ),
}


def follow_up(random: Random, language: str, tools: Tools, previous: ExampleTurn) -> ExampleTurn | None:
    """A question about the previous turn's result; None if there was no single number."""
    if len(previous.commands) != 1 or previous.commands[0][0] != "Calculate" or previous.outputs[0] is None:
        return None
    before = rounded(evaluate(str(previous.outputs[0])))
    if "e" in before or len(before) > 14:
        return None
    text, expression, idea = random.choice(FOLLOW_UPS[language])
    number = random.randrange(2, 60)
    expression = expression.format(p=f"({before})" if before.startswith("-") else before, n=number)
    result = rounded(evaluate(expression))
    answer = {"en": f"That gives {result}.", "zh": f"结果是{result}。"}[language]
    return _ask(random, language, tools, Sum(text.format(n=number), expression, answer, idea.format(n=number)))
