"""Conversations with plugins of the user's own, which the model has to read from the capability lines."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from random import Random

from .custom_plugin_list import ARGUMENTS, DISABLED, FAILED, PLUGINS, SLOTS, THOUGHTS
from .shapes import ExampleTurn, Plugin, Tools
from .templates import variants
from .wording import roughen


@dataclass(frozen=True)
class OwnPlugin:
    """A plugin that is not one of the four: what is asked of it, what it says, and the answer from that."""

    label: str
    api: str
    english: tuple[str, str, str]
    chinese: tuple[str, str, str]

    @property
    def name(self) -> str:
        """The command's name."""
        return self.api.partition("(")[0]


def _renamed(random: Random, plugin: OwnPlugin) -> OwnPlugin:
    """The plugin, perhaps under another command name, so that names have to be read and not remembered."""
    camel = "".join(word.capitalize() for word in re.split(r"[ -]", plugin.label))
    names = (
        plugin.name,
        plugin.name,
        plugin.name,
        f"Get{camel}",
        camel,
        plugin.name.lower(),
        camel.lower(),
        f"Use{camel}",
    )
    snake = re.sub(r"(?<!^)(?=[A-Z])", "_", plugin.name).lower()
    name = random.choice((*names, snake))
    return replace(plugin, api=name + plugin.api[len(plugin.name) :])


OWN = tuple(
    OwnPlugin(label, api, (en, out, answer), (zh, out_zh, answer_zh))
    for label, api, en, out, answer, zh, out_zh, answer_zh in PLUGINS
)


def idle_plugins(random: Random) -> tuple[Plugin, ...]:
    """One or two plugins that the conversation does not need."""
    return tuple((each.label, each.api, random.random() < 0.8) for each in random.sample(OWN, random.choice((1, 1, 2))))


def conversation(random: Random, language: str, tools: Tools) -> tuple[tuple[Plugin, ...], list[ExampleTurn]]:
    """Capability lines with own plugins, and turns that use the first of them."""
    chosen = [_renamed(random, each) for each in random.sample(OWN, random.choice((1, 1, 2)))]
    enabled = random.random() >= 0.1
    lines = [(chosen[0].label, chosen[0].api, enabled)] + [(each.label, each.api, True) for each in chosen[1:]]
    random.shuffle(lines)
    turns = [_turn(random, language, chosen[0], enabled)]
    if random.random() < 0.25:
        turns.append(_turn(random, language, chosen[-1], enabled or len(chosen) > 1))
    return tools.plugins() + tuple(lines), turns


def _turn(random: Random, language: str, plugin: OwnPlugin, enabled: bool) -> ExampleTurn:
    ask, output, answer = plugin.english if language == "en" else plugin.chinese
    slots = {name: random.choice(words[language]) for name, words in SLOTS.items()}
    slots |= {"n": str(random.randint(20, 59)), "m": str(random.randint(2, 20))}
    argument_slot = plugin.api.partition("(")[2].rstrip(")")
    text = roughen(random, random.choice(variants(ask)).format(**slots), language)
    names = {"label": plugin.label, "name": plugin.name}
    if not enabled:
        thoughts, apology = DISABLED[language]
        return ExampleTurn(text, thoughts.format(**names), (), (), apology.format(**names))
    thoughts = random.choice(THOUGHTS[language]).format(**names)
    out, value = random.choice(variants(output)).format(**slots), _argument(argument_slot, slots)
    if random.random() < 0.06:
        return ExampleTurn(text, thoughts, ((plugin.name, value),), (None,), FAILED[language].format(**names))
    return ExampleTurn(text, thoughts, ((plugin.name, value),), (out,), answer.format(o=out, **slots))


def _argument(kind: str, slots: dict[str, str]) -> str:
    return ARGUMENTS[kind].format(**slots)
