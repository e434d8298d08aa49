"""What a chat tells its store, as it happens: a question, each call as it ends, the answer as it grows and ends.

Everything is written before it is shown as finished. Text that streams is written at most once a second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from time import monotonic

from moss_agent.errors import HistoryError, UsageError, said_by
from moss_agent.events import CallFinished, CallProgress, Event, Notice, Text, Thoughts
from moss_agent.records import Turn, new_id
from moss_agent.store import About, Store, title_of

SECONDS = 1.0  # between two writes of what streams


class Recorder:
    """Keeps one conversation in a store. The first failure is a notice; the store is left alone after it.

    store: None to keep nothing. id: of the conversation in the store, empty before its first question.
    """

    def __init__(self, store: Store | None, model: str = "", preamble: str = "") -> None:
        self._store = store
        self._model = model
        self._preamble = preamble
        self._failure: Notice | None = None
        self._reason = ""  # why there is no store any more
        self._known: set[str] = set()  # the turns that the store has
        self._written = 0.0  # when something was written last
        self._is_behind = False  # whether something was shown since then
        self.id = ""

    @property
    def store(self) -> Store:
        """The store. Raises UsageError if there is none, HistoryError if it has failed."""
        if self._store is None and self._reason:
            raise HistoryError(f"this chat is not stored any more: {self._reason}")
        if self._store is None:
            raise UsageError("this chat is not stored: begin it with a store (on the command line: without --no-log)")
        return self._store

    def news(self) -> Iterator[Notice]:
        """Yield the failure of the store, once."""
        if self._failure:
            notice, self._failure = self._failure, None
            yield notice

    def adopt(self, turns: Sequence[Turn]) -> list[Turn]:
        """Go on with turns from elsewhere, as a new conversation; they get ids of their own if they are stored."""
        self.id, self._known = "", set()
        return [replace(turn, id=new_id()) for turn in turns] if self._store else list(turns)

    def resume(self, name: str) -> list[Turn]:
        """Go on with a stored conversation: return its turns. Raises UsageError, HistoryError."""
        stored = self.store.load(name)
        self.id, self._known = stored.about.id, {turn.id for turn in stored.turns} - stored.copies
        return stored.turns

    def fork(self, turns: Sequence[Turn]) -> str:
        """Begin a new conversation that has those turns already; return its id."""
        about = self._about(turns[0].question)
        self.store.create(about, turns[-1].id if turns[-1].id in self._known else None)
        self.id = about.id
        self._catch_up(self.store, turns)
        return about.id

    def begin(self, stopped: Callable[[], Turn], before: Sequence[Turn]) -> None:
        """Store a question, and the turns before it that the store has not. stopped: as for `grow`."""
        with self._guarded() as store:
            if store:
                turn = stopped()
                if not self.id:
                    about = self._about((*before, turn)[0].question)
                    store.create(about)
                    self.id = about.id
                self._catch_up(store, before)
                self._save(store, turn, _last_id(before), is_running=True)

    def grow(self, event: Event, before: Sequence[Turn], stopped: Callable[[], Turn]) -> None:
        """Store what the turn has come to with this event, if that is due. stopped: returns its record."""
        if self._store is None:
            return
        is_piece = isinstance(event, (Text, Thoughts, CallProgress))
        self._is_behind = self._is_behind or is_piece
        is_late = monotonic() - self._written > SECONDS
        if isinstance(event, CallFinished) or self._is_behind and (is_late or not is_piece):
            with self._guarded() as store:
                if store:
                    self._save(store, stopped(), _last_id(before), is_running=True)

    def end(self, turn: Turn, before: Sequence[Turn]) -> None:
        """Store a turn that is over."""
        with self._guarded() as store:
            if store and self.id:
                self._known.discard(turn.id)  # if this is interrupted, the next question stores it
                self._save(store, turn, _last_id(before), is_running=False)

    def take_back(self, turn: str, turns: Sequence[Turn]) -> None:
        """Store that a turn was not kept. turns: the conversation without it, or with what it was before."""
        with self._guarded() as store:
            if not store or not self.id:
                return
            if _last_id(turns) == turn:
                self._save(store, turns[-1], _last_id(turns[:-1]), is_running=False)
                return
            self._catch_up(store, turns)
            store.move(self.id, _last_id(turns), discard=turn)
            self._known.discard(turn)
            if not self._known:  # nor is there such a conversation any more
                self.id = ""

    def move(self, turns: Sequence[Turn]) -> None:
        """Store that the conversation goes on after the last of these turns."""
        with self._guarded() as store:
            if store and self.id:
                store.move(self.id, _last_id(turns))

    def _catch_up(self, store: Store, turns: Sequence[Turn]) -> None:
        """Store the turns that the store has not."""
        for place, turn in enumerate(turns):
            if turn.id not in self._known:
                self._save(store, turn, _last_id(turns[:place]), is_running=False)

    def _save(self, store: Store, turn: Turn, parent: str | None, is_running: bool) -> None:
        store.save(self.id, turn, parent, is_running=is_running)
        self._known.add(turn.id)
        self._written, self._is_behind = monotonic(), False

    def _about(self, question: str) -> About:
        return About(title_of(question), self._model, self._preamble)

    @contextmanager
    def _guarded(self) -> Iterator[Store | None]:
        """Give the store, if there still is one; whatever it raises is told once and reaches nobody else."""
        try:
            yield self._store
        except Exception as error:
            self._store, self._reason = None, said_by(error)
            self._failure = Notice(f"what is said from here on is not stored: {self._reason}")


def _last_id(turns: Sequence[Turn]) -> str | None:
    return turns[-1].id if turns else None
