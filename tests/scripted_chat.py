"""A chat model that writes what a test tells it to: the double of `messages.ChatModel`, for what is above it."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from moss_agent.calls import OnApproval
from moss_agent.cancellation import Cancellation
from moss_agent.chat import Chat
from moss_agent.conversation import Conversation
from moss_agent.dialects.messages import tool_of
from moss_agent.dialects.tools import ToolsDialect
from moss_agent.messages import Content, Message, MessagePiece, Reasoning, Tool, ToolCall
from moss_agent.plugin_host import Plugin, PluginRunner, Policy
from moss_agent.runtime import Runtime
from moss_agent.session import Generation

Reply = Sequence[MessagePiece | str] | BaseException
"""A message: pieces of it, plain text as its content. An exception is raised in its place."""


class ScriptedChatModel:
    """Implements `ChatModel` and `ChatSession`; counts characters instead of tokens.

    seen: the messages of each request. may_call: what was asked for in each. tools: what the model was told of.
    """

    def __init__(self, replies: Sequence[Reply], context_length: int = 100_000) -> None:
        self.replies = list(replies)
        self.context_length = context_length
        self.seen: list[list[Message]] = []
        self.may_call: list[bool] = []
        self.tools: Sequence[Tool] = ()

    def chat_session(self, tools: Sequence[Tool]) -> ScriptedChatModel:
        self.tools = tools
        return self

    def count(self, messages: Sequence[Message]) -> int:
        return sum(len(message.content) for message in messages)

    def write(
        self, messages: Sequence[Message], *, may_call: bool, cancellation: Cancellation
    ) -> Generator[MessagePiece, None, Generation]:
        self.seen.append(list(messages))
        self.may_call.append(may_call)
        reply = self.replies.pop(0)
        if isinstance(reply, BaseException):
            raise reply
        text = ""
        for piece in reply:
            cancellation.check()
            text += piece if isinstance(piece, str) else piece.text if isinstance(piece, Content) else ""
            yield Content(piece) if isinstance(piece, str) else piece
        return Generation(text, "", "end", 0, self.count(messages), len(text))

    def close(self) -> None:
        pass


def call(name: str, arguments: str, id: str = "x") -> ToolCall:
    return ToolCall(id, name, arguments)


def think(text: str) -> Reasoning:
    return Reasoning(text)


def scripted_chat(
    replies: Sequence[Reply],
    plugins: Sequence[Plugin] = (),
    *,
    context_length: int = 100_000,
    reserve: int = 0,
    conversation: Conversation | None = None,
    on_approval: OnApproval | None = None,
    policy: Policy | None = None,
    max_rounds: int = 4,
) -> tuple[Chat, ScriptedChatModel]:
    """A chat on a model that writes the replies."""
    model = ScriptedChatModel(replies, context_length)
    runtime = runtime_of(model, plugins, reserve=reserve, policy=policy, max_rounds=max_rounds)
    return runtime.chat(conversation, on_approval=on_approval), model


def runtime_of(
    model: ScriptedChatModel,
    plugins: Sequence[Plugin] = (),
    *,
    reserve: int = 0,
    policy: Policy | None = None,
    max_rounds: int = 4,
) -> Runtime:
    """A runtime on the model, with plugins that really run."""
    dialect = ToolsDialect(model, "You are a test.", [tool_of(plugin) for plugin in plugins], reserve)
    return Runtime(dialect, PluginRunner(plugins, policy=policy), max_rounds=max_rounds)
