"""The context window: which turns of a conversation a session holds, and the one that is being written.

The session always holds the preamble, the newest turns and the running turn, in this order. What is new is appended;
when it does not fit, the oldest turns go, whole, and the rest is computed anew. The conversation never loses a turn.

What the session holds depends on the records of the turns alone, not on how they came about: a turn that is over is
held as the tokens of its text, whatever tokens the model wrote it in, and each record says how many turns were dropped
before it. So a conversation that goes on in another process is the same there, token for token.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass

from moss_agent.cancellation import NEVER, Cancellation
from moss_agent.errors import ContextFull
from moss_agent.events import HistoryTrimmed
from moss_agent.records import Turn, count_untold
from moss_agent.session import Session

LONGEST_TOKEN = 256  # characters


@dataclass(frozen=True)
class _Held:
    """A turn that the session holds, from the token `mark` on."""

    turn: Turn
    mark: int


class Window:
    """Keeps a session in step with a conversation.

    render: the text of a turn. reserve: tokens that should be free before the model writes.
    """

    def __init__(self, session: Session, render: Callable[[Turn], str], reserve: int) -> None:
        self._session = session
        self._render = render
        self._reserve = reserve
        self._preamble = session.length
        self._turns: list[Turn] = []  # of the conversation, without the running one
        self._held: list[_Held] = []  # the newest of them
        self._start = self._preamble  # where the running turn begins
        self._running = ""  # its text
        self._cancellation = NEVER  # of the running turn
        self._is_rebuilt = False  # whether the running turn has changed what stands before it

    def begin(self, turns: Sequence[Turn], cancellation: Cancellation) -> Iterator[HistoryTrimmed]:
        """Begin a turn after those: keep what the session holds of them, append what it lacks."""
        self._turns, self._running, self._cancellation = list(turns), "", cancellation
        self._is_rebuilt = True  # until it is done, what is held may not be what the session has
        expected = len(self._turns) - count_untold(self._turns)
        self._keep_common(len(self._turns) - expected)
        if self._held:
            try:
                self._settle_last()
                for turn in self._turns[len(self._turns) - expected + len(self._held) :]:
                    self._append(turn, self._render(turn))
            except ContextFull:
                yield from self._drop_turns(expected)
        else:
            chosen = self._newest(expected, free=0)
            if len(chosen) < expected:
                chosen = self._newest(len(chosen), self._enough)
                yield HistoryTrimmed(expected - len(chosen))
            self._rebuild(chosen)
        self._settle()

    @property
    def dropped(self) -> int:
        """How many of the turns before the running one the session does not hold."""
        return len(self._turns) - len(self._held)

    def commit(self, turn: Turn) -> None:
        """Make the running turn, which is complete, one of the held turns."""
        self._held.append(_Held(turn, self._start))
        self._settle()

    def undo(self) -> None:
        """Roll back the running turn; the next `begin` restores the turns that it displaced."""
        if self._is_rebuilt:
            self._forget()
        else:
            self._session.rewind(self._start)
        self._settle()

    def feed(self, text: str) -> Iterator[HistoryTrimmed]:
        """Append text to the running turn, at the cost of the oldest turns if need be.

        Raises ContextFull if the running turn does not fit even alone.
        """
        self._running += text
        try:
            self._session.extend(text, self._cancellation)
        except ContextFull:
            if not self._held:
                raise
            yield from self._drop_turns(len(self._held))

    def extend_with_first_that_fits(self, texts: Iterable[str]) -> Generator[HistoryTrimmed, None, int]:
        """Append the first text that leaves the model room to write, else the last that fits at all.

        Return its place among the texts. Raises ContextFull if none fits.
        """
        before, fits, full = self._running, None, None
        for place, text in enumerate(texts):
            held, length, lost = len(self._held), self._session.length, 0
            try:
                yield from self.feed(text)
                if self._held or self._session.room >= self._reserve // 2:
                    return place
                fits = place, text
            except ContextFull as error:
                full, lost = error, held
            self._running = before
            if held:
                self._rebuild([])
            else:
                self._session.rewind(length)
            if lost:
                yield HistoryTrimmed(lost)
        if fits is None:
            raise full or ContextFull("there is nothing to append")
        yield from self.feed(fits[1])
        return fits[0]

    def record_generated(self, text: str) -> None:
        """Note what the model has appended by itself."""
        self._running += text

    def make_room(self) -> Iterator[HistoryTrimmed]:
        """Free the room that the model may want before it writes, if old turns can give it."""
        if self._session.room < self._reserve and self._held:
            yield from self._drop_turns(len(self._held))

    def _keep_common(self, first: int) -> None:
        """Rewind to what the session has in common with the turns from the `first` on."""
        if not (self._held and self._turns[first:] and self._turns[first] is self._held[0].turn):
            self._forget()
        for place, held in enumerate(self._held):
            if first + place >= len(self._turns) or self._turns[first + place] is not held.turn:
                self._session.rewind(held.mark)
                del self._held[place:]
                break

    def _settle_last(self) -> None:
        """Hold the newest turn as the tokens of its text: the model may have written others. Raises ContextFull."""
        last = self._held[-1]
        self._session.replace(last.mark, self._render(last.turn), self._cancellation)

    def _settle(self) -> None:
        """Let the running turn begin here: `undo` does not go further back."""
        self._start, self._is_rebuilt = self._session.length, False

    def _forget(self) -> None:
        self._session.rewind(self._preamble)
        self._held = []

    def _append(self, turn: Turn, text: str) -> None:
        mark = self._session.length
        self._session.extend(text, self._cancellation)
        self._held.append(_Held(turn, mark))

    def _drop_turns(self, expected: int) -> Iterator[HistoryTrimmed]:
        """Hold fewer than the expected turns, and some fewer still, so that it need not happen every turn."""
        self._is_rebuilt = True
        chosen = self._newest(expected - 1, self._enough)
        self._rebuild(chosen)
        yield HistoryTrimmed(expected - len(chosen))

    @property
    def _enough(self) -> int:
        """Tokens that are free after turns were dropped."""
        return max(self._reserve, self._session.context_length // 4)

    def _newest(self, most: int, free: int) -> list[tuple[Turn, str]]:
        """Choose at most so many of the newest turns that leave tokens free; older ones are not tokenised."""
        self._session.rewind(self._preamble)
        room = self._session.room - self._session.count(self._running, self._cancellation) - free
        chosen: list[tuple[Turn, str]] = []
        for turn in reversed(self._turns[len(self._turns) - most :]):
            text = self._render(turn)
            if len(text) > room * LONGEST_TOKEN:
                break
            room -= self._session.count(text, self._cancellation)
            if room < 0:
                break
            chosen.insert(0, (turn, text))
        return chosen

    def _rebuild(self, turns: Iterable[tuple[Turn, str]]) -> None:
        """Make the session hold the preamble, the given turns and the running one. Raises ContextFull."""
        self._is_rebuilt = True
        self._forget()
        for turn, text in turns:
            self._append(turn, text)
        self._start = self._session.length
        self._session.extend(self._running, self._cancellation)
