"""The agent: a question in, events out, one growing KV cache from turn to turn.

One turn, top to bottom, is `Agent._turn`: the model thinks, writes commands that start running at once, is
given their results, and answers. Everything else here keeps the session, the conversation and the context
window in step, whatever happens in between.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Generator, Iterator, Sequence
from typing import Any, Protocol

from moss_agent.conversation import Conversation
from moss_agent.errors import ContextFull, UsageError
from moss_agent.events import Event, HistoryTrimmed, Notice, Reply, Text, Thoughts, Usage
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
    Turn,
    TurnParser,
    parse_turn,
    render_human,
    render_segment,
    render_turn,
)
from moss_agent.turn_results import TurnResults


class Session(Protocol):
    """What the agent needs of an engine: `engine.session.Session` is one."""

    context_length: int
    stopped_by: str
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
        self.conversation = conversation or Conversation()
        self.conversation.preamble = preamble
        self._session = session
        self._runner = runner
        self._sampling = sampling
        self._reserve = min(sampling.max_new_tokens, session.context_length // 4)
        self._marks: list[int] = []  # where the turns in the context begin; the newest turns are in it
        self._written = ""  # what the session holds of the running turn
        self._start = 0  # where the running turn begins
        self._busy = threading.Lock()

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

    def stream(self, question: str) -> Iterator[Event]:
        """Ask and get events as they happen; the last one is the `Reply`.

        Closing the iterator, an interrupt or an error leaves the conversation as it was before the question.
        Raises UsageError for an empty question or while another turn runs, EngineError if the model fails.
        """
        if not question.strip():
            raise UsageError("the question is empty")
        if not self._busy.acquire(blocking=False):
            raise UsageError("a turn of this agent is running: finish or close it first")
        try:
            yield from self._undoable_turn(question)
        finally:
            self._busy.release()

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
                await asyncio.wait([step])
            await asyncio.to_thread(events.close)

    def regenerate(self) -> Reply:
        """Take the last turn back and ask its question again. With greedy decoding the reply is the same."""
        return _last(self.stream_again())

    def stream_again(self) -> Iterator[Event]:
        """`regenerate` as events. If it does not end well, the old turn is kept."""
        if not self.conversation.turns:
            raise UsageError("there is no turn to regenerate")
        old = self._take_back()
        turns = len(self.conversation.turns)
        try:
            yield from self.stream(old.human)
        finally:
            if len(self.conversation.turns) == turns:
                self.conversation.turns.append(old)
                self._forget_context()

    def reset(self) -> None:
        """Forget the conversation; the model and the preamble stay."""
        self.conversation = Conversation(self.conversation.preamble)
        self._forget_context()

    def close(self) -> None:
        """Free the KV cache and end the plugins' processes."""
        self._session.close()
        self._runner.close()

    def _turn(self, question: str) -> Generator[Event, None, Reply]:
        """The central loop: what the program feeds and what the model writes, in order."""
        started, meter = time.monotonic(), _Meter(self._session)
        results = TurnResults(self._runner, len(self.conversation.turns) + 1)
        yield from self._feed(render_human(question))
        thoughts = yield from self._write(THOUGHTS, results)
        if self._session.stopped_by == ANSWER.header:  # the model went straight to its answer
            yield from self._feed(render_segment(COMMANDS, NO_COMMAND))
        else:
            yield from self._write(COMMANDS, results)
        yield from results.collect()
        yield from self._feed(render_segment(RESULTS, results.text))
        written = yield from self._write(ANSWER, results)
        answer, citations, dangling = results.cite(written)
        if dangling:
            yield Notice(f"removed citations that point at nothing: {', '.join(map(str, dangling))}")
        seconds = time.monotonic() - started
        return Reply(answer, thoughts, results.calls, citations, results.images, meter.read(), seconds)

    def _undoable_turn(self, question: str) -> Iterator[Event]:
        """A turn that either becomes part of the conversation or leaves no trace."""
        yield from self._open()
        self._start, self._written = self._session.length, ""
        try:
            reply = yield from self._turn(question)
        except BaseException:
            self._session.rewind(self._start)
            raise
        self.conversation.turns.append(parse_turn(self._written))
        self._marks.append(self._start)
        yield reply

    def _write(self, segment: Segment, results: TurnResults) -> Generator[Event, None, str]:
        """Let the model write a segment: its header is fed, its end marker is put right if need be."""
        yield from self._feed(segment.header)
        yield from self._make_room()
        begin, text, parser = self._session.length, "", TurnParser()
        reading = [parser.feed(segment.header)]
        for piece in self._session.decode(MARKERS, self._sampling):
            text += piece
            reading.append(parser.feed(piece))
            yield from self._read(reading, results)
            yield from results.finished()
        reading.append(parser.close())
        yield from self._read(reading, results)
        if self._session.stopped_by == segment.end:
            self._written += text + segment.end
        else:
            self._session.rewind(begin)
            yield from self._feed(text + segment.end)
        yield from self._feed("\n")
        return text.strip()

    def _read(self, reading: list[Iterator[ParseEvent]], results: TurnResults) -> Iterator[Event]:
        """What the parser makes of the newest text, as events of the turn."""
        while reading:
            for event in reading.pop(0):
                if isinstance(event, CommandRead):
                    yield from results.start(event.command)
                elif isinstance(event, TextRead) and event.segment is THOUGHTS:
                    yield Thoughts(event.text)
                elif isinstance(event, TextRead) and event.segment is ANSWER:
                    yield Text(event.text)

    def _feed(self, text: str) -> Iterator[Event]:
        """Append text to the session, at the cost of the oldest turns if there is no room."""
        try:
            self._session.extend(text)
        except ContextFull:
            yield from self._drop_turns(self._written + text)
        self._written += text

    def _make_room(self) -> Iterator[Event]:
        """Before the model writes: room for what it may want to write, if old turns can give it."""
        if self._session.room < self._reserve and self._marks:
            yield from self._drop_turns(self._written)

    def _drop_turns(self, running: str) -> Iterator[Event]:
        """Drop oldest turns until there is room, and some more, so that it need not happen every turn.

        running: text of the running turn. Raises ContextFull if it does not fit even alone.
        """
        enough = max(self._reserve, self._session.context_length // 4)
        before = len(self._marks)
        while True:
            keep = len(self._marks) - 1
            turns = self.conversation.turns[-keep:] if keep > 0 else []
            try:
                self._rebuild(turns, running)
            except ContextFull:
                if not turns:
                    raise
                self._marks = self._marks[-keep:]
                continue
            if self._session.room >= enough or not turns:
                break
        if before > len(self._marks):
            yield HistoryTrimmed(before - len(self._marks))

    def _rebuild(self, turns: Sequence[Turn], running: str) -> None:
        """Make the session hold the preamble, the given turns and the running one."""
        self._session.rewind(0)
        self._session.extend(self.conversation.preamble)
        marks = []
        for turn in turns:
            marks.append(self._session.length)
            self._session.extend(render_turn(turn))
        self._start = self._session.length
        self._session.extend(running)
        self._marks = marks

    def _open(self) -> Iterator[Event]:
        """Bring the session to the conversation's state: at the first turn, or after it was forgotten."""
        if self._session.length:
            return
        try:
            self._rebuild(self.conversation.turns, "")
        except ContextFull:
            self._marks = [0] * len(self.conversation.turns)
            yield from self._drop_turns("")

    def _take_back(self) -> Turn:
        if self._marks:
            self._session.rewind(self._marks.pop())
        return self.conversation.turns.pop()

    def _forget_context(self) -> None:
        self._session.rewind(0)
        self._marks = []


class _Meter:
    """Counts a turn's tokens by the session's own counters."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._cached, self._prefilled, self._generated = session.cached, session.prefilled, session.generated

    def read(self) -> Usage:
        prefilled = self._session.prefilled - self._prefilled
        generated = self._session.generated - self._generated
        return Usage(self._cached + prefilled, prefilled, self._cached, generated)


def _last(events: Iterator[Event]) -> Reply:
    """The last event, which is the reply."""
    reply = None
    for event in events:
        reply = event
    return reply
