"""The agent: a question in, events out, one growing KV cache from turn to turn.

One turn, top to bottom, is `Agent._turn`: the model thinks, writes commands that start running at once, is
given their results, and answers.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import contextmanager
from typing import Any

from moss_agent.conversation import Conversation
from moss_agent.errors import UsageError
from moss_agent.events import Event, Notice, Reply, Text, Thoughts, Usage
from moss_agent.plugin_host import PluginRunner
from moss_agent.protocol import (
    ANSWER,
    COMMANDS,
    MARKERS,
    NO_COMMAND,
    RESULTS,
    THOUGHTS,
    CommandRead,
    ParseEvent,
    Segment,
    TextRead,
    TurnParser,
    possible_marker,
    render_human,
    render_segment,
)
from moss_agent.turn_results import TurnResults
from moss_agent.window import Session, Window

Events = Generator[Event, None, None]


class Agent:
    """A model with plugins and one conversation.

    preamble: the text before the first turn. sampling: how the session chooses tokens.
    conversation: an earlier one to continue; its turns are computed anew at the first question.
    """

    def __init__(
        self,
        session: Session,
        runner: PluginRunner,
        *,
        preamble: str,
        sampling: Any,
        conversation: Conversation | None = None,
    ) -> None:
        self._busy = threading.Lock()
        self._session = session
        self._runner = runner
        self._results: TurnResults | None = None  # of the running turn
        self._sampling = sampling
        reserve = min(sampling.max_new_tokens, session.context_length // 4)
        self._window = Window(session, Conversation(preamble), reserve)
        if conversation is not None:
            self.conversation = conversation

    @property
    def conversation(self) -> Conversation:
        """The conversation so far. Set it to continue another one."""
        return self._window.conversation

    @conversation.setter
    def conversation(self, conversation: Conversation) -> None:
        with self._alone():
            preamble = self._window.conversation.preamble  # the plugins are this agent's, whatever they were before
            self._window.forget()
            self._window.conversation = Conversation(preamble, list(conversation.turns))

    @classmethod
    def from_pretrained(cls, model: str = "mini", **settings: Any) -> Agent:
        """An agent on `mini`, a folder or a hub name. `settings`: the fields of `Settings`.

        Raises MossAgentError, with a message of one line, if the model or a plugin cannot be had.
        """
        from moss_agent.assembly import build_agent  # the one import upwards: this is the front door
        from moss_agent.settings import make_settings

        return build_agent(make_settings({"model": model, **settings}))

    def ask(self, question: str) -> Reply:
        """Ask and wait for the whole reply."""
        return _last(self.stream(question))

    def stream(self, question: str) -> Events:
        """Ask and get events as they happen; the last one is the `Reply`.

        Closing the iterator, an interrupt or an error leaves the conversation as it was before the question.
        Raises UsageError for an empty question or while another turn runs, EngineError if the model fails.
        """
        if not question.strip():
            raise UsageError("the question is empty")
        with self._alone():
            yield from self._undoable_turn(question)

    async def astream(self, question: str) -> AsyncIterator[Event]:
        """`stream` for asyncio: the turn runs in a thread, cancelling it undoes the turn."""
        events = self.stream(question)
        step = None
        try:
            while True:
                step = asyncio.ensure_future(asyncio.to_thread(next, events, None))
                event = await asyncio.shield(step)
                if event is None:
                    return
                yield event
        finally:
            if step is not None and not step.done():
                if self._results:
                    self._results.abandon()
                await asyncio.wait([step])
            await asyncio.to_thread(events.close)

    def regenerate(self) -> Reply:
        """Take the last turn back and ask its question again. With greedy decoding the reply is the same."""
        return _last(self.stream_again())

    def stream_again(self) -> Events:
        """`regenerate` as events. If it does not end well, the old turn is kept."""
        with self._alone():
            if not self.conversation.turns:
                raise UsageError("there is no turn to regenerate")
            old, count = self.conversation.turns[-1], len(self.conversation.turns)
            try:
                self._window.take_back()
                yield from self._undoable_turn(old.human)
            finally:
                if len(self.conversation.turns) < count:
                    self.conversation.turns.append(old)
                    self._window.forget()

    def reset(self) -> None:
        """Forget the conversation; the model and the preamble stay."""
        self.conversation = Conversation()

    def close(self) -> None:
        """Free the KV cache and end the plugins' processes."""
        self._session.close()
        self._runner.close()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep everything else away from the session."""
        if not self._busy.acquire(blocking=False):
            raise UsageError("a turn of this agent is running: finish or close it first")
        try:
            yield
        finally:
            self._busy.release()

    def _turn(self, question: str) -> Generator[Event, None, Reply]:
        """The central loop: what the program feeds and what the model writes, in order."""
        started, meter = time.monotonic(), _Meter(self._session)
        results = self._results = TurnResults(self._runner, len(self.conversation.turns) + 1)
        yield from self._window.feed(render_human(question))
        thoughts = yield from self._write(THOUGHTS, results)
        if self._session.stopped_by == ANSWER.header:  # the model went straight to its answer
            yield from self._window.feed(render_segment(COMMANDS, NO_COMMAND))
        else:
            yield from self._write(COMMANDS, results)
        yield from results.collect()
        yield from self._window.feed_first(render_segment(RESULTS, text) for text in results.texts())
        if results.is_shortened:
            yield Notice("the results are shortened: they were too long for the context of the model")
        written = yield from self._write(ANSWER, results)
        answer, citations, dangling = results.cite(written)
        if dangling:
            yield Notice(f"the answer cites what was not found: {', '.join(map(str, dangling))}")
        usage, seconds = meter.read(self._window.rebuilt), time.monotonic() - started
        return Reply(answer, thoughts, results.calls, citations, results.images, usage, seconds)

    def _undoable_turn(self, question: str) -> Iterator[Event]:
        """A turn that either becomes part of the conversation or leaves no trace."""
        try:
            yield from self._window.begin()
            reply = yield from self._turn(question)
            self._window.commit()
        except BaseException:
            if self._results:
                self._results.abandon()
            self._window.undo()
            raise
        yield reply

    def _write(self, segment: Segment, results: TurnResults) -> Generator[Event, None, str]:
        """Let the model write a segment: its header is fed, its end marker is put right if need be."""
        yield from self._window.feed(segment.header)
        yield from self._window.make_room()
        begin, text, parser = self._session.length, "", TurnParser()
        list(parser.feed(segment.header))
        for piece in self._session.decode(MARKERS, self._sampling):
            text += piece
            yield from self._read(parser.feed(piece), results)
            yield from results.finished()
        if self._session.stopped_by:
            yield from self._read(parser.close(), results)
        else:  # cut off, perhaps inside a marker
            text = text[: len(text) - possible_marker(text)]
        if self._session.stopped_by == segment.end:
            self._window.wrote(text + segment.end)
        else:
            self._session.rewind(begin)
            yield from self._window.feed(text + segment.end)
        if segment is ANSWER and (rest := results.checked("", last=True)):
            yield Text(rest)
        yield from self._window.feed("\n")
        if self._session.cut_off:
            yield Notice(f"{segment.name} cut off: max_new_tokens or the end of the context was reached")
        return text.strip()

    def _read(self, read: Iterator[ParseEvent], results: TurnResults) -> Iterator[Event]:
        """What the parser has read, as events of the turn; commands start running."""
        for event in read:
            if isinstance(event, CommandRead):
                yield from results.start(event.command)
            elif isinstance(event, TextRead) and event.segment is THOUGHTS:
                yield Thoughts(event.text)
            elif isinstance(event, TextRead) and event.segment is ANSWER and (text := results.checked(event.text)):
                yield Text(text)


class _Meter:
    """Counts a turn's tokens by the session's own counters."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._cached, self._prefilled, self._generated = session.cached, session.prefilled, session.generated

    def read(self, rebuilt: bool) -> Usage:
        """The counts so far. rebuilt: what was cached has been thrown away in between."""
        prefilled = self._session.prefilled - self._prefilled
        generated = self._session.generated - self._generated
        cached = 0 if rebuilt else self._cached
        return Usage(cached + prefilled, prefilled, cached, generated)


def _last(events: Iterator[Event]) -> Reply:
    """The last event, which is the reply."""
    reply = None
    for event in events:
        reply = event
    return reply
