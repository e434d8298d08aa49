"""Conversations with plugins of the user's own, which the model has to read from the capability lines."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from .data import read_lines, read_tables
from .example import ExampleTurn, Plugin, Tools, spoken
from .wording import roughen


@dataclass(frozen=True)
class OwnPlugin:
    """A plugin that is not one of the four: what is asked of it, what it says, and the answer from that."""

    label: str
    api: str
    en: dict[str, Any]
    zh: dict[str, Any]

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


OWN = [OwnPlugin(**row) for row in read_lines("own_plugins")]
PHRASES = read_tables("own_plugins_wording")


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
    said, phrases = (plugin.en if language == "en" else plugin.zh), PHRASES[language]
    slots = {name: random.choice(words) for name, words in phrases["words"].items()}
    slots |= {"n": str(random.randint(20, 59)), "m": str(random.randint(2, 20))}
    text = roughen(random, random.choice(said["asks"]).format(**slots), language)
    names = {"label": plugin.label, "name": plugin.name}
    if not enabled:
        return spoken(text, phrases["disabled_thoughts"].format(**names), phrases["disabled_answer"].format(**names))
    thoughts = random.choice(phrases["thoughts"]).format(**names)
    output = random.choice(said["outputs"]).format(**slots)
    parameter = plugin.api.partition("(")[2].rstrip(")")
    commands = ((plugin.name, PHRASES["arguments"][parameter].format(**slots)),)
    if random.random() < 0.06:
        return ExampleTurn(text, thoughts, commands, (None,), phrases["failed"].format(**names))
    return ExampleTurn(text, thoughts, commands, (output,), said["answer"].format(o=output, **slots))
