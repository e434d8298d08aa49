"""One conversation: a question in, events out; turns asked anew, gone on with, taken back.

What happens inside a turn, top to bottom, is `turn_loop.TurnLoop.run`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import replace

from moss_agent.asynchronous import iterate_in_thread
from moss_agent.calls import Approval, OnApproval, TurnCalls
from moss_agent.cancellation import Cancellation
from moss_agent.conversation import Conversation
from moss_agent.dialects.dialect import DialectSession
from moss_agent.draft import Draft, reply_of, resumed
from moss_agent.errors import UsageError
from moss_agent.events import Event, Events, Notice, Reply
from moss_agent.plugin_host import PluginRunner
from moss_agent.recorder import Recorder
from moss_agent.records import Turn, count_untold
from moss_agent.store import Store
from moss_agent.turn_lock import TurnLock
from moss_agent.turn_loop import TurnLoop


class Chat:
    """One conversation on a runtime; `Runtime.chat` makes it. One turn at a time, whichever thread asks.

    conversation: an earlier one to continue. on_approval: decides on calls that need approval; without it they are
    refused unless `approve` is called before the next event is asked for. max_rounds: how often the model may call
    plugins in one turn. store: keeps every turn as it happens; model: what it calls the model.
    """

    def __init__(
        self,
        dialect: DialectSession,
        runner: PluginRunner,
        *,
        preamble: str = "",
        conversation: Conversation | None = None,
        on_approval: OnApproval | None = None,
        max_rounds: int = 1,
        store: Store | None = None,
        model: str = "",
    ) -> None:
        self._dialect = dialect
        self._runner = runner
        self._on_approval = on_approval
        self._max_rounds = max_rounds
        self._lock = TurnLock()
        self._calls: TurnCalls | None = None  # of the running turn
        self._recorder = Recorder(store, model, preamble)
        self._conversation = Conversation(preamble, self._recorder.adopt(conversation.turns if conversation else ()))

    @property
    def conversation(self) -> Conversation:
        """The conversation so far. Set it to continue another one."""
        return self._conversation

    @conversation.setter
    def conversation(self, conversation: Conversation) -> None:
        with self._lock.hold():
            # The plugins are this chat's, whatever they were before.
            turns = self._recorder.adopt(conversation.turns)
            self._conversation = Conversation(self._conversation.preamble, turns)

    @property
    def id(self) -> str:
        """The id of the conversation in the store; empty as long as nothing of it is stored."""
        return self._recorder.id

    @property
    def store(self) -> Store:
        """The store that keeps the conversation. Raises UsageError if there is none, HistoryError if it has failed."""
        return self._recorder.store

    def resume(self, name: str = "last") -> None:
        """Go on with a stored conversation. name: its id, or that of one of its turns, shortened, or `last`.

        Raises UsageError if there is no such one, HistoryError if it cannot be read.
        """
        with self._lock.hold():
            self._conversation = Conversation(self._conversation.preamble, self._recorder.resume(name))

    def fork(self) -> str:
        """Go on in a new conversation, which has the turns so far; the old one stays as it is. Return the new id."""
        with self._lock.hold():
            if not self._conversation.turns:
                raise UsageError("there is nothing to fork: ask something first")
            return self._recorder.fork(self._conversation.turns)

    def ask(self, question: str, *, keep_stopped: bool = False) -> Reply:
        """Ask and wait for the whole reply."""
        return _last(self.stream(question, keep_stopped=keep_stopped))

    def stream(self, question: str, *, keep_stopped: bool = False) -> Events:
        """Ask and get events as they happen; the last one is the `Reply`.

        Closing the iterator, an interrupt or an error leaves the conversation as it was before the question; with
        `keep_stopped` what was written by then stays, as a turn that is marked as stopped.
        Raises UsageError for an empty question or while another turn runs, EngineError if the model fails.
        """
        _refuse_empty(question)
        return self._stream(question, keep_stopped, Cancellation())

    def astream(self, question: str, *, keep_stopped: bool = False) -> AsyncIterator[Event]:
        """Return `stream` for asyncio: the turn runs in a thread of its own; leaving the loop cancels the turn."""
        _refuse_empty(question)
        cancellation = Cancellation()
        return iterate_in_thread(self._stream(question, keep_stopped, cancellation), cancellation)

    def _stream(self, question: str, keep_stopped: bool, cancellation: Cancellation) -> Events:
        yield from self._lock.run(self._recorded_turn(Draft(question), keep_stopped, cancellation), cancellation)

    def regenerate(self, *, keep_stopped: bool = False) -> Reply:
        """Take the last turn back and ask its question again. With greedy decoding the reply is the same."""
        return _last(self.stream_again(keep_stopped=keep_stopped))

    def stream_again(self, *, keep_stopped: bool = False) -> Events:
        """Do what `regenerate` does, as events.

        If the new turn does not end well, the old one stays; with `keep_stopped` what was written replaces it.
        """
        return self._replace_from(-1, lambda old: Draft(old.question), keep_stopped)

    def stream_on(self, *, keep_stopped: bool = False) -> Events:
        """Go on with the last turn, which was stopped: its results, and what was written of the answer, stay.

        keep_stopped: as for `stream_again`.
        """
        return self._replace_from(-1, lambda old: resumed(old, self._dialect.continues_answers), keep_stopped)

    def stream_edited(self, number: int, question: str, *, keep_stopped: bool = False) -> Events:
        """Ask another question in place of that number, counted from 1; what came after it goes.

        A store keeps the old question and all that followed, as another branch. keep_stopped: as for `stream_again`.
        """
        _refuse_empty(question)
        if not 1 <= number <= len(self._conversation.turns):
            raise UsageError(f"there is no question {number}: the conversation has {len(self._conversation.turns)}")
        return self._replace_from(number - 1, lambda _: Draft(question), keep_stopped)

    def drop(self) -> Turn:
        """Remove the last turn and return it."""
        with self._lock.hold():
            (turn,) = self._take_from(-1)
            self._recorder.move(self._conversation.turns)
            return turn

    def reset(self) -> None:
        """Forget the conversation; the model and the preamble stay."""
        self.conversation = Conversation()

    def approve(self, call_id: str, decision: Approval) -> None:
        """Decide on a call of the running turn that waits for approval. Thread-safe."""
        calls = self._calls
        if calls is None:
            raise UsageError("no turn of this chat is running")
        calls.approve(call_id, decision)

    def cancel(self) -> None:
        """End the running turn, wherever it is: the thread that runs it gets Cancelled. Thread-safe.

        A turn runs from when its first event is asked for: before that there is nothing to end.
        """
        self._lock.cancel()

    def close(self) -> None:
        """End the running turn, also one whose events nobody reads on, and free what the model keeps for this chat."""
        self._lock.close(self._dialect.close)

    def _take_from(self, place: int) -> list[Turn]:
        """Remove the turns from that place on and return them."""
        turns = self._conversation.turns
        taken = turns[place:]
        if not taken:
            raise UsageError("there is no turn to take back")
        del turns[place:]
        return taken

    def _replace_from(self, place: int, draft_of: Callable[[Turn], Draft], keep_stopped: bool) -> Events:
        cancellation = Cancellation()
        yield from self._lock.run(self._replacing(place, draft_of, keep_stopped, cancellation), cancellation)

    def _replacing(
        self, place: int, draft_of: Callable[[Turn], Draft], keep_stopped: bool, cancellation: Cancellation
    ) -> Events:
        """Run a turn in place of those from there on, which come back unless something is kept of the new one."""
        old = self._take_from(place)
        count = len(self._conversation.turns)
        try:
            yield from self._recorded_turn(draft_of(old[0]), keep_stopped, cancellation, old)
        finally:
            if len(self._conversation.turns) == count:
                self._conversation.turns += old

    def _recorded_turn(
        self, draft: Draft, keep_stopped: bool, cancellation: Cancellation, old: Sequence[Turn] = ()
    ) -> Events:
        """Run a turn that either becomes part of the conversation or leaves no trace. old: those that it replaces."""
        turns, recorder = self._conversation.turns, self._recorder
        draft.untold = count_untold(turns)
        calls = TurnCalls(self._runner, draft.id, cancellation, self._on_approval, draft.called)
        loop = TurnLoop(self._dialect, calls, draft, self._max_rounds)
        try:
            self._calls = calls
            with cancellation.calling(calls.cancel):
                recorder.begin(loop.stopped, turns)
                yield from _noted(self._told(loop, cancellation), draft)
            draft.untold = self._dialect.untold
            turn = draft.turn("done")
            self._dialect.commit(turn)
        except BaseException:
            calls.cancel()
            if keep_stopped and (draft.generations or draft.thoughts or draft.answer or calls.stopped(draft.called)):
                turns.append(loop.stopped())
                recorder.end(turns[-1], turns[:-1])
            else:
                recorder.take_back(draft.id, [*turns, *old])
            self._dialect.undo()
            raise
        finally:
            self._calls = None
        turns.append(turn)
        recorder.end(turn, turns[:-1])
        if news := list(_noted(recorder.news(), draft)):
            turns[-1] = replace(turn, notices=tuple(draft.notices))
            yield from news
        yield reply_of(turns[-1])

    def _told(self, loop: TurnLoop, cancellation: Cancellation) -> Events:
        """Run the loop; tell the recorder of each event before anybody sees it."""
        yield from self._recorder.news()
        for event in loop.run(self._conversation.turns, cancellation):
            self._recorder.grow(event, self._conversation.turns, loop.stopped)
            yield from self._recorder.news()
            yield event


def _refuse_empty(question: str) -> None:
    if not question.strip():
        raise UsageError("the question is empty")


def _noted(events: Iterator[Event], draft: Draft) -> Events:
    """Pass on the events of a turn with its id, and note in the draft what people are told."""
    for event in events:
        if isinstance(event, Notice):
            draft.notices.append(event.message)
        yield replace(event, turn_id=draft.id)


def _last(events: Iterator[Event]) -> Reply:
    """Return the last event, which is the reply."""
    reply = None
    for event in events:
        reply = event
    assert isinstance(reply, Reply)
    return reply
