"""What a turn yields, and the values that plugins return: frozen dataclasses, no behaviour.

`Agent.stream` yields these in the order in which things happen; the last one is always a `Reply`.
`to_json` gives the same as plain JSON data, one object per event, told apart by `type`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Union


@dataclass(frozen=True)
class Hit:
    """One passage found by a search. The model sees `text`; people see `title` and `url` too."""

    text: str
    title: str = ""
    url: str = ""


@dataclass(frozen=True)
class Picture:
    """One picture that a plugin drew: the file and what it was made from.

    details: seed, size and the like, by name. notices: what people should know about it, each in one line.
    """

    path: str
    description: str = ""
    details: dict[str, Any] = field(default_factory=dict)
    notices: tuple[str, ...] = ()


Output = Union[str, Sequence[str], Sequence[Hit], Picture, Sequence[Picture], None]
"""What a plugin may return: a short text, lines, search hits, a picture or several, or None for no result."""


@dataclass(frozen=True)
class Call:
    """One finished plugin call. `result` is the text that the model sees; the rest is for people.

    hits: where the passages of a search come from, in the order in which `result` has them.
    images: the pictures that were drawn.
    """

    name: str
    argument: str
    result: str
    ok: bool
    seconds: float
    error: str = ""
    hits: tuple[Hit, ...] = ()
    images: tuple[Picture, ...] = ()


@dataclass(frozen=True)
class Citation:
    """A number that the answer cites, and what stands behind it.

    weak: a statement that cites it has next to no word or number in common with `text`: better look yourself.
    """

    number: int
    text: str
    title: str = ""
    url: str = ""
    weak: bool = False


@dataclass(frozen=True)
class Usage:
    """Token counts of one turn.

    prompt_tokens: tokens that the model had to read: the two below together.
    prefilled_tokens: those computed in this turn: question, headers, results, the last token of every
        segment written before; after `HistoryTrimmed` also the turns that were kept.
    cached_tokens: those that were in the KV cache when the turn began, 0 after `HistoryTrimmed`.
    generated_tokens: tokens that the model wrote, end markers included.
    """

    prompt_tokens: int = 0
    prefilled_tokens: int = 0
    cached_tokens: int = 0
    generated_tokens: int = 0


@dataclass(frozen=True)
class Thoughts:
    """A piece of the model's inner thoughts, as it is written."""

    type: ClassVar[str] = "thoughts"
    text: str


@dataclass(frozen=True)
class CallStarted:
    """The model has written a command; its plugin is running. `index` counts from 0 in the turn."""

    type: ClassVar[str] = "call"
    index: int
    name: str
    argument: str


@dataclass(frozen=True)
class CallProgress:
    """A running call has done `done` of its `total` steps; total is 0 as long as it is not known.

    preview: a small PNG of what it makes, as an address `data:image/png;base64,...`; often empty.
    """

    type: ClassVar[str] = "progress"
    index: int
    done: int
    total: int
    preview: str = ""


@dataclass(frozen=True)
class CallFinished:
    """A plugin call has ended, well or not.

    Search hits are numbered from 1 here; in `Reply.calls` through all searches of the turn, as the model sees them.
    """

    type: ClassVar[str] = "result"
    index: int
    call: Call


@dataclass(frozen=True)
class Text:
    """A piece of the answer, as it is written."""

    type: ClassVar[str] = "text"
    text: str


@dataclass(frozen=True)
class Notice:
    """Something that the user should know and the model does not see, in one line."""

    type: ClassVar[str] = "notice"
    message: str


@dataclass(frozen=True)
class HistoryTrimmed:
    """The oldest `turns` turns were dropped because the context window was full."""

    type: ClassVar[str] = "trimmed"
    turns: int


@dataclass(frozen=True)
class Reply:
    """The whole turn. `text` is the answer without citations that point at nothing."""

    type: ClassVar[str] = "answer"
    text: str
    thoughts: str
    calls: tuple[Call, ...]
    citations: tuple[Citation, ...]
    images: tuple[Picture, ...]
    usage: Usage
    seconds: float


Event = Union[Thoughts, CallStarted, CallProgress, CallFinished, Text, Notice, HistoryTrimmed, Reply]


def to_json(event: Event) -> dict[str, Any]:
    """The event as JSON data. `answer` objects carry the fields that README documents, no more."""
    data = {"type": event.type, **asdict(event)}
    if isinstance(event, CallFinished):
        data = {"type": event.type, "index": event.index, **data["call"]}
    if isinstance(event, Reply):
        del data["thoughts"]
        for call in data["calls"]:
            del call["error"], call["hits"], call["images"]
    return data
