"""The interface between a conversation and a chat model: messages and tools in, pieces and counts out.

What `session.py` is for models that write plain text, this is for models with a chat template or a chat API: a server
(`engine/backends/remote`) and the local engine implement `ChatModel` and `ChatSession`; what is above them knows
nothing else.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias, Union

from moss_agent.cancellation import Cancellation
from moss_agent.session import Generation


@dataclass(frozen=True)
class Tool:
    """A function that the model may call. schema: JSON schema of its arguments, an object."""

    name: str
    description: str
    schema: Mapping[str, Any]


@dataclass(frozen=True)
class ToolCall:
    """A call as a model writes it. arguments: JSON if the model got it right, else whatever it wrote.

    id: unique within its message list, however the model or the server named it.
    """

    id: str
    name: str
    arguments: str


@dataclass(frozen=True)
class Message:
    """One message of a conversation.

    calls, reasoning: of an assistant's message. call_id: the call that a tool's message answers.
    past_reasoning: of a message of an earlier turn, in place of `reasoning`: only some servers want it back.
    """

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    calls: tuple[ToolCall, ...] = ()
    reasoning: str = ""
    call_id: str = ""
    past_reasoning: str = ""


@dataclass(frozen=True)
class Reasoning:
    """A piece of what the model thinks before it speaks."""

    text: str


@dataclass(frozen=True)
class Content:
    """A piece of what the model says."""

    text: str


MessagePiece: TypeAlias = Union[Reasoning, Content, ToolCall]
"""What comes of a message while it is written. A call comes when its arguments are complete."""


class ChatSession(Protocol):
    """One conversation on a chat model. Not thread-safe."""

    def count(self, messages: Sequence[Message]) -> int:
        """Return how many tokens the messages take together with the tools, as well as that is known."""

    def write(
        self, messages: Sequence[Message], *, may_call: bool, cancellation: Cancellation
    ) -> Generator[MessagePiece, None, Generation]:
        """Let the model write the next message. may_call: whether it is asked to call tools or forbidden to.

        `Generation.text` is the content alone; `finish` is "length" where the message was cut off, else "end".
        Closing the generator early ends the request; the next `write` is not affected.
        Raises ContextFull, Cancelled, OutOfMemory or another EngineError.
        """

    def close(self) -> None:
        """Free what the session holds."""


class ChatModel(Protocol):
    """What opens chat sessions. Thread-safe. context_length: most tokens of messages and answer together."""

    context_length: int

    def chat_session(self, tools: Sequence[Tool]) -> ChatSession:
        """Open a session of a model that is told of these tools."""

    def close(self) -> None:
        """Free what the model holds, its sessions included."""
