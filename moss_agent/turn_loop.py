"""The loop of one turn: a question in, events out.

One turn, top to bottom, is `TurnLoop.run`: the model thinks and writes commands that start running at once, is given
their results, perhaps writes more, and answers.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from moss_agent.calls import FinishedCall, TurnCalls
from moss_agent.cancellation import Cancellation
from moss_agent.dialects.dialect import DialectSession, FaultyCall, Read
from moss_agent.draft import Draft
from moss_agent.events import CallFinished, Event, Events, Notice, Text, Thoughts
from moss_agent.protocol import CitationFilter, Command
from moss_agent.records import Round, Turn
from moss_agent.session import Generation

T = TypeVar("T")


class TurnLoop:
    """One turn: `draft` is what has been written of it, `calls` runs its commands. max_rounds: as for `Chat`."""

    def __init__(self, dialect: DialectSession, calls: TurnCalls, draft: Draft, max_rounds: int) -> None:
        self._dialect = dialect
        self._calls = calls
        self._draft = draft
        self._max_rounds = max_rounds

    def stopped(self) -> Turn:
        """Return the record as it is if the turn is stopped here; the turn may go on."""
        left = self._dialect.record(self._calls.stopped(self._draft.called))
        return replace(self._draft).turn("stopped", left)

    def run(self, turns: Sequence[Turn], cancellation: Cancellation) -> Events:
        """Run the central loop: what the model is given and what it writes, in order. turns: those before it."""
        draft, calls = self._draft, self._calls
        begun = draft.answer = draft.answer if self._dialect.continues_answers else ""
        answer = None
        yield from self._dialect.begin(turns, draft.question, draft.rounds, cancellation)
        while not begun and len(draft.rounds) < self._max_rounds:
            written = yield from self._watch(self._dialect.write_round(not draft.rounds))
            if written is None or written.answer is not None:
                answer = written.answer if written else None
                break
            yield from self._report(calls.collect())
            ended = calls.ended(draft.called)
            told = yield from self._watch(self._dialect.give_results(ended, draft.sources))
            sources = tuple(told.sources.values())
            draft.end_round(Round(written.thoughts, written.commands, told.text, told.calls, sources, written.text))
            if draft.repeats_itself:  # it has none, or gets nowhere
                break
        if answer is None:
            answer = yield from self._watch(self._dialect.write_answer(begun))
        if dangling := draft.end_answer(answer):
            yield Notice(f"the answer cites what was not found: {', '.join(map(str, dangling))}")

    def _watch(self, reads: Generator[Read, None, T]) -> Generator[Event, None, T]:
        """Pass on what the model writes as events; start its commands, filter its citations, note it in the draft."""
        draft, calls = self._draft, self._calls
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


def _text(text: str) -> Iterator[Text]:
    if text:
        yield Text(text)
