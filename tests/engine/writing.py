"""Generate to the end with any session."""

from __future__ import annotations

from collections.abc import Sequence

from moss_agent.cancellation import Cancellation
from moss_agent.messages import ChatSession, Message, MessagePiece
from moss_agent.session import Generation, Sampling, Session

GREEDY = Sampling(max_new_tokens=12)
STOPS = ["<eot>", "<eom>"]


def write(session: Session, sampling: Sampling = GREEDY, stop: list[str] = STOPS) -> Generation:
    pieces, told = session.generate(stop, sampling, Cancellation()), []
    while True:
        try:
            told.append(next(pieces))
        except StopIteration as end:
            assert "".join(told) == end.value.text
            return end.value


def write_message(
    session: ChatSession, messages: Sequence[Message], may_call: bool = True
) -> tuple[list[MessagePiece], Generation]:
    pieces, written = session.write(messages, may_call=may_call, cancellation=Cancellation()), []
    while True:
        try:
            written.append(next(pieces))
        except StopIteration as end:
            return written, end.value
