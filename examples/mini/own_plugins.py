"""Conversations with plugins of the user's own, which the model has to read from the capability lines."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random

from .data import read_lines, read_tables
from .example import Call, ExampleTurn, Output, Plugin, Tools, spoken
from .templates import Slots
from .wording import decorate, joined

Said = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class OwnPlugin:
    """A plugin that is not one of the four.

    `slots` name the words that its parameters are filled with, the last `optional` of which it may lack; `acts` says
    that no search could stand in for it.
    What is said has `asks`, `outputs` and `answers` with the output as `{o}`; perhaps also `both`, asks for two calls,
    and `again`, short asks for another one: in these, `{city2}` stands where the other call has `{city}`.
    """

    label: str
    api: str
    slots: Sequence[str]
    acts: bool
    en: Said
    zh: Said
    optional: int = 0

    @property
    def name(self) -> str:
        """The command's name."""
        return self.api.partition("(")[0]

    def without_last(self, count: int) -> OwnPlugin:
        """The plugin without its last parameters, so that how many there are has to be read."""
        kept, left_out = self.slots[: len(self.slots) - count], self.slots[len(self.slots) - count :]
        parameters = self.api[len(self.name) + 1 : -1].split(", ")[: len(kept)]
        other = [f"{{{slot}2}}" for slot in left_out]

        def said(texts: Said) -> Said:
            """What is said, without asks for a second call that differs in what is left out."""
            about = {way: [each for each in of if not any(slot in each for slot in other)] for way, of in texts.items()}
            return {way: of for way, of in about.items() if of}

        api = f"{self.name}({', '.join(parameters)})"
        return replace(self, api=api, slots=kept, optional=0, en=said(self.en), zh=said(self.zh))


def _varied(random: Random, plugin: OwnPlugin) -> OwnPlugin:
    """The plugin, perhaps under another name and with fewer parameters: both have to be read and not remembered."""
    if plugin.optional and random.random() < 0.5:
        plugin = plugin.without_last(random.randint(1, plugin.optional))
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
NUMBERS = {  # n, m and k are asked with, p, q and r are of results
    "n": range(20, 60),
    "m": range(2, 20),
    "k": range(15, 2500, 5),
    "p": range(2, 20),
    "q": range(20, 60),
    "r": range(110, 1000),
}


def idle_plugins(random: Random) -> tuple[Plugin, ...]:
    """One or two plugins that the conversation does not need."""
    return tuple((each.label, each.api, random.random() < 0.8) for each in random.sample(OWN, random.choice((1, 1, 2))))


def conversation(random: Random, language: str, tools: Tools) -> tuple[tuple[Plugin, ...], list[ExampleTurn]]:
    """Capability lines with own plugins, and turns that use one or two of them."""
    chosen = [_varied(random, each) for each in random.sample(OWN, random.choice((1, 1, 2, 2, 3)))]
    enabled = not chosen[0].acts or random.random() >= 0.1
    lines = [(each.label, each.api, enabled or each is not chosen[0]) for each in chosen]
    random.shuffle(lines)
    return tools.plugins() + tuple(lines), _turns(random, language, chosen, enabled)


def _turns(random: Random, language: str, chosen: Sequence[OwnPlugin], enabled: bool) -> list[ExampleTurn]:
    asked = [_Asked(random, language, each) for each in chosen]
    first, last = asked[0], asked[-1]
    if not enabled:
        return [first.declined(), *([last.turn("asks")] if last is not first else [])]
    dice = random.random()
    if dice < 0.15 and "both" in first.said:
        return [first.turn("both")]
    if dice < 0.35 and "again" in first.said:
        return [first.turn("asks"), first.turn("again")]
    turns = [each.turn("asks") for each in ((first, last) if last is not first else (first,))]
    if len(turns) == 1 or dice < 0.6:
        return turns[:1]
    return turns if dice < 0.8 else [_together(random, language, chosen[0], chosen[-1], *turns)]


def _together(
    random: Random, language: str, plugin: OwnPlugin, other: OwnPlugin, first: ExampleTurn, last: ExampleTurn
) -> ExampleTurn:
    """Two questions in one message, for two plugins."""
    thoughts = random.choice(PHRASES[language]["two_plugins"])
    return ExampleTurn(
        joined(random, language, first.human, last.human),
        thoughts.format(label=plugin.label, label2=other.label, name=plugin.name, name2=other.name),
        first.commands + last.commands,
        first.outputs + last.outputs,
        first.answer + (" " if language == "en" else "") + last.answer,
    )


class _Asked:
    """A plugin with the words that it is asked with; turns of the same one go on with these."""

    def __init__(self, random: Random, language: str, plugin: OwnPlugin) -> None:
        self._random, self._language, self._plugin = random, language, plugin
        self.said = plugin.en if language == "en" else plugin.zh
        self._phrases = PHRASES[language]
        self._slots = self._drawn({})

    def turn(self, way: str) -> ExampleTurn:
        """A turn that runs the plugin, for asks of that `way`."""
        ask = self._random.choice(self.said[way])
        text = self._fill(ask)
        calls = [self._call()] if way != "again" else []
        if way != "asks":
            self._slots = self._drawn({slot: self._of_other(slot, ask) for slot in self._plugin.slots})
            calls.append(self._call())
        commands, outputs, answers = zip(*calls, strict=True)
        values = (", " if self._language == "en" else "、").join(commands[-1][1:])
        thoughts = self._random.choice(self._phrases["thoughts" if len(calls) == 1 else "thoughts_twice"])
        return ExampleTurn(
            self._typed(text, commands),
            thoughts.format(label=self._plugin.label, name=self._plugin.name, values=values),
            commands,
            outputs,
            (" " if self._language == "en" else "").join(answers),
        )

    def declined(self) -> ExampleTurn:
        """A turn for a plugin that is off."""
        text = self._typed(self._fill(self._random.choice(self.said["asks"])), ())
        thoughts, answer = (self._random.choice(self._phrases[key]) for key in ("off_thoughts", "off_answers"))
        return spoken(text, thoughts, answer)

    def _drawn(self, values: Mapping[str, str]) -> Slots:
        numbers = {name: [str(number) for number in numbers] for name, numbers in NUMBERS.items()}
        return Slots(self._random, self._language, values, {**self._phrases["words"], **numbers})

    def _fill(self, text: str) -> str:
        while "{" in text:  # words may hold others
            text = self._slots.fill(text)
        return text

    def _of_other(self, slot: str, ask: str) -> str:
        other = f"{slot}2"
        is_asked = f"{{{other}}}" in ask and other not in self._plugin.slots
        return self._fill(f"{{{other if is_asked else slot}}}")

    def _call(self) -> tuple[Call, Output, str]:
        command = (self._plugin.name, *(self._fill(f"{{{slot}}}") for slot in self._plugin.slots))
        if self._random.random() < 0.06:
            failed = self._random.choice(self._phrases["failed"])
            return command, None, failed.format(label=self._plugin.label)
        self._slots["o"] = output = self._fill(self._random.choice(self.said["outputs"]))
        answer = self._fill(self._random.choice(self.said["answers"]))
        return command, output, answer[0].upper() + answer[1:] if re.match(r"[a-z]+[ ,:]", answer) else answer

    def _typed(self, text: str, commands: Sequence[Call]) -> str:
        """The question as typed by many different people, with all that has to be copied from it."""
        after = () if text[-1].isalnum() else self._phrases["after"]
        typed = decorate(self._random, text, self._language, self._phrases["before"], after)
        values = [value for _, *arguments in commands for value in arguments if value in text]
        return typed if all(value.lower() in typed.lower() for value in values) else text
