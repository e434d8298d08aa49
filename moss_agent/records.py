"""One turn as data: everything that a person saw, and what the model wrote and was given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Literal
from uuid import uuid4

from moss_agent.events import Call, Citation, Picture, Usage
from moss_agent.protocol import NO_COMMAND, Command, check_citations, first_marker


def new_id() -> str:
    """Return a new id of a turn."""
    return uuid4().hex


def now() -> str:
    """Return the time in UTC, ISO 8601."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def check_markers(**texts: str) -> None:
    """Raise ValueError if a text would be read back as structure."""
    for name, text in texts.items():
        if marker := first_marker(text):
            raise ValueError(f"the {name} of a turn cannot contain the marker {marker[1]}")


def as_command(call: Call) -> Command:
    """Return a finished call as the command that a model writes for it; old records have the first argument alone."""
    only = (call.argument,) if call.argument and not call.named else ()
    return Command(call.name, tuple(call.arguments) or only, call.named)


@dataclass(frozen=True)
class Round:
    """What the model thought and called, and what it was given.

    commands, results: the text that MOSS writes and sees for it. calls: the same as data, with what people see.
    sources: what the numbers in the results stand for, which the answer may cite.
    text: what the model said to the person before its calls.
    """

    thoughts: str = ""
    commands: str = NO_COMMAND
    results: str = NO_COMMAND
    calls: tuple[Call, ...] = ()
    sources: tuple[Citation, ...] = ()
    text: str = ""

    def __post_init__(self) -> None:
        check_markers(thoughts=self.thoughts, commands=self.commands, results=self.results, text=self.text)


@dataclass(frozen=True)
class Turn:
    """A question, the rounds, the answer as the model wrote it.

    time: when it began, UTC, ISO 8601. finish: why the answer ended, as in `Reply`. notices: what people were told.
    status: "stopped" if it was ended before its time; `answer` is what was written until then.
    untold: how many turns of the conversation the model was not told any more: they did not fit.
    """

    question: str
    rounds: tuple[Round, ...] = (Round(),)
    answer: str = ""
    id: str = field(default_factory=new_id)
    time: str = field(default_factory=now)
    citations: tuple[Citation, ...] = ()
    usage: Usage = Usage()
    seconds: float = 0.0
    finish: str = "stop"
    notices: tuple[str, ...] = ()
    status: Literal["done", "stopped"] = "done"
    untold: int = 0

    def __post_init__(self) -> None:
        check_markers(answer=self.answer)
        if not self.rounds:
            raise ValueError("a turn has a round at least")

    @property
    def text(self) -> str:
        """What the model said, as people saw it: without citations that point at nothing."""
        said = "\n\n".join(filter(None, (*(each.text for each in self.rounds), self.answer)))
        return check_citations(said, {citation.number for citation in self.citations})[0]

    @property
    def thoughts(self) -> str:
        return "\n".join(filter(None, (each.thoughts for each in self.rounds)))

    @property
    def calls(self) -> tuple[Call, ...]:
        return tuple(call for each in self.rounds for call in each.calls)

    @property
    def is_cut_off(self) -> bool:
        """Whether something that the model wrote ended at max_new_tokens or at the end of the context."""
        return self.finish == "length" or any(" cut off: " in notice for notice in self.notices)

    @property
    def images(self) -> tuple[Picture, ...]:
        return tuple(image for call in self.calls for image in call.images)


def count_untold(turns: Sequence[Turn]) -> int:
    """Return how many of the oldest turns the model is not told any more, the last one never among them."""
    return max(0, min(turns[-1].untold, len(turns) - 1)) if turns else 0
