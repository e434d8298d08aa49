"""Finished calls as the Results segment of MOSS tells them: for the model, for people, for the citations."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from moss_agent.calls import FinishedCall
from moss_agent.events import Call, Citation, Hit
from moss_agent.protocol import (
    DRAWN,
    Entry,
    Passage,
    hit_length,
    hits_per_search,
    number_passages,
    render_outcome,
    render_results,
    shorten,
)

LENGTHS = (1000, 500, 250, 125, 60)  # characters of a result or hit, tried when the context is too short for more


@dataclass(frozen=True)
class Told:
    """What the model is told of the calls of a round.

    text: of the Results segment. calls: in the order in which the model wrote them, `result` as it stands in the text.
    sources: what each number that the answer may cite stands for.
    """

    text: str
    calls: tuple[Call, ...]
    sources: Mapping[int, Citation]


def renderings(
    calls: Sequence[FinishedCall], order: Sequence[str], length: int, cited: int = 0, hits: int | None = None
) -> Iterator[Told]:
    """Yield ever shorter renderings; the caller picks one.

    order: command names in the order in which their results stand. length: most characters of a hit.
    cited: numbers that are taken by earlier rounds of the turn. hits: most hits of a search, None for as many as MOSS
    was trained on.
    """
    last = None
    for longest in (None, *LENGTHS):
        told = tell(calls, order, length, longest, cited, hits)
        if told.text != last:
            yield told
        last = told.text


def tell(
    calls: Sequence[FinishedCall],
    order: Sequence[str],
    length: int = hit_length(1),
    longest: int | None = None,
    cited: int = 0,
    hits: int | None = None,
) -> Told:
    """Render the calls. length: most characters of a hit; longest: of any result, None for the plugins' own limits.

    The others are those of `renderings`.
    """
    place = {name: i for i, name in enumerate(order)}
    ordered = sorted(calls, key=lambda call: (place.get(call.name, len(place)), call.index))
    shown: list[tuple[Hit, ...]] = []
    for call in ordered:
        most = hits or hits_per_search(sum(other.name == call.name for other in calls))
        shown.append(_choose_hits(call, most, {hit.text for earlier in shown for hit in earlier}))
    entries = [_entry(call, chosen, length, longest) for call, chosen in zip(ordered, shown, strict=True)]
    numbered = number_passages(entries, cited + 1)
    told = [_record(call, entry, chosen) for call, entry, chosen in zip(ordered, numbered, shown, strict=True)]
    written = sorted(zip((call.index for call in ordered), told, strict=True), key=lambda pair: pair[0])
    return Told(
        render_results(numbered, cited + 1), tuple(call for _, call in written), _sources(numbered, shown, cited)
    )


def _choose_hits(call: FinishedCall, most: int, shown: Collection[str]) -> tuple[Hit, ...]:
    """Return the hits of one search that the model gets to see, rather others than those that are `shown` already."""
    return tuple(sorted(call.hits, key=lambda hit: hit.text in shown)[:most])


def _entry(call: FinishedCall, hits: tuple[Hit, ...], length: int, longest: int | None) -> Entry:
    """Return what the model is told of one call; hits are shortened, and numbered from 1."""
    head, output = str(call.command), call.output
    if call.images:
        return Entry(head, DRAWN, drawn=True)
    if hits:
        texts = (shorten(hit.text, min(length, longest or length)) for hit in hits)
        return Entry(head, tuple(Passage(i, text) for i, text in enumerate(texts, 1)))
    if isinstance(output, str):
        return Entry(head, shorten(output, longest) if longest else output)
    lines = tuple(map(str, output or ()))
    return Entry(head, tuple(shorten("\n".join(lines), longest).splitlines()) if longest and lines else lines or None)


def _record(call: FinishedCall, entry: Entry, hits: tuple[Hit, ...]) -> Call:
    return Call(
        call.name,
        call.command.argument,
        render_outcome(entry),
        not call.error,
        call.seconds,
        call.error,
        hits,
        call.images,
        call.id,
        call.command.arguments,
        call.command.named,
    )


def _sources(entries: Sequence[Entry], shown: Sequence[tuple[Hit, ...]], cited: int) -> dict[int, Citation]:
    """Return what each number stands for: the hits, then the other results in their order."""
    sources: list[Citation] = []
    for entry, hits in zip(entries, shown, strict=True):
        passages = [line for line in entry.body or () if isinstance(line, Passage)]
        pairs = zip(passages, hits, strict=True)
        sources += [Citation(passage.number, passage.text, hit.title, hit.url) for passage, hit in pairs]
    for entry, hits in zip(entries, shown, strict=True):
        if entry.body and not hits:
            number = cited + len(sources) + 1
            sources.append(Citation(number, f"{entry.head} => {render_outcome(entry)}"))
    return {source.number: source for source in sources}
