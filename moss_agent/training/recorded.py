"""Records of conversations that were held: our own JSON, and MOSS's training format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from moss_agent.checkpoints.families import load_family
from moss_agent.conversation import Conversation
from moss_agent.dialects.messages import harmless, round_messages
from moss_agent.errors import UsageError
from moss_agent.messages import Message, Tool
from moss_agent.protocol import as_written, told_plugins
from moss_agent.records import Turn
from moss_agent.training.chat_record import shown_tools, text_tool

FORMS = (
    "a record of MOSS's training format (with chat), a stored conversation of ours (with format), or messages of the "
    "OpenAI API (with messages)"
)


def read_recorded(record: Mapping[str, Any]) -> Conversation:
    """Read a record without the turns that were stopped or cut off, or have no answer.

    Raises UsageError or ValueError.
    """
    if "chat" in record:
        conversation = Conversation.from_training(record)
    elif "format" in record:
        conversation = Conversation.from_json(record)
    else:
        raise UsageError(f"unknown form: each record has to be {FORMS}")
    if not conversation.turns:
        raise UsageError("it has no turns")
    turns = [turn for turn in conversation.turns if _is_whole(turn)]
    return replace(conversation, turns=turns)


def _is_whole(turn: Turn) -> bool:
    """Return whether the model has ended by itself all that it wrote, and has answered."""
    return turn.status == "done" and not turn.is_cut_off and bool(turn.answer.strip())


def recorded_chat(conversation: Conversation) -> tuple[list[Message], list[Tool]]:
    """Return the conversation as a chat model's messages, and the tools that are known of it: told of, or called."""
    told = {tool.name: tool for tool in _told_tools(conversation)}
    messages = list(_messages(conversation, told))
    calls = (call for message in messages for call in message.calls)
    return messages, [*told.values(), *shown_tools(call for call in calls if call.name not in told)]


def _messages(conversation: Conversation, tools: Mapping[str, Tool]) -> Iterator[Message]:
    """Yield the messages that a chat model would have been told and would have written, with its thoughts."""
    if conversation.preamble.strip():
        yield Message("system", conversation.preamble.strip())
    for turn in conversation.turns:
        yield Message("user", harmless(turn.question))
        for done in turn.rounds:
            yield from round_messages(done, tools, harmless(done.thoughts))
        last = turn.rounds[-1]
        thoughts = "" if last.calls else harmless(last.thoughts)
        yield Message("assistant", harmless(as_written(turn.answer)), reasoning=thoughts)


def _told_tools(conversation: Conversation) -> list[Tool]:
    """Return the tools that the preamble tells of, and of those that MOSS was taught the ones that are called."""
    called = {call.name for turn in conversation.turns for call in turn.calls}
    known = [each for each in load_family("moss").preamble.known if each.name in called]
    tools = {each.name: each for each in (*known, *told_plugins(conversation.preamble))}
    return [text_tool(each.name, each.label, each.parameters) for each in tools.values()]
