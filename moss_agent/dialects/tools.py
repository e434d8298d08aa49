"""Chat models with tool calls: a turn as messages, plugins as tools, several rounds of calls up to the answer.

The model is told everything anew before it writes, as such APIs want it; what it has read already is for the engine to
know. The oldest turns are left out when the context is full; the conversation never loses them.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date

from moss_agent.calls import FinishedCall
from moss_agent.cancellation import NEVER, Cancellation
from moss_agent.dialects.dialect import Read, Written
from moss_agent.dialects.messages import (
    NOT_RUN,
    for_chat,
    harmless,
    numbered,
    round_messages,
    turn_messages,
)
from moss_agent.dialects.results import Told, renderings, tell
from moss_agent.dialects.spoken import Spoken
from moss_agent.errors import ContextFull
from moss_agent.events import Call, Citation, HistoryTrimmed, Notice
from moss_agent.messages import ChatModel, ChatSession, Message, MessagePiece, Tool, ToolCall
from moss_agent.protocol import NO_COMMAND, as_written, neutralise
from moss_agent.records import Round, Turn, count_untold
from moss_agent.session import Generation

HITS = 5  # of a search
HIT_LENGTH = 1000  # characters
GOES_ON = "the model goes on calling plugins: it repeats itself or has reached max_rounds, and has to answer"
CUT_OFF = "the message was cut off: max_new_tokens or the end of the context was reached"
DATE = "{date}"  # in the system text, stands for the day on which a turn begins


@dataclass(frozen=True)
class ToolsDialect:
    """A chat model and its tools. system: its text; reserve: tokens that should be free before the model writes."""

    model: ChatModel
    system: str
    tools: Sequence[Tool]
    reserve: int

    @property
    def preamble(self) -> str:
        return dated(self.system)

    def open(self) -> ToolsSession:
        reserve = min(self.reserve, self.model.context_length // 4)
        return ToolsSession(self.model.chat_session(self.tools), self.system, self.tools, self.model, reserve)

    def close(self) -> None:
        self.model.close()


def dated(text: str) -> str:
    """Return the text with today's date."""
    return text.replace(DATE, f"{date.today():%A, %Y-%m-%d}")


class ToolsSession:
    """The turns of one conversation with a chat model."""

    continues_answers = False

    def __init__(
        self, session: ChatSession, system: str, tools: Sequence[Tool], model: ChatModel, reserve: int
    ) -> None:
        self._session = session
        self._system_text = system
        self._tools = {tool.name: tool for tool in tools}
        self._room = model.context_length - reserve
        self._cancellation = NEVER
        self.untold = 0
        self._history: list[Turn] = []  # the newest turns, which the model is told
        self._running: list[Message] = []  # the turn that is being written
        self._known: set[int] = set()  # numbers that the answer may cite
        self._has_said = False  # whether the model has said something in the running turn
        self._said = Message("assistant", "")  # the calls of the running round, and what came before them

    def begin(
        self, turns: Sequence[Turn], question: str, rounds: Sequence[Round], cancellation: Cancellation
    ) -> Iterator[HistoryTrimmed]:
        self._cancellation = cancellation
        self.untold = count_untold(turns)
        self._history = list(turns[self.untold :])
        self._has_said = any(done.text for done in rounds)
        self._running = [Message("user", harmless(question))]
        for done in rounds:
            self._running += round_messages(done, self._tools, done.thoughts)
        self._known = {source.number for done in rounds for source in done.sources}
        yield from self._make_room()

    def write_round(self, is_first: bool) -> Generator[Read, None, Written | None]:
        written = yield from self._write(may_call=True)
        if not written.calls:
            return Written(written.thoughts, NO_COMMAND, answer=written.text)
        calls = tuple(replace(call, arguments=harmless(call.arguments)) for call in written.calls)
        self._said = Message("assistant", as_written(written.text), calls, written.thoughts)
        return Written(written.thoughts, neutralise(", ".join(map(str, written.commands))), written.text)

    def give_results(
        self, calls: Sequence[FinishedCall], sources: Mapping[int, Citation]
    ) -> Generator[Read, None, Told]:
        """Tell the results, shortened if they are too long for the context."""
        before, chosen = len(self._running), None
        for told in renderings(calls, (), HIT_LENGTH, len(sources), HITS):
            chosen, was_full = for_chat(told), chosen is not None
            del self._running[before:]
            self._running += [self._said, *self._results(chosen)]
            yield from self._make_room()
            if self._fits():
                break
        assert chosen is not None  # there is one rendering at least
        if was_full:
            yield Notice("the results are shortened: they were too long for the context of the model")
        self._known |= set(chosen.sources)
        return chosen

    def write_answer(self, begun: str = "") -> Generator[Read, None, str]:
        written = yield from self._write(may_call=False)
        return written.text

    def record(self, calls: Sequence[FinishedCall]) -> tuple[Call, ...]:
        return for_chat(tell(calls, (), HIT_LENGTH, hits=HITS)).calls

    def commit(self, turn: Turn) -> None:
        """Nothing is kept: the next turn is told all that it needs."""

    def undo(self) -> None:
        """Nothing is kept of a turn that did not end."""

    def close(self) -> None:
        self._session.close()

    @property
    def _messages(self) -> list[Message]:
        told = (message for turn in self._history for message in turn_messages(turn, self._tools))
        return numbered([self._system, *told, *self._running])

    @property
    def _system(self) -> Message:
        return Message("system", dated(self._system_text))

    def _check_system(self) -> None:
        """Raise ContextFull if no question has room beside the system text and the tools."""
        needed = self._session.count([self._system])
        if needed >= self._room:
            raise ContextFull(
                f"the system text and the plugins alone need {needed} tokens, {self._room} are there for all that the"
                " model reads: raise context_length or enable fewer plugins"
            )

    def _fits(self) -> bool:
        return self._session.count(self._messages) <= self._room

    def _make_room(self) -> Iterator[HistoryTrimmed]:
        """Leave out the oldest turns, and some more, so that it need not happen every turn."""
        before = len(self._history)
        while self._history and not self._fits():
            self._drop_half()
        if before > len(self._history):
            yield HistoryTrimmed(before - len(self._history))

    def _drop_half(self) -> None:
        count = (len(self._history) + 1) // 2
        self.untold += count
        del self._history[:count]

    def _results(self, told: Told) -> Iterator[Message]:
        """Yield a message for each call: those that were not run are answered too."""
        for place, call in enumerate(self._said.calls):
            text = told.calls[place].result if place < len(told.calls) else NOT_RUN
            yield Message("tool", harmless(as_written(text)), call_id=call.id)

    def _write(self, may_call: bool) -> Generator[Read, None, Spoken]:
        """Let the model write a message."""
        spoken, is_cut = Spoken(self._known, self._has_said), False
        with closing(self._pieces(may_call)) as pieces:
            for piece in pieces:
                if isinstance(piece, (Generation, HistoryTrimmed)):
                    is_cut = isinstance(piece, Generation) and piece.finish == "length"
                    yield piece
                elif not isinstance(piece, ToolCall):
                    yield from spoken.push(piece)
                elif may_call:
                    yield from spoken.call(piece, self._tools)
                elif not spoken.calls:
                    spoken.calls.append(piece)
                    yield Notice(GOES_ON)
        yield from spoken.end()
        if is_cut:
            yield Notice(CUT_OFF)
        elif not spoken.text and not (may_call and spoken.calls):
            yield Notice("the model has ended without an answer")
        self._has_said = self._has_said or bool(spoken.text)
        return spoken

    def _pieces(self, may_call: bool) -> Generator[MessagePiece | HistoryTrimmed | Generation, None, None]:
        """Yield what the model writes; with fewer old turns if the server finds them too long."""
        while True:
            writing = self._session.write(self._messages, may_call=may_call, cancellation=self._cancellation)
            try:
                yield (yield from writing)
                return
            except ContextFull:
                if not self._history:
                    self._check_system()
                    raise
                before = len(self._history)
                self._drop_half()
                yield HistoryTrimmed(before - len(self._history))
