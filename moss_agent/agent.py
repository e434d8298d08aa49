"""The simple facade: a runtime with one chat."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from moss_agent.conversation import Conversation
from moss_agent.events import Event, Events, Reply
from moss_agent.runtime import Runtime


class Agent:
    """A model with plugins and one conversation. Closing it, or leaving its `with` block, closes the runtime."""

    def __init__(self, runtime: Runtime, conversation: Conversation | None = None) -> None:
        self.runtime = runtime
        self.chat = runtime.chat(conversation)

    @classmethod
    def from_pretrained(cls, model: str = "mini", **settings: Any) -> Agent:
        """Open `mini`, a folder or a hub name. `settings`: the fields of `Settings`.

        Raises MossAgentError, with a message of one line, if the model or a plugin cannot be had.
        """
        return cls(Runtime.open(model, **settings))

    @property
    def conversation(self) -> Conversation:
        """The conversation so far. Set it to continue another one."""
        return self.chat.conversation

    @conversation.setter
    def conversation(self, conversation: Conversation) -> None:
        self.chat.conversation = conversation

    def ask(self, question: str) -> Reply:
        """Ask and wait for the whole reply."""
        return self.chat.ask(question)

    def stream(self, question: str) -> Events:
        """Ask and get events as they happen; the last one is the `Reply`. See `Chat.stream`."""
        return self.chat.stream(question)

    def astream(self, question: str) -> AsyncIterator[Event]:
        """Do what `stream` does, for asyncio; leaving the loop cancels the turn."""
        return self.chat.astream(question)

    def regenerate(self) -> Reply:
        """Take the last turn back and ask its question again. With greedy decoding the reply is the same."""
        return self.chat.regenerate()

    def stream_again(self) -> Events:
        """Do what `regenerate` does, as events. If it does not end well, the old turn is kept."""
        return self.chat.stream_again()

    def reset(self) -> None:
        """Forget the conversation; the model and the preamble stay."""
        self.chat.reset()

    def close(self) -> None:
        """Free the model's memory and end the plugins' processes."""
        self.runtime.close()

    def __enter__(self) -> Agent:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
