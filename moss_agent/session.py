"""The interface between a conversation and what computes it: text in, text and counts out.

Every engine implements `Model` and `Session`; what is above an engine knows nothing else of it.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias, runtime_checkable

from moss_agent.cancellation import NEVER, Cancellation
from moss_agent.errors import ContextFull, UsageError

Finish: TypeAlias = Literal["stop", "end", "length"]
MARKER_ROOM = 16  # tokens kept free when the context runs full, for the marker that has to follow


@dataclass(frozen=True)
class Sampling:
    """How to choose tokens.

    temperature: 0 takes the most probable token.
    top_k: only the k most probable tokens; 0 for all.
    top_p: only the smallest set of tokens whose probabilities reach p; 1 for all.
    repetition_penalty: divides the positive and multiplies the negative logits of tokens that occurred.
    max_new_tokens: limit for one segment.
    """

    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    repetition_penalty: float = 1.0
    max_new_tokens: int = 256

    def __post_init__(self) -> None:
        checks = {
            "temperature must be 0 or more, and finite": 0 <= self.temperature < math.inf,
            "top_k must be 0 or more": self.top_k >= 0,
            "top_p must be above 0 and at most 1": 0 < self.top_p <= 1,
            "repetition_penalty must be above 0, and finite": 0 < self.repetition_penalty < math.inf,
            "max_new_tokens must be 1 or more": self.max_new_tokens >= 1,
        }
        for message, holds in checks.items():
            if not holds:
                raise UsageError(message)


@dataclass(frozen=True)
class Generation:
    """What one call of `Session.generate` has written, and why it ended.

    text: what was written, without the stop text.
    stop: the stop text that ended it, which the session then ends with; empty for another end.
    finish: "stop" for a stop text, "end" if the model ended its text, "length" if it was cut off by
        `max_new_tokens` or the end of the context.
    cached, prefilled, generated: tokens that were in the KV cache at the beginning, that were read besides, and that
        were written, the stop text's included.
    """

    text: str
    stop: str
    finish: Finish
    cached: int
    prefilled: int
    generated: int


class Session(Protocol):
    """The text of one conversation as a model sees it. It begins with a preamble, which is never removed.

    Not thread-safe. Lengths are in tokens. context_length: most tokens that the session may hold.
    """

    context_length: int

    @property
    def length(self) -> int:
        """Tokens in the session: a mark that `rewind` takes."""

    @property
    def room(self) -> int:
        """Tokens that still fit."""

    def count(self, text: str, cancellation: Cancellation = NEVER) -> int:
        """Return how many tokens `extend` would append."""

    def extend(self, text: str, cancellation: Cancellation = NEVER) -> None:
        """Append text that the model did not write. Raises ContextFull, changing nothing, if it does not fit."""

    def generate(
        self, stop: Sequence[str], sampling: Sampling, cancellation: Cancellation
    ) -> Generator[str, None, Generation]:
        """Let the model write up to a stop text, its own end or a limit; yield text piece by piece.

        Closing the generator early leaves a usable session that may hold what was written so far.
        Raises Cancelled, OutOfMemory or another EngineError.
        """

    def replace(self, length: int, text: str, cancellation: Cancellation = NEVER) -> None:
        """Put the text in place of all but the first `length` tokens; tokens that stay the same stay computed.

        Raises ContextFull, changing nothing, if it does not fit.
        """

    def rewind(self, length: int) -> None:
        """Cut the session back to its first `length` tokens, at least the preamble."""

    def close(self) -> None:
        """Free what the session holds."""


@runtime_checkable
class Model(Protocol):
    """What opens sessions. Thread-safe."""

    context_length: int

    def count(self, text: str) -> int:
        """Return how many tokens the text has."""

    def session(self, preamble: str) -> Session:
        """Open a session that begins with the preamble. Raises ContextFull if that alone does not fit."""

    def close(self) -> None:
        """Free what the model holds, its sessions included."""


def check_room(needed: int, room: int, context_length: int) -> None:
    """Raise ContextFull if a text of so many tokens does not fit."""
    if needed > room:
        raise ContextFull(f"the text needs {needed} tokens, {room} of {context_length} are left: shorten it")


def count_common(old: Sequence[object], new: Sequence[object]) -> int:
    """Return how many items two sequences have in common at their beginnings."""
    return next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
