"""Conversations as JSON data: our own format, MOSS's training format, messages of the OpenAI API."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from moss_agent.conversation import Conversation
from moss_agent.events import Call
from moss_agent.history.export.texts import as_chat_model
from moss_agent.protocol import as_told, told_plugins
from moss_agent.records import Turn, as_command
from moss_agent.store import Stored


def own_record(stored: Stored) -> dict[str, Any]:
    """Return all of a conversation, as `Conversation.save` writes it, with its title and model besides."""
    about = stored.about
    conversation = Conversation(about.preamble, stored.turns).to_json()
    return {**conversation, "title": about.title, "model": about.model, "time": about.time}


def moss_record(stored: Stored) -> dict[str, Any]:
    """Return a record of MOSS's training format, which has the first round of each turn only."""
    return Conversation(stored.about.preamble, stored.turns).to_training(stored.about.id)


def openai_record(stored: Stored) -> dict[str, Any]:
    """Return the messages as the OpenAI API has them, in the order in which they were said."""
    system = [{"role": "system", "content": stored.about.preamble}] if stored.about.preamble else []
    names = {plugin.name: plugin.parameters for plugin in told_plugins(stored.about.preamble)}
    return {"messages": [*system, *(message for turn in stored.turns for message in _messages(turn, names))]}


def _messages(turn: Turn, names: Mapping[str, list[str]]) -> Iterator[dict[str, Any]]:
    """Yield the messages of a turn. names: of the parameters of plugins, as far as they are known."""
    yield {"role": "user", "content": turn.question}
    for number, done in enumerate(turn.rounds):
        if not done.calls:
            continue
        calls = [(f"{turn.id}.{number}.{place}", call) for place, call in enumerate(done.calls)]
        made, before = [_call(id, call, names) for id, call in calls], as_chat_model(done.text, turn)
        yield {"role": "assistant", "content": before or None, "tool_calls": made}
        for id, call in calls:
            yield {"role": "tool", "tool_call_id": id, "content": as_told(call.result)}
    yield {"role": "assistant", "content": as_chat_model(turn.answer, turn)}


def _call(id: str, call: Call, names: Mapping[str, list[str]]) -> dict[str, Any]:
    known, made = names.get(call.name, []), as_command(call)
    places = [*known, *(f"argument_{place}" for place in range(len(known), len(made.arguments)))]
    arguments = dict(zip(places, made.arguments, strict=False)) | dict(made.named)
    written = json.dumps(arguments, ensure_ascii=False)
    return {"id": id, "type": "function", "function": {"name": call.name, "arguments": written}}
