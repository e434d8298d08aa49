"""Endless generated conversations of all kinds: `generate(seed)`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from random import Random

from . import drawing, own_plugins, searching, solving, talking
from .example import Example, ExampleTurn, Tools
from .wording import PHRASES, joined

ALL_ALIKE = {"problems": 54, "search": 20, "drawing": 12, "talk": 9, "custom": 5}
MOSTLY_PROBLEMS = {"problems": 71, "search": 10, "drawing": 8, "talk": 3, "custom": 8}
CHINESE = {"problems": 0.52, "search": 0.62, "drawing": 0.65, "talk": 0.45, "custom": 0.45}
FITTING = {
    "problems": ("calculator", "solver"),
    "search": ("search",),
    "drawing": ("drawing",),
    "talk": (),
    "custom": (),
}
NAMES = ("search", "calculator", "solver", "drawing")
MODULES = {"problems": solving, "search": searching, "drawing": drawing, "talk": talking}


def generate(seed: int, shares: Mapping[str, int] = ALL_ALIKE) -> Iterator[Example]:
    """Conversations without end, the same ones for the same seed. shares: of the kinds."""
    random = Random(seed)
    while True:
        yield _example(random, shares)


def _example(random: Random, shares: Mapping[str, int]) -> Example:
    (kind,) = random.choices(tuple(shares), tuple(shares.values()))
    language = "zh" if random.random() < CHINESE[kind] else "en"
    tools = _draw_tools(random, kind)
    if kind == "custom":
        plugins, turns = own_plugins.conversation(random, language, tools)
    else:
        plugins, turns = tools.plugins(), _turns(random, kind, language, tools)
        if random.random() < 0.06:
            plugins += own_plugins.idle_plugins(random)
    return Example(plugins, tuple(turns), kind, language)


def _draw_tools(random: Random, kind: str) -> Tools:
    """Half of the time everything is enabled, else few with one that fits, seldom none that does.

    A model that has seen plugins off mostly where few are on claims it of the only one that is on.
    """
    dice, fitting = random.random(), FITTING[kind]
    if dice < 0.50:
        return Tools()
    others = [name for name in NAMES if name not in fitting]
    if dice < 0.95:
        some = random.sample(fitting, random.randint(1, len(fitting))) if fitting else []
        enabled = [*some, *random.sample(others, random.choice((0, 1, 1, 2)))]
    else:
        missing = random.choice(fitting) if fitting else ""
        enabled = [name for name in NAMES if name != missing and (name in fitting or random.random() < 0.6)]
    return Tools(**{name: name in enabled for name in NAMES})


def _turns(random: Random, kind: str, language: str, tools: Tools) -> list[ExampleTurn]:
    dice = random.random()
    if dice < 0.08 and kind != "talk":
        return [_several(random, kind, language, tools)]
    if dice < 0.80:
        return [MODULES[kind].turn(random, language, tools)]
    count = random.choice((2, 2, 3))
    if dice < 0.90 and kind != "talk":
        return _same_kind(random, kind, language, tools, count)
    kinds = [kind, *random.choices(tuple(MODULES), (45, 25, 15, 15), k=count - 1)]
    return [MODULES[each].turn(random, language, tools) for each in kinds]


def _several(random: Random, kind: str, language: str, tools: Tools) -> ExampleTurn:
    if kind != "drawing" and tools == Tools() and random.random() < 0.3:
        return _search_and_compute(random, language)
    return MODULES[kind].several(random, language, tools)


def _search_and_compute(random: Random, language: str) -> ExampleTurn:
    """A look-up and an independent problem in one message."""
    tools = Tools()
    while True:
        first, second = (module.turn(random, language, tools) for module in (searching, solving))
        if None not in first.outputs + second.outputs:
            break
    gap = " " if language == "en" else ""
    return ExampleTurn(
        joined(random, language, first.human, second.human),
        PHRASES[language]["two_parts"] + gap + second.thoughts,
        first.commands + second.commands,
        first.outputs + second.outputs,
        first.answer + gap + second.answer,
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
