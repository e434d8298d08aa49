"""What a turn yields, and the values that plugins return: frozen dataclasses, no behaviour.

`Chat.stream` yields these in the order in which things happen; the last one is always a `Reply`. Every event carries
the id of its turn, and those of a plugin call the id of the call. `to_json` gives the same as plain JSON data, one
object per event, told apart by `type`.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, TypeAlias, Union


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


Value: TypeAlias = str | int | float | bool | tuple[str, ...] | None
"""What a model may write as an argument of a call."""


@dataclass(frozen=True)
class Call:
    """One finished plugin call.

    name: the plugin's command name. argument: the first argument as text. arguments, named: all of them, by position
    and by name. result: the text that the model saw. error: for people, empty if the call went well (`ok`).
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
    id: str = ""
    arguments: tuple[Value, ...] = ()
    named: Mapping[str, Value] = field(default_factory=dict)


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
    """Token counts of one turn; of one that was stopped and gone on with, the sums.

    prompt_tokens: tokens that the model had to read: the two below together.
    prefilled_tokens: those computed in this turn: question, headers, results, the last token of every
        segment written before; after `HistoryTrimmed` also the turns that were kept.
    cached_tokens: those that were in the KV cache when the turn began and stayed there: the preamble at least, once
        any chat of the runtime has had an answer.
    generated_tokens: tokens that the model wrote, end markers included.
    """

    prompt_tokens: int = 0
    prefilled_tokens: int = 0
    cached_tokens: int = 0
    generated_tokens: int = 0


@dataclass(frozen=True, kw_only=True)
class TurnEvent:
    """Base of all events. turn_id: the turn that it belongs to."""

    turn_id: str = ""


@dataclass(frozen=True, kw_only=True)
class CallEvent(TurnEvent):
    """Base of the events of a plugin call. call_id: the same as the `id` of its `Call`."""

    call_id: str = ""


@dataclass(frozen=True)
class Thoughts(TurnEvent):
    """A piece of the model's inner thoughts, as it is written."""

    type: ClassVar[str] = "thoughts"
    text: str


@dataclass(frozen=True)
class ApprovalRequested(CallEvent):
    """A call waits for a decision: exactly what would run. Nobody there to answer means refused.

    effects: what the plugin touches, such as `network`.
    """

    type: ClassVar[str] = "approval"
    index: int
    name: str
    arguments: tuple[Value, ...]
    named: Mapping[str, Value] = field(default_factory=dict)
    effects: tuple[str, ...] = ()


@dataclass(frozen=True)
class CallStarted(CallEvent):
    """The model has written a command; its plugin is running. `index` counts from 0 in the turn.

    argument, arguments, named: as in `Call`.
    """

    type: ClassVar[str] = "call"
    index: int
    name: str
    argument: str
    arguments: tuple[Value, ...] = ()
    named: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class CallProgress(CallEvent):
    """A running call has done `done` of its `total` steps; total is 0 as long as it is not known.

    preview: a small PNG of what it makes, as an address `data:image/png;base64,...`; often empty.
    """

    type: ClassVar[str] = "progress"
    index: int
    done: int
    total: int
    preview: str = ""


@dataclass(frozen=True)
class CallFinished(CallEvent):
    """A plugin call has ended, well or not.

    Search hits are numbered from 1 here; in `Reply.calls` through all searches of the turn, as the model sees them.
    """

    type: ClassVar[str] = "result"
    index: int
    call: Call


@dataclass(frozen=True)
class Text(TurnEvent):
    """A piece of the answer, as it is written."""

    type: ClassVar[str] = "text"
    text: str


@dataclass(frozen=True)
class Notice(TurnEvent):
    """Something that the user should know and the model does not see, in one line."""

    type: ClassVar[str] = "notice"
    message: str


@dataclass(frozen=True)
class HistoryTrimmed(TurnEvent):
    """The oldest `turns` turns were dropped because the context window was full."""

    type: ClassVar[str] = "trimmed"
    turns: int


@dataclass(frozen=True)
class Reply(TurnEvent):
    """The whole turn. `text` is the answer without citations that point at nothing.

    finish: why the answer ended: "stop" as it should, "length" if it was cut off.
    notices: what the user was told during the turn.
    """

    type: ClassVar[str] = "answer"
    text: str
    thoughts: str
    calls: tuple[Call, ...]
    citations: tuple[Citation, ...]
    images: tuple[Picture, ...]
    usage: Usage
    seconds: float
    finish: str = "stop"
    notices: tuple[str, ...] = ()


Event = Union[Thoughts, ApprovalRequested, CallStarted, CallProgress, CallFinished, Text, Notice, HistoryTrimmed, Reply]
Events: TypeAlias = Generator[Event, None, None]


def to_json(event: Event) -> dict[str, Any]:
    """Return the event as JSON data: its `type` and all its fields, those of a finished call beside the others."""
    data = {"type": event.type, **asdict(event)}
    call: dict[str, Any] = data.pop("call", {})
    return data | call
