"""The interface of a dialect: how a model is told of plugins, calls them, and is given their results.

`Dialect` is what a runtime opens once, `DialectSession` what each of its chats has. The loop in `turn_loop.py` knows
nothing else of a model.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, Union

from moss_agent.calls import FinishedCall
from moss_agent.cancellation import Cancellation
from moss_agent.dialects.results import Told
from moss_agent.events import Call, Citation, HistoryTrimmed, Notice, Text, Thoughts
from moss_agent.protocol import Command
from moss_agent.records import Round, Turn
from moss_agent.session import Generation


@dataclass(frozen=True)
class FaultyCall:
    """A call that cannot be run as it was written. reason: in one line, for the model too."""

    command: Command
    reason: str


Read: TypeAlias = Union[Thoughts, Text, Command, FaultyCall, Notice, HistoryTrimmed, Generation]
"""What comes of a turn while it is written: events, calls to run, and each generation as it ends."""


@dataclass(frozen=True)
class Written:
    """What the model wrote in a round.

    commands: its calls as text, `None` if there are none. text: what it said to the person before its calls.
    answer: the answer, if the model gave it instead of calls; None if it has yet to be written.
    """

    thoughts: str
    commands: str
    text: str = ""
    answer: str | None = None


class DialectSession(Protocol):
    """The turns of one conversation. Not thread-safe.

    continues_answers: whether `write_answer` can go on with an answer that has been begun.
    """

    continues_answers: bool

    @property
    def untold(self) -> int:
        """How many of the turns that the running one began after the model is not told, as they did not fit."""

    def begin(
        self, turns: Sequence[Turn], question: str, rounds: Sequence[Round], cancellation: Cancellation
    ) -> Iterator[HistoryTrimmed]:
        """Begin a turn after those: tell the question, and the rounds that it has already had.

        Of the turns the model is not told those that it was not told in the last one (`records.count_untold`).
        """

    def write_round(self, is_first: bool) -> Generator[Read, None, Written | None]:
        """Let the model think and write calls; None if it wants to answer instead and has written nothing."""

    def give_results(
        self, calls: Sequence[FinishedCall], sources: Mapping[int, Citation]
    ) -> Generator[Read, None, Told]:
        """Tell the results of the round. sources: what earlier rounds of the turn have numbered."""

    def write_answer(self, begun: str = "") -> Generator[Read, None, str]:
        """Let the model answer, without further calls. begun: what it has written of the answer already."""

    def record(self, calls: Sequence[FinishedCall]) -> tuple[Call, ...]:
        """Return the calls as data, with the results as this model sees them."""

    def commit(self, turn: Turn) -> None:
        """Keep the running turn, which is complete."""

    def undo(self) -> None:
        """Forget the running turn."""

    def close(self) -> None:
        """Free what the model keeps for the conversation."""


class Dialect(Protocol):
    """A model and how it is spoken to. Thread-safe."""

    @property
    def preamble(self) -> str:
        """The text that every conversation begins with."""

    def open(self) -> DialectSession:
        """Open a conversation."""

    def close(self) -> None:
        """Free what the model holds, its conversations included."""
