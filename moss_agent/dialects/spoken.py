"""A message of a chat model as it is spoken: what people see of it, what is recorded, the calls as commands."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from moss_agent.dialects.citing import CitedText
from moss_agent.dialects.dialect import FaultyCall
from moss_agent.dialects.messages import FaultyArguments, command_of
from moss_agent.errors import one_line
from moss_agent.events import Text, Thoughts
from moss_agent.messages import Content, Reasoning, Tool, ToolCall
from moss_agent.protocol import Command


class Spoken:
    """A message, piece by piece.

    text, thoughts: fit for records. calls: those that it makes; commands: what they mean.
    goes_on: whether the model has said something in the turn before.
    """

    def __init__(self, known: Collection[int], goes_on: bool) -> None:
        self.text = self.thoughts = ""
        self.calls: list[ToolCall] = []
        self.commands: list[Command] = []
        self._spoken = CitedText(known)
        self._thought = CitedText(())
        self._gap = "\n\n" if goes_on else ""  # between this message and what was said before

    def push(self, piece: Reasoning | Content) -> Iterator[Text | Thoughts]:
        if isinstance(piece, Reasoning):
            yield from self._think(self._thought.push(piece.text))
        else:
            yield from self._say(self._spoken.push(piece.text))

    def call(self, call: ToolCall, tools: Mapping[str, Tool]) -> Iterator[Command | FaultyCall]:
        """Yield the call as a command, or as a faulty one."""
        self.calls.append(call)
        name = one_line(call.name, 64)
        try:
            command = command_of(replace(call, name=name), tools)
            yield command
        except FaultyArguments as error:
            command = Command(name, (one_line(call.arguments),))
            yield FaultyCall(command, f"{name}: {error}")
        self.commands.append(command)

    def end(self) -> Iterator[Text | Thoughts]:
        """Yield what was held back."""
        yield from self._think(self._thought.flush())
        yield from self._say(self._spoken.flush())
        self.text, self.thoughts = self.text.strip(), self.thoughts.strip()

    def _think(self, text: str) -> Iterator[Thoughts]:
        if text:
            self.thoughts += text
            yield Thoughts(text)

    def _say(self, text: str) -> Iterator[Text]:
        text = text if self.text else text.lstrip()
        if text:
            yield Text(("" if self.text else self._gap) + text)
            self.text += text
