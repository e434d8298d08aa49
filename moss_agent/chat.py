"""One conversation and its turn loop: a question in, events out.

One turn, top to bottom, is `Chat._turn`: the model thinks and writes commands that start running at once, is given
their results, perhaps writes more, and answers.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Generator, Iterator
from dataclasses import replace
from typing import TypeVar

from moss_agent.asynchronous import iterate_in_thread
from moss_agent.calls import Approval, FinishedCall, OnApproval, TurnCalls
from moss_agent.cancellation import Cancellation
from moss_agent.conversation import Conversation
from moss_agent.dialects.dialect import DialectSession, FaultyCall, Read
from moss_agent.draft import Draft, reply_of, resumed
from moss_agent.errors import UsageError
from moss_agent.events import CallFinished, Event, Events, Notice, Reply, Text, Thoughts
from moss_agent.plugin_host import PluginRunner
from moss_agent.protocol import CitationFilter, Command
from moss_agent.records import Round, Turn, count_untold
from moss_agent.session import Generation
from moss_agent.turn_lock import TurnLock

T = TypeVar("T")


class Chat:
    """One conversation on a runtime; `Runtime.chat` makes it. One turn at a time, whichever thread asks.

    conversation: an earlier one to continue. on_approval: decides on calls that need approval; without it they are
    refused unless `approve` is called before the next event is asked for. max_rounds: how often the model may call
    plugins in one turn.
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
    ) -> None:
        self._dialect = dialect
        self._runner = runner
        self._on_approval = on_approval
        self._max_rounds = max_rounds
        self._lock = TurnLock()
        self._calls: TurnCalls | None = None  # of the running turn
        self._conversation = Conversation(preamble, list(conversation.turns) if conversation else [])

    @property
    def conversation(self) -> Conversation:
        """The conversation so far. Set it to continue another one."""
        return self._conversation

    @conversation.setter
    def conversation(self, conversation: Conversation) -> None:
        with self._lock.hold():
            # The plugins are this chat's, whatever they were before.
            self._conversation = Conversation(self._conversation.preamble, list(conversation.turns))

    def ask(self, question: str, *, keep_stopped: bool = False) -> Reply:
        """Ask and wait for the whole reply."""
        return _last(self.stream(question, keep_stopped=keep_stopped))

    def stream(self, question: str, *, keep_stopped: bool = False) -> Events:
        """Ask and get events as they happen; the last one is the `Reply`.

        Closing the iterator, an interrupt or an error leaves the conversation as it was before the question; with
        `keep_stopped` what was written by then stays, as a turn that is marked as stopped.
        Raises UsageError for an empty question or while another turn runs, EngineError if the model fails.
        """
        return self._stream(question, keep_stopped, Cancellation())

    def astream(self, question: str, *, keep_stopped: bool = False) -> AsyncIterator[Event]:
        """Return `stream` for asyncio: the turn runs in a thread of its own; leaving the loop cancels the turn."""
        cancellation = Cancellation()
        return iterate_in_thread(self._stream(question, keep_stopped, cancellation), cancellation)

    def _stream(self, question: str, keep_stopped: bool, cancellation: Cancellation) -> Events:
        if not question.strip():
            raise UsageError("the question is empty")
        yield from self._lock.run(self._recorded_turn(Draft(question), keep_stopped, cancellation), cancellation)

    def regenerate(self, *, keep_stopped: bool = False) -> Reply:
        """Take the last turn back and ask its question again. With greedy decoding the reply is the same."""
        return _last(self.stream_again(keep_stopped=keep_stopped))

    def stream_again(self, *, keep_stopped: bool = False) -> Events:
        """Do what `regenerate` does, as events.

        If the new turn does not end well, the old one stays; with `keep_stopped` what was written replaces it.
        """
        return self._replace_last(lambda old: Draft(old.question), keep_stopped)

    def stream_on(self, *, keep_stopped: bool = False) -> Events:
        """Go on with the last turn, which was stopped: its results, and what was written of the answer, stay.

        keep_stopped: as for `stream_again`.
        """
        return self._replace_last(resumed, keep_stopped)

    def drop(self) -> Turn:
        """Remove the last turn and return it."""
        with self._lock.hold():
            return self._pop()

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
        """End the running turn, wherever it is: the thread that runs it gets Cancelled. Thread-safe."""
        self._lock.cancel()

    def close(self) -> None:
        """End the running turn, also one whose events nobody reads on, and free what the model keeps for this chat."""
        self._lock.close(self._dialect.close)

    def _pop(self) -> Turn:
        if not self._conversation.turns:
            raise UsageError("there is no turn to take back")
        return self._conversation.turns.pop()

    def _replace_last(self, draft_of: Callable[[Turn], Draft], keep_stopped: bool) -> Events:
        cancellation = Cancellation()
        yield from self._lock.run(self._replacing(draft_of, keep_stopped, cancellation), cancellation)

    def _replacing(self, draft_of: Callable[[Turn], Draft], keep_stopped: bool, cancellation: Cancellation) -> Events:
        """Run a turn in place of the last one, which comes back unless something is kept of the new one."""
        old = self._pop()
        count = len(self._conversation.turns)
        try:
            yield from self._recorded_turn(draft_of(old), keep_stopped, cancellation)
        finally:
            if len(self._conversation.turns) == count:
                self._conversation.turns.append(old)

    def _recorded_turn(self, draft: Draft, keep_stopped: bool, cancellation: Cancellation) -> Events:
        """Run a turn that either becomes part of the conversation or leaves no trace."""
        calls = TurnCalls(self._runner, draft.id, cancellation, self._on_approval, draft.called)
        draft.untold = count_untold(self._conversation.turns)
        try:
            self._calls = calls
            with cancellation.calling(calls.cancel):
                yield from _noted(self._turn(draft, calls, cancellation), draft)
            draft.untold = self._dialect.untold
            turn = draft.turn("done")
            self._dialect.commit(turn)
        except BaseException:
            calls.cancel()
            if keep_stopped and (draft.generations or draft.thoughts or draft.answer):
                left = self._dialect.record(calls.stopped(draft.called))
                self._conversation.turns.append(draft.turn("stopped", left))
            self._dialect.undo()
            raise
        finally:
            self._calls = None
        self._conversation.turns.append(turn)
        yield reply_of(turn)

    def _turn(self, draft: Draft, calls: TurnCalls, cancellation: Cancellation) -> Events:
        """Run the central loop: what the model is given and what it writes, in order."""
        begun = draft.answer = draft.answer if self._dialect.continues_answers else ""
        answer = None
        yield from self._dialect.begin(self._conversation.turns, draft.question, draft.rounds, cancellation)
        while not begun and len(draft.rounds) < self._max_rounds:
            written = yield from self._watch(self._dialect.write_round(not draft.rounds), draft, calls)
            if written is None or written.answer is not None:
                answer = written.answer if written else None
                break
            yield from self._report(calls.collect())
            ended = calls.ended(draft.called)
            told = yield from self._watch(self._dialect.give_results(ended, draft.sources), draft, calls)
            sources = tuple(told.sources.values())
            draft.end_round(Round(written.thoughts, written.commands, told.text, told.calls, sources, written.text))
            if not told.calls:
                break
        if answer is None:
            answer = yield from self._watch(self._dialect.write_answer(begun), draft, calls)
        if dangling := draft.end_answer(answer):
            yield Notice(f"the answer cites what was not found: {', '.join(map(str, dangling))}")

    def _watch(self, reads: Generator[Read, None, T], draft: Draft, calls: TurnCalls) -> Generator[Event, None, T]:
        """Pass on what the model writes as events; start its commands, filter its citations, note it in the draft."""
        citations, ended = CitationFilter(draft.sources), []

        def until_end() -> Iterator[Read]:
            ended.append((yield from reads))

        for read in until_end():
            if isinstance(read, Command):
                yield from calls.start(read)
            elif isinstance(read, FaultyCall):
                yield from self._report(calls.refuse(read.command, read.reason))
            elif isinstance(read, Generation):
                draft.generations.append(read)
                yield from _text(citations.flush())
            elif isinstance(read, Text):
                draft.answer += read.text
                yield from _text(citations.push(read.text))
            else:
                draft.thoughts += read.text if isinstance(read, Thoughts) else ""
                yield read
            yield from self._report(calls.finished())
        return ended[0]

    def _report(self, news: Iterator[Event | FinishedCall]) -> Events:
        """Yield the events of the calls; pictures bring notices along."""
        for item in news:
            if not isinstance(item, FinishedCall):
                yield item
                continue
            yield CallFinished(item.index, self._dialect.record([item])[0], call_id=item.id)
            yield from map(Notice, dict.fromkeys(notice for image in item.images for notice in image.notices))


def _noted(events: Events, draft: Draft) -> Events:
    """Pass on the events of a turn with its id, and note in the draft what people are told."""
    for event in events:
        if isinstance(event, Notice):
            draft.notices.append(event.message)
        yield replace(event, turn_id=draft.id)


def _text(text: str) -> Iterator[Text]:
    if text:
        yield Text(text)


def _last(events: Iterator[Event]) -> Reply:
    """Return the last event, which is the reply."""
    reply = None
    for event in events:
        reply = event
    assert isinstance(reply, Reply)
    return reply
