"""A generated conversation as a record of MOSS's training format."""

from __future__ import annotations

from functools import cache
from typing import Any

from moss_agent.checkpoints.families import load_family
from moss_agent.conversation import Conversation
from moss_agent.protocol import DRAWN, Capability, Command, Entry, Passage, Preamble, render_results
from moss_agent.records import Round, Turn

from .example import Example, ExampleTurn


def record(example: Example, conversation_id: str = "") -> dict[str, Any]:
    """The conversation with the preamble that the mini model is given, and results as the runtime renders them."""
    enabled = [Capability(label, api) for label, api, on in example.plugins if on]
    turns = [_turn(turn, example) for turn in example.turns]
    return Conversation(_preamble().render(enabled), turns).to_training(conversation_id, example.kind)


@cache
def _preamble() -> Preamble:
    return load_family("mini").preamble


def _turn(turn: ExampleTurn, example: Example) -> Turn:
    commands = ", ".join(str(Command(name, tuple(arguments))) for name, *arguments in turn.commands) or "None"
    results = render_results(_entries(turn, example))
    return Turn(turn.human, (Round(turn.thoughts, commands, results),), turn.answer)


def _entries(turn: ExampleTurn, example: Example) -> list[Entry]:
    """The results in the order of the plugins in the preamble, as the agent gives them."""
    place = {api.partition("(")[0]: i for i, (_, api, _) in enumerate(example.plugins)}
    entries = []
    for (name, *arguments), output in zip(turn.commands, turn.outputs, strict=True):
        body: str | tuple[str, ...] | tuple[Passage, ...] | None = output
        if name == "Solve" and isinstance(output, str):
            body = tuple(output.splitlines())
        elif isinstance(output, tuple):
            body = tuple(Passage(0, text) for text in output)
        entries.append(Entry(str(Command(name, tuple(arguments))), body, drawn=body == DRAWN))
    return sorted(entries, key=lambda entry: place.get(entry.name, len(place)))
