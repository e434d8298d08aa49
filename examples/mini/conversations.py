"""Endless generated conversations of all kinds: `generate(seed)`."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from . import calculations, drawing, equations, own_plugins, searching, talking
from .example import Example, ExampleTurn, Tools
from .wording import PHRASES, joined

SHARES = {"calculator": 20, "solver": 22, "search": 31, "drawing": 14, "talk": 8, "custom": 5}
REFINED_SHARES = {"calculator": 36, "solver": 18, "search": 24, "drawing": 14, "talk": 5, "custom": 3}
CHINESE = {"calculator": 0.52, "solver": 0.55, "search": 0.68, "drawing": 0.5, "talk": 0.45, "custom": 0.45}
NAMES = ("search", "calculator", "solver", "drawing")
MODULES = {
    "calculator": calculations,
    "solver": equations,
    "search": searching,
    "drawing": drawing,
    "talk": talking,
}


def generate(seed: int, refined: bool = False) -> Iterator[Example]:
    """Conversations without end, the same ones for the same seed.

    refined: for the end of the training: the fitting plugin is never off, and more is calculated. A model that
    has seen too much of plugins that are off claims it of plugins that are on.
    """
    random = Random(seed)
    while True:
        yield _example(random, refined)


def _example(random: Random, refined: bool) -> Example:
    shares = REFINED_SHARES if refined else SHARES
    (kind,) = random.choices(tuple(shares), tuple(shares.values()))
    language = "zh" if random.random() < CHINESE[kind] else "en"
    tools = _draw_tools(random, kind, refined)
    if kind == "custom":
        plugins, turns = own_plugins.conversation(random, language, tools)
    else:
        plugins, turns = tools.plugins(), _turns(random, kind, language, tools)
        if random.random() < 0.06:
            plugins += own_plugins.idle_plugins(random)
    return Example(plugins, tuple(turns), kind, language)


def _draw_tools(random: Random, kind: str, refined: bool) -> Tools:
    """Mostly everything enabled, often few with the fitting one, now and then the fitting one missing."""
    dice = random.random() * (0.85 if refined else 1)
    if dice < 0.60:
        return Tools()
    fitting = [kind] if kind in NAMES else []
    if dice < 0.85:
        others = [name for name in NAMES if name not in fitting]
        enabled = fitting + random.sample(others, random.choice((0, 1, 1)) if fitting else random.choice((1, 2)))
    elif dice < 0.97 and fitting:
        others = [name for name in NAMES if name not in fitting]
        enabled = random.sample(others, random.randint(0, 3))
    else:
        enabled = random.sample(NAMES, random.randint(0, 3))
    return Tools(**{name: name in enabled for name in NAMES})


def _turns(random: Random, kind: str, language: str, tools: Tools) -> list[ExampleTurn]:
    dice = random.random()
    if dice < 0.11 and kind != "talk":
        return [_several(random, kind, language, tools)]
    if dice < 0.79:
        return [MODULES[kind].turn(random, language, tools)]
    count = random.choice((2, 2, 3))
    if dice < 0.90 and kind in ("calculator", "drawing", "search"):
        return _same_kind(random, kind, language, tools, count)
    kinds = [kind, *random.choices(tuple(MODULES), (22, 25, 25, 18, 20), k=count - 1)]
    return [MODULES[each].turn(random, language, tools) for each in kinds]


def _several(random: Random, kind: str, language: str, tools: Tools) -> ExampleTurn:
    if kind == "solver" or (kind in ("search", "calculator") and random.random() < 0.2):
        if tools == Tools():
            return _search_and_calculate(random, language)
        return MODULES[kind].turn(random, language, tools)
    return MODULES[kind].several(random, language, tools)


def _search_and_calculate(random: Random, language: str) -> ExampleTurn:
    """A look-up and an independent task in one message."""
    tools = Tools()
    while True:
        first = searching.turn(random, language, tools)
        second = (equations if random.random() < 0.5 else calculations).turn(random, language, tools)
        if None not in first.outputs + second.outputs:
            break
    tool = PHRASES[language]["tools"][second.commands[0][0]]
    return ExampleTurn(
        joined(random, language, first.human, second.human),
        PHRASES[language]["two_parts"].format(tool=tool),
        first.commands + second.commands,
        first.outputs + second.outputs,
        first.answer + (" " if language == "en" else "") + second.answer,
    )


def _same_kind(random: Random, kind: str, language: str, tools: Tools, count: int) -> list[ExampleTurn]:
    if kind == "search":
        return searching.dialogue(random, language, tools, count)
    module = MODULES[kind]
    turns = [module.turn(random, language, tools)]
    while len(turns) < count:
        following = module.follow_up(random, language, tools, turns[-1])
        turns.append(following or module.turn(random, language, tools))
    return turns
