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

LONGEST_TOKEN = 256  # characters


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
            turns = self.conversation.turns
            kept = self._count_fitting(turns, free=0)
            if kept < len(turns):
                kept = self._count_fitting(turns[len(turns) - kept :], self._enough)
                yield HistoryTrimmed(len(turns) - kept)
            self._rebuild(turns[len(turns) - kept :])
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
        held, turns = len(self._marks), self.conversation.turns
        candidates = turns[len(turns) - held + 1 :] if held else []
        kept = self._count_fitting(candidates, self._enough)
        self._rebuild(candidates[len(candidates) - kept :])
        if held > kept:
            yield HistoryTrimmed(held - kept)

    @property
    def _enough(self) -> int:
        """Tokens that are free after turns were dropped."""
        return max(self._reserve, self._session.context_length // 4)

    def _count_fitting(self, turns: Sequence[Turn], free: int) -> int:
        """How many of the newest turns leave `free` tokens beside the preamble and the running turn.

        Older turns than the first that does not fit are not tokenised. The session has to be rebuilt afterwards.
        """
        self._rebuild(())
        for count, turn in enumerate(reversed(turns)):
            text = render_turn(turn)
            try:
                if len(text) > self._session.room * LONGEST_TOKEN:
                    return count
                self._session.extend(text)  # behind newer ones: the tokens are as many as in the right order
            except ContextFull:
                return count
            if self._session.room < free:
                return count
        return len(turns)

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
