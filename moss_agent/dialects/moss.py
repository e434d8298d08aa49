"""MOSS's text: what the program feeds and what the model writes in one turn, segment by segment."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import tee

from moss_agent.calls import FinishedCall
from moss_agent.cancellation import NEVER, Cancellation
from moss_agent.dialects.dialect import Read, Written
from moss_agent.dialects.results import Told, renderings, tell
from moss_agent.dialects.window import Window
from moss_agent.events import Call, Citation, HistoryTrimmed, Notice, Text, Thoughts
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
    hit_length,
    possible_marker,
    render_human,
    render_segment,
)
from moss_agent.records import Round, Turn
from moss_agent.session import Generation, Model, Sampling, Session


def render_turn(turn: Turn) -> str:
    """Return the turn as the model sees it."""
    rounds = "".join(_render_round(each) for each in turn.rounds)
    return render_human(turn.question) + rounds + render_segment(ANSWER, turn.answer)


def _render_round(done: Round) -> str:
    texts = {THOUGHTS: done.thoughts, COMMANDS: done.commands, RESULTS: done.results}
    return "".join(render_segment(segment, text) for segment, text in texts.items())


@dataclass(frozen=True)
class MossDialect:
    """A model that was taught MOSS's text. order: command names in the order in which their results are told."""

    model: Model
    preamble: str
    sampling: Sampling
    order: Sequence[str] = ()

    def open(self) -> MossSession:
        return MossSession(self.model.session(self.preamble), self.sampling, self.order)

    def close(self) -> None:
        self.model.close()


class MossSession:
    """The turns of one conversation on one session of the model."""

    continues_answers = True

    def __init__(self, session: Session, sampling: Sampling, order: Sequence[str]) -> None:
        self._session = session
        self._sampling = sampling
        self._order = order
        reserve = min(sampling.max_new_tokens, session.context_length // 4)
        self._window = Window(session, render_turn, reserve)
        self._cancellation = NEVER
        self._turn = 1
        self._next: Segment | None = None  # the segment whose header the model has written by itself

    def begin(
        self, turns: Sequence[Turn], question: str, rounds: Sequence[Round], cancellation: Cancellation
    ) -> Iterator[HistoryTrimmed]:
        """Begin a turn after those: feed the question, and the rounds that it has already had."""
        self._cancellation, self._turn, self._next = cancellation, len(turns) + 1, None
        yield from self._window.begin(turns, cancellation)
        yield from self._window.feed(render_human(question) + "".join(map(_render_round, rounds)))

    @property
    def untold(self) -> int:
        return self._window.dropped

    def commit(self, turn: Turn) -> None:
        self._window.commit(turn)

    def undo(self) -> None:
        self._window.undo()

    def close(self) -> None:
        self._session.close()

    def write_round(self, is_first: bool) -> Generator[Read, None, Written | None]:
        """Let the model think and write commands; None if it wants to answer instead.

        The first round of a turn is written as trained; whether there is another is for the model to say.
        """
        if not is_first:
            self._next = yield from self._choose()
            if self._next not in (THOUGHTS, COMMANDS):
                return None
        thoughts, commands = "", NO_COMMAND
        if self._next is not COMMANDS:
            thoughts, stop = yield from self._write(THOUGHTS)
            if stop == ANSWER.header:  # it goes straight to its answer
                yield from self._window.feed(render_segment(COMMANDS, NO_COMMAND))
                return Written(thoughts, commands)
        commands, _ = yield from self._write(COMMANDS)
        return Written(thoughts, commands)

    def give_results(
        self, calls: Sequence[FinishedCall], sources: Mapping[int, Citation]
    ) -> Generator[Read, None, Told]:
        """Feed the results, shortened if they are too long for the context."""
        told, texts = tee(renderings(calls, self._order, hit_length(self._turn), len(sources)))
        chosen = yield from self._window.extend_with_first_that_fits(render_segment(RESULTS, t.text) for t in texts)
        if chosen:
            yield Notice("the results are shortened: they were too long for the context of the model")
        return list(told)[chosen]

    def write_answer(self, begun: str = "") -> Generator[Read, None, str]:
        """Let the model answer. begun: what it has written of the answer already."""
        answer, _ = yield from self._write(ANSWER, begun)
        return answer

    def record(self, calls: Sequence[FinishedCall]) -> tuple[Call, ...]:
        return tell(calls, self._order).calls

    def _choose(self) -> Generator[Read, None, Segment | None]:
        """Let the model write the header of what it wants to write next; None if it writes anything else."""
        yield from self._window.make_room()
        begin = self._session.length
        generation = yield from self._generate(TurnParser())
        header = next((s for s in (THOUGHTS, COMMANDS, ANSWER) if s.header == generation.stop), None)
        if header is None or generation.text.strip():
            self._session.rewind(begin)
            return None
        self._window.record_generated(generation.text + header.header)
        return header

    def _write(self, segment: Segment, begun: str = "") -> Generator[Read, None, tuple[str, str]]:
        """Let the model write a segment; return its text and the marker that ended it.

        Its header is fed, its end marker put right if need be.
        """
        header = "" if self._next is segment else segment.header
        self._next = None
        yield from self._window.feed(header + (f" {begun}" if begun else ""))
        yield from self._window.make_room()
        begin, parser = self._session.length, TurnParser()
        list(parser.feed(f"{segment.header} {begun}" if begun else segment.header))
        generation = yield from self._generate(parser)
        text = generation.text
        if not generation.stop:  # cut off, perhaps inside a marker
            text = text[: len(text) - possible_marker(text)]
        if generation.stop == segment.end:
            self._window.record_generated(text + segment.end)
        else:
            self._session.rewind(begin)
            yield from self._window.feed(text + segment.end)
        yield from self._window.feed("\n")
        if generation.finish == "length":
            yield Notice(f"{segment.name} cut off: max_new_tokens or the end of the context was reached")
        return begun + text if begun else text[text[:1] in (" ", "\n") :], generation.stop

    def _generate(self, parser: TurnParser) -> Generator[Read, None, Generation]:
        """Let the model write up to a marker; what the parser reads of it comes as it is written."""
        pieces = self._session.generate(MARKERS, self._sampling, self._cancellation)
        ended: list[Generation] = []

        def until_end() -> Iterator[str]:
            ended.append((yield from pieces))

        for piece in until_end():
            yield from _read(parser.feed(piece))
        if ended[0].stop:
            yield from _read(parser.close())
        yield ended[0]
        return ended[0]


def _read(events: Iterator[ParseEvent]) -> Iterator[Read]:
    for event in events:
        if isinstance(event, CommandRead):
            yield event.command
        elif isinstance(event, TextRead) and event.segment is THOUGHTS:
            yield Thoughts(event.text)
        elif isinstance(event, TextRead) and event.segment is ANSWER:
            yield Text(event.text)
