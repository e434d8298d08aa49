"""A conversation: its turns; saved, loaded, and in the format that MOSS is trained on."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from msgspec import ValidationError, convert

from moss_agent.errors import UsageError
from moss_agent.events import Call, Citation
from moss_agent.protocol import (
    ANSWER,
    COMMANDS,
    DRAWN,
    HUMAN,
    NO_RESULT,
    RESULTS,
    SEGMENTS,
    THOUGHTS,
    Entry,
    Passage,
    cited_numbers,
    parse_commands,
    parse_results,
    parse_turn,
    render_human,
    render_outcome,
    render_segment,
)
from moss_agent.records import Round, Turn
from moss_agent.resources import read_text, replace_file, user_path

LONGEST = 64_000_000  # bytes of a file
FORMAT = "moss_agent.conversation/2"
FIRST_FORMAT = "moss_agent.conversation/1"  # turns as five texts, without what people saw besides


@dataclass
class Conversation:
    """The turns so far, and the preamble that the model had before them."""

    preamble: str = ""
    turns: list[Turn] = field(default_factory=list)

    def save(self, path: str | Path) -> None:
        """Write the conversation as JSON, for its owner's eyes. A crash leaves the old file or the new one, whole.

        A half of a character, which no file can have, is written as a question mark.
        Raises UsageError if it cannot be written there.
        """
        path = user_path(path)
        if os.path.exists(path) and not os.path.isfile(path):
            raise UsageError(f"cannot save the conversation to {path}: it is no regular file")
        try:
            replace_file(path, json.dumps(self.to_json(), ensure_ascii=False, indent=1).encode(errors="replace"))
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise UsageError(f"cannot save the conversation to {path}: {reason}") from None

    @classmethod
    def load(cls, path: str | Path) -> Conversation:
        """Read what `save` wrote. Raises UsageError if it is anything else."""
        path = user_path(path)
        try:
            data = json.loads(read_text(path, LONGEST))
            json.dumps(data, ensure_ascii=False).encode()  # no lone surrogates, which no tokenizer takes
        except (ValueError, RecursionError):
            raise UsageError(f"{path} is no conversation saved by moss_agent: it is no JSON") from None
        try:
            return cls.from_json(data)
        except (KeyError, TypeError, ValueError, AttributeError, ValidationError) as error:
            raise UsageError(f"{path} is no conversation saved by moss_agent: {error}") from None

    def to_json(self) -> dict[str, Any]:
        """Return the conversation as JSON data."""
        return {"format": FORMAT, **asdict(self)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Conversation:
        """Make a conversation of JSON data. Raises KeyError, TypeError, ValueError or ValidationError if it is none."""
        if "chat" in data:
            raise ValueError("it is in MOSS's training format: read it with moss-agent log import")
        if data["format"] == FORMAT:
            return convert(data, cls)
        if data["format"] == FIRST_FORMAT:
            return cls(_text(data["preamble"]), [_turn_of_texts(turn) for turn in data["turns"]])
        raise ValueError(f"format {data['format']!r}")

    def to_training(self, conversation_id: str, category: str = "") -> dict[str, Any]:
        """Return the conversation as one record of MOSS's training format, which has one round per turn."""
        return {
            "conversation_id": conversation_id,
            "meta_instruction": self.preamble,
            "num_turns": len(self.turns),
            "chat": {f"turn_{i}": _training_turn(turn) for i, turn in enumerate(self.turns, 1)},
            "category": category,
        }

    @classmethod
    def from_training(cls, record: Mapping[str, Any]) -> Conversation:
        """Read a record of MOSS's training format. Raises UsageError if it is anything else."""
        try:
            turns = [record["chat"][f"turn_{i}"] for i in range(1, len(record["chat"]) + 1)]
            texts = ["".join(_text(turn[name]) for name in _TRAINING_NAMES.values()) for turn in turns]
            parsed = [parse_turn(text) for text in texts]
            return cls(_text(record["meta_instruction"]), [_turn_of_texts(asdict(turn)) for turn in parsed])
        except (KeyError, TypeError, ValueError, AttributeError, ValidationError) as error:
            raise UsageError(f"this is no conversation in MOSS's training format: {error!r}") from None


_TRAINING_NAMES = dict(zip(SEGMENTS, ("Human", "Inner Thoughts", "Commands", "Tool Responses", "MOSS"), strict=True))


def _training_turn(turn: Turn) -> dict[str, str]:
    first = turn.rounds[0]
    texts = {THOUGHTS: first.thoughts, COMMANDS: first.commands, RESULTS: first.results, ANSWER: turn.answer}
    rendered = {HUMAN: render_human(turn.question)} | {s: render_segment(s, text) for s, text in texts.items()}
    return {name: rendered[segment] for segment, name in _TRAINING_NAMES.items()}


def _turn_of_texts(data: Mapping[str, Any]) -> Turn:
    """Return a turn of its five segments' texts, with the calls and citations that can be told from them."""
    human, thoughts, commands, results, answer = (
        _text(data[name]) for name in ("human", "thoughts", "commands", "results", "answer")
    )
    entries = parse_results(results)
    told = {entry.head: render_outcome(entry) for entry in entries}
    other = DRAWN if any(entry.drawn for entry in entries) else NO_RESULT  # drawn pictures are told without a head
    made = [(command, told.get(str(command), other)) for command in parse_commands(commands)]
    calls = tuple(
        Call(
            command.name,
            command.argument,
            result,
            result != NO_RESULT,
            0.0,
            arguments=command.arguments,
            named=command.named,
        )
        for command, result in made
    )
    sources = _sources(entries)
    citations = tuple(sources[number] for number in cited_numbers(answer) if number in sources)
    done = Round(thoughts, commands, results, calls, tuple(sources.values()))
    return Turn(human, (done,), answer, time="", citations=citations)


def _sources(entries: Sequence[Entry]) -> dict[int, Citation]:
    """Return what the numbers in an answer stand for: the passages, then the other results in their order."""
    passages = [line for entry in entries for line in entry.body or () if isinstance(line, Passage)]
    sources = [Citation(passage.number, passage.text) for passage in passages]
    for entry in entries:
        if entry.body and not any(isinstance(line, Passage) for line in entry.body):
            sources.append(Citation(len(sources) + 1, f"{entry.head} => {render_outcome(entry)}"))
    return {source.number: source for source in sources}


def _text(value: Any) -> str:
    return convert(value, str)
