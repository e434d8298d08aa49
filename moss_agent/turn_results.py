"""A turn's plugin calls and what becomes of their outputs: for the model, for people, for the citations."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Collection, Iterator
from dataclasses import replace

from moss_agent.events import Call, CallFinished, CallProgress, CallStarted, Citation, Hit, Notice, Picture
from moss_agent.plugin_host import Outcome, PluginRunner, Progress
from moss_agent.protocol import (
    DRAWN,
    Command,
    Entry,
    Passage,
    check_citations,
    cited_numbers,
    hit_length,
    hits_per_search,
    number_passages,
    render_outcome,
    render_results,
    shorten,
    unfinished_citation,
    weak_citations,
)

LENGTHS = (1000, 500, 250, 125, 60)  # characters of a result or hit, tried when the context is too short for more
MAX_CALLS = 16  # the training data has up to 12 in a turn; a model caught in a loop would write on and on


class TurnResults:
    """Starts the commands of one turn as they are written and collects their outcomes.

    turn: the turn's number in the conversation, from 1; later turns get shorter hits.
    is_shortened: whether the model is told less than it would be in a longer context.
    """

    def __init__(self, runner: PluginRunner, turn: int) -> None:
        self._running = runner.turn()
        self._order = list(runner.plugins)
        self._hit_length = hit_length(turn)
        self._longest: int | None = None  # of a result or hit, in characters, if the plugins' own limits are too high
        self._commands: list[Command] = []
        self._too_many = False
        self.is_shortened = False
        self._held = ""  # the end of the answer so far, if it may be part of a citation
        self._outcomes: dict[int, Outcome] = {}

    def start(self, command: Command) -> Iterator[CallStarted | Notice]:
        """Start the command beside the model, unless the turn has had too many."""
        index = len(self._commands)
        if index < MAX_CALLS:
            self._commands.append(command)
            self._running.start(index, command.name, command.texts)
            yield CallStarted(index, command.name, command.argument)
        elif not self._too_many:
            self._too_many = True
            yield Notice(f"more than {MAX_CALLS} commands: the others are not run")

    def abandon(self) -> None:
        """Give up the calls; `collect`, which may be waiting in another thread, raises CancelledError."""
        self._running.abandon()

    def finished(self, wait: bool = False) -> Iterator[CallProgress | CallFinished | Notice]:
        """Calls that have ended, or gone on, and were not reported yet."""
        for news in self._running.finished(wait):
            if isinstance(news, Progress):
                preview = f"data:image/png;base64,{b64encode(news.preview).decode()}" if news.preview else ""
                yield CallProgress(news.index, news.done, news.total, preview)
                continue
            self._outcomes[news.index] = news
            hits = self._hits(news)
            yield CallFinished(news.index, self._call(news, self._entry(news, hits), hits))
            notices = [notice for picture in _pictures(news) for notice in picture.notices]
            yield from map(Notice, dict.fromkeys(notices))

    def collect(self) -> Iterator[CallProgress | CallFinished | Notice]:
        """Wait for all calls of the turn."""
        return self.finished(wait=True)

    def texts(self) -> Iterator[str]:
        """The Results segment's text, then shorter ones: the last that is taken is what the model is told."""
        whole = text = ""
        for self._longest in (None, *LENGTHS):
            last, text = text, render_results([entry for _, entry, _ in self._told()])
            whole = whole or text
            self.is_shortened = text != whole
            if text != last:
                yield text

    @property
    def calls(self) -> tuple[Call, ...]:
        """All calls in the order in which the model wrote them; `result` as in the Results segment."""
        told = sorted(self._told(), key=lambda each: each[0].index)
        return tuple(self._call(*each) for each in told)

    @property
    def images(self) -> tuple[Picture, ...]:
        return tuple(picture for _, outcome in sorted(self._outcomes.items()) for picture in _pictures(outcome))

    def checked(self, piece: str, last: bool = False) -> str:
        """The next piece of the answer with sound citations only; an unfinished one waits for the next piece."""
        text = self._held + piece
        end = len(text) if last else len(text) - unfinished_citation(text)
        self._held = text[end:]
        return check_citations(text[:end], self._sources())[0]

    def cite(self, answer: str) -> tuple[str, tuple[Citation, ...], list[int]]:
        """The answer with sound citations, what they stand for, and the numbers that stand for nothing."""
        sources = self._sources()
        text, dangling = check_citations(answer, sources)
        weak = weak_citations(text, {n: f"{source.title} {source.text}" for n, source in sources.items() if source.url})
        cited = tuple(replace(sources[number], weak=number in weak) for number in cited_numbers(text))
        return text, cited, dangling

    def _told(self) -> list[tuple[Outcome, Entry, tuple[Hit, ...]]]:
        """What the model is told, in the order of the Results segment, hits numbered and each of them once."""
        place = {name: i for i, name in enumerate(self._order)}
        outcomes = sorted(
            self._outcomes.values(),
            key=lambda o: (place.get(self._commands[o.index].name, len(place)), o.index),
        )
        shown: list[tuple[Hit, ...]] = []
        for outcome in outcomes:
            shown.append(self._hits(outcome, {hit.text for hits in shown for hit in hits}))
        entries = number_passages([self._entry(outcome, hits) for outcome, hits in zip(outcomes, shown, strict=True)])
        return list(zip(outcomes, entries, shown, strict=True))

    def _entry(self, outcome: Outcome, hits: tuple[Hit, ...]) -> Entry:
        """What the model is told of one outcome; hits are shortened, and numbered from 1."""
        head, output = str(self._commands[outcome.index]), outcome.output
        if _pictures(outcome):
            return Entry(head, DRAWN, drawn=True)
        if hits:
            length = min(self._hit_length, self._longest or self._hit_length)
            texts = (shorten(hit.text, length) for hit in hits)
            return Entry(head, tuple(Passage(i, text) for i, text in enumerate(texts, 1)))
        if self._longest and isinstance(output, str):
            output = shorten(output, self._longest)
        elif self._longest and output:
            output = tuple(shorten("\n".join(map(str, output)), self._longest).splitlines())
        return Entry(head, output)

    def _hits(self, outcome: Outcome, shown: Collection[str] = ()) -> tuple[Hit, ...]:
        """The hits of one search that the model gets to see: fewer, the more searches the turn has.

        Rather others than those that an earlier search of the turn has `shown`.
        """
        if not (isinstance(outcome.output, tuple) and isinstance(outcome.output[0], Hit)):
            return ()
        name = self._commands[outcome.index].name
        searches = sum(command.name == name for command in self._commands)
        hits = sorted(outcome.output, key=lambda hit: hit.text in shown)
        return tuple(hits[: hits_per_search(searches)])

    def _call(self, outcome: Outcome, entry: Entry, hits: tuple[Hit, ...]) -> Call:
        command = self._commands[outcome.index]
        told, ok = render_outcome(entry), not outcome.error
        images = _pictures(outcome)
        return Call(command.name, command.argument, told, ok, outcome.seconds, outcome.error, hits, images)

    def _sources(self) -> dict[int, Citation]:
        """What each number stands for: the hits, then the other results in their order."""
        sources: list[Citation] = []
        others: list[Entry] = []
        for _, entry, hits in self._told():
            if hits:
                pairs = zip(entry.body, hits, strict=True)
                sources += [Citation(p.number, p.text, hit.title, hit.url) for p, hit in pairs]
            elif entry.body:
                others.append(entry)
        for entry in others:
            sources.append(Citation(len(sources) + 1, f"{entry.head} => {render_outcome(entry)}"))
        return {source.number: source for source in sources}


def _pictures(outcome: Outcome) -> tuple[Picture, ...]:
    is_drawn = isinstance(outcome.output, tuple) and isinstance(outcome.output[0], Picture)
    return outcome.output if is_drawn else ()
