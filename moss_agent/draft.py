"""The running turn as it grows, and the record that it becomes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass, field, replace
from time import monotonic
from typing import Literal

from moss_agent.errors import UsageError
from moss_agent.events import Call, Citation, Reply, Usage
from moss_agent.protocol import (
    NO_COMMAND,
    check_citations,
    cited_numbers,
    possible_marker,
    unfinished_citation,
    weak_citations,
)
from moss_agent.records import Round, Turn, new_id, now
from moss_agent.session import Generation


@dataclass
class Draft:
    """What has been written of a turn so far.

    rounds: those that are finished. thoughts: of the running round. answer: as the model writes it, or what it says
    before its calls. untold: as in `Turn`. usage, seconds: of the stopped turn that it goes on with.
    """

    question: str
    rounds: list[Round] = field(default_factory=list)
    answer: str = ""
    id: str = field(default_factory=new_id)
    time: str = field(default_factory=now)
    thoughts: str = ""
    citations: tuple[Citation, ...] = ()
    notices: list[str] = field(default_factory=list)
    generations: list[Generation] = field(default_factory=list)
    started: float = field(default_factory=monotonic)
    untold: int = 0
    usage: Usage = Usage()
    seconds: float = 0.0

    @property
    def sources(self) -> dict[int, Citation]:
        """What each number that the answer may cite stands for."""
        return {source.number: source for done in self.rounds for source in done.sources}

    @property
    def called(self) -> int:
        """How many calls the finished rounds have."""
        return sum(len(done.calls) for done in self.rounds)

    @property
    def repeats_itself(self) -> bool:
        """Whether all calls of the last round have been made before in the turn, and went well."""
        earlier = [
            (call.name, call.arguments, call.named) for done in self.rounds[:-1] for call in done.calls if call.ok
        ]
        return all((call.name, call.arguments, call.named) in earlier for call in self.rounds[-1].calls)

    def end_round(self, done: Round) -> None:
        self.rounds.append(done)
        self.thoughts = self.answer = ""

    def end_answer(self, answer: str) -> list[int]:
        """Note the answer as far as it goes; return the numbers that it cites and that stand for nothing."""
        self.answer = answer
        said = "\n".join((*(each.text for each in self.rounds), answer))
        self.citations, dangling = filter_citations(said, self.sources)
        return dangling

    def turn(self, status: Literal["done", "stopped"], calls: tuple[Call, ...] = ()) -> Turn:
        """Return the record. calls: those of the round that was stopped."""
        if status == "stopped":
            self.end_answer(_complete(self.answer.lstrip()))  # of a gap to what was said before its calls
        running = (Round(self.thoughts, calls=calls),) if self.thoughts or calls else ()
        finish = "length" if any(each.finish == "length" for each in self.generations[-1:]) else "stop"
        return Turn(
            self.question,
            (*self.rounds, *running) or (Round(),),
            self.answer,
            self.id,
            self.time,
            self.citations,
            Usage(*map(sum, zip(astuple(self.usage), astuple(usage_of(self.generations)), strict=True))),
            self.seconds + monotonic() - self.started,
            finish,
            tuple(self.notices),
            status,
            self.untold,
        )


def resumed(turn: Turn, continues_answers: bool) -> Draft:
    """Return the draft that goes on with a stopped turn: its results, and what was written of the answer, stay.

    If calls have to be run again, or the answer written anew, it is another turn, with an id of its own.
    """
    if turn.status != "stopped":
        raise UsageError("the last turn was not stopped: there is nothing to go on with")
    goes_on = continues_answers and turn.answer
    kept = [done for done in turn.rounds if done.results != NO_COMMAND or (goes_on and not done.calls)]
    is_same = kept == [done for done in turn.rounds if done in kept or done.calls]
    id = turn.id if is_same and (continues_answers or not turn.answer) else new_id()
    rounds = [replace(done, calls=tuple(_renamed(call, turn.id, id) for call in done.calls)) for done in kept]
    return Draft(
        turn.question,
        rounds,
        _complete(turn.answer),
        id,
        turn.time,
        notices=list(turn.notices),
        usage=turn.usage,
        seconds=turn.seconds,
    )


def _renamed(call: Call, old: str, new: str) -> Call:
    """Return the call with the id of another turn in its own."""
    return replace(call, id=new + call.id.removeprefix(old)) if call.id.startswith(f"{old}.") else call


def reply_of(turn: Turn) -> Reply:
    """Return the event that ends a turn."""
    return Reply(
        turn.text.strip(),
        turn.thoughts,
        turn.calls,
        turn.citations,
        turn.images,
        turn.usage,
        turn.seconds,
        turn.finish,
        turn.notices,
        turn_id=turn.id,
    )


def filter_citations(answer: str, sources: Mapping[int, Citation]) -> tuple[tuple[Citation, ...], list[int]]:
    """Return what the answer cites, and the numbers in it that stand for nothing."""
    text, dangling = check_citations(answer, sources)
    weak = weak_citations(text, {n: f"{source.title} {source.text}" for n, source in sources.items() if source.url})
    return tuple(replace(sources[number], weak=number in weak) for number in cited_numbers(text)), dangling


def usage_of(generations: list[Generation]) -> Usage:
    """Return the token counts of a turn."""
    cached = min((each.cached for each in generations), default=0)  # what a trim has thrown away in between is gone
    prefilled = sum(each.prefilled for each in generations)
    return Usage(cached + prefilled, prefilled, cached, sum(each.generated for each in generations))


def _complete(text: str) -> str:
    """Return an answer that was stopped without the beginning of a marker or citation, which could grow into one."""
    while beginning := possible_marker(text) or unfinished_citation(text):
        text = text[:-beginning]
    return text
