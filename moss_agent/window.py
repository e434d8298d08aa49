"""The context window: which turns of a conversation the session holds, and the one that is being written.

The session always holds the preamble, the newest turns and the running turn, in this order. What is new is
appended; when it does not fit, the oldest turns go, whole, and the rest is computed anew. The conversation
itself never loses a turn.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

from moss_agent.conversation import Conversation
from moss_agent.errors import ContextFull
from moss_agent.events import HistoryTrimmed
from moss_agent.protocol import Turn, parse_turn, render_turn


class Session(Protocol):
    """What is needed of an engine: `engine.session.Session` and `engine.remote.session.RemoteSession` are such.

    Lengths are in tokens.
    """

    context_length: int
    stopped_by: str
    cut_off: bool
    prefilled: int
    generated: int

    @property
    def length(self) -> int: ...
    @property
    def cached(self) -> int: ...
    @property
    def room(self) -> int: ...
    def extend(self, text: str) -> None: ...
    def decode(self, stop: Sequence[str], sampling: Any) -> Iterator[str]: ...
    def rewind(self, length: int) -> None: ...
    def close(self) -> None: ...


class Window:
    """Keeps a session in step with a conversation.

    reserve: tokens that should be free before the model writes.
    """

    def __init__(self, session: Session, conversation: Conversation, reserve: int) -> None:
        self.conversation = conversation
        self._session = session
        self._reserve = reserve
        self._marks: list[int] = []  # where the turns that the session holds begin: the newest ones
        self._start = 0  # where the running turn begins
        self._running = ""  # its text
        self.rebuilt = False  # whether this turn has changed what stands before it

    def begin(self) -> Iterator[HistoryTrimmed]:
        """Begin a turn. At first, or after `forget`, this brings the session to the conversation's state."""
        self._running, self.rebuilt = "", not self._session.length
        if self.rebuilt:
            self._marks = [0] * len(self.conversation.turns)
            try:
                self._rebuild(self.conversation.turns)
            except ContextFull:
                yield from self._drop_turns()
        self._start, self.rebuilt = self._session.length, False

    def commit(self) -> None:
        """The running turn is complete: make it part of the conversation."""
        self.conversation.turns.append(parse_turn(self._running))
        self._marks.append(self._start)

    def undo(self) -> None:
        """Make the running turn not have happened, its cost in old turns included."""
        if self.rebuilt:
            self.forget()
        else:
            self._session.rewind(self._start)

    def feed(self, text: str) -> Iterator[HistoryTrimmed]:
        """Append text to the running turn, at the cost of the oldest turns if need be.

        Raises ContextFull if the running turn does not fit even alone.
        """
        self._running += text
        try:
            self._session.extend(text)
        except ContextFull:
            if not self._marks:
                raise
            yield from self._drop_turns()

    def feed_first(self, texts: Iterable[str]) -> Iterator[HistoryTrimmed]:
        """Append the first of the texts that leaves the model room to write, else the last that fits at all.

        Raises ContextFull if none does.
        """
        before, fits, full = self._running, "", None
        for text in texts:
            held, length = len(self._marks), self._session.length
            try:
                yield from self.feed(text)
                if self._marks or self._session.room >= self._reserve // 2:
                    return
                fits = text
            except ContextFull as error:
                full = error
            self._running, lost = before, len(self._marks)
            if held:  # they have gone, or would have and it was not enough
                self._rebuild(())
            else:
                self._session.rewind(length)
            if lost:
                yield HistoryTrimmed(lost)
        if not fits and full:
            raise full
        yield from self.feed(fits)

    def wrote(self, text: str) -> None:
        """Note what the model has appended by itself."""
        self._running += text

    def make_room(self) -> Iterator[HistoryTrimmed]:
        """Before the model writes: room for what it may want to write, if old turns can give it."""
        if self._session.room < self._reserve and self._marks:
            yield from self._drop_turns()

    def take_back(self) -> Turn:
        """Remove the last turn."""
        if self._marks:
            self._session.rewind(self._marks.pop())
        return self.conversation.turns.pop()

    def forget(self) -> None:
        """Empty the session; `begin` fills it again."""
        self._session.rewind(0)
        self._marks = []

    def _drop_turns(self) -> Iterator[HistoryTrimmed]:
        """Drop oldest turns until there is room, and some more, so that it need not happen every turn."""
        self.rebuilt = True
        enough = max(self._reserve, self._session.context_length // 4)
        held = len(self._marks)
        for keep in range(max(0, held - 1), -1, -1):
            try:
                self._rebuild(self.conversation.turns[len(self.conversation.turns) - keep :])
            except ContextFull:
                if keep == 0:
                    raise
            else:
                if self._session.room >= enough:
                    break
        if held > len(self._marks):
            yield HistoryTrimmed(held - len(self._marks))

    def _rebuild(self, turns: Sequence[Turn]) -> None:
        """Make the session hold the preamble, the given turns and the running one."""
        self._session.rewind(0)
        self._session.extend(self.conversation.preamble)
        marks = []
        for turn in turns:
            marks.append(self._session.length)
            self._session.extend(render_turn(turn))
        self._start = self._session.length
        self._session.extend(self._running)
        self._marks = marks
