"""Conversations as the tokens of a model that is taught MOSS's protocol."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from msgspec import convert

from moss_agent.calls import FinishedCall
from moss_agent.checkpoints.families import Family
from moss_agent.conversation import Conversation
from moss_agent.dialects.messages import command_of
from moss_agent.dialects.results import tell
from moss_agent.engine.codec import Codec, TextTokenizer
from moss_agent.errors import UsageError, one_line
from moss_agent.events import Picture
from moss_agent.messages import Message, Tool
from moss_agent.plugin_host import Result
from moss_agent.protocol import (
    DRAWN,
    END_MARKERS,
    NO_COMMAND,
    NO_RESULT,
    Capability,
    hit_length,
    neutralise,
    parse_commands,
    shorten,
    told_plugins,
)
from moss_agent.records import Round, Turn
from moss_agent.training.chat_record import ChatRecord, read_chat
from moss_agent.training.dataset import Piece, pieces
from moss_agent.training.packing import Tokens
from moss_agent.training.recorded import read_recorded, recorded_chat

LABEL_WORDS, LABEL_LENGTH = 4, 40
ONE_ROUND = "it has several rounds of calls, and a turn of MOSS's protocol has one: leave the conversation out"
WRITABLE = "a call has a name of ASCII letters, digits and _ that begins with a capital, and an argument at least"
_PHRASE = re.compile(r"[^.:;,()\n。：；，、（）]*")


class MossEncoder:
    """Encodes records of MOSS's training format, stored conversations and messages. family: whose preamble is told."""

    def __init__(self, tokenizer: TextTokenizer, family: Family) -> None:
        self._codec = Codec(tokenizer, END_MARKERS)
        self._preamble = family.preamble
        self._known = {capability.name: capability for capability in family.preamble.known}

    def encode(self, record: Mapping[str, Any]) -> list[Tokens]:
        """Return the conversation; nothing if none of its turns can be learned. Raises UsageError or ValueError."""
        if "chat" in record:
            convert(record["meta_instruction"], str)
            if not convert(record["chat"], dict[str, dict[str, Any]]):
                raise UsageError("it has no turns")
            return [self._tokens(pieces(record))]
        held = self._spoken(read_chat(record)) if "messages" in record else self._recorded(read_recorded(record))
        return [self._tokens(pieces(held.to_training("")))] if held.turns else []

    def _tokens(self, parts: Iterable[Piece]) -> Tokens:
        """Encode each part as the runtime does: after those before it, only markers being special tokens."""
        ids: list[int] = []
        written: list[bool] = []
        for text, learn in parts:
            new = self._codec.encode(text, ids)
            ids += new
            written += [learn] * len(new)
        return ids, written

    def _spoken(self, chat: ChatRecord) -> Conversation:
        """Return the messages as turns, after the preamble that the runtime would tell."""
        messages = [message for message in chat.messages if message.role != "system"]
        starts = [place for place, message in enumerate(messages) if message.role == "user"]
        tools = {tool.name: tool for tool in chat.tools}
        order = [*dict.fromkeys((*self._known, *tools))]
        turns = [
            _turn(messages[start:end], number, tools, order)
            for number, (start, end) in enumerate(zip(starts, [*starts[1:], None], strict=True), 1)
        ]
        if chat.system and not chat.declares_tools:
            return Conversation(_ended(chat.system), turns)
        return Conversation(self._preamble.render(self._capabilities(chat.tools)), turns)

    def _recorded(self, conversation: Conversation) -> Conversation:
        """Return the turns with one round each, after the preamble that tells of the plugins.

        That of a chat model does not: what it calls is told as the family tells it.
        """
        preamble = conversation.preamble
        if not told_plugins(preamble) and any(turn.calls for turn in conversation.turns):
            preamble = self._preamble.render(self._capabilities(recorded_chat(conversation)[1]))
        turns = [_one_round(turn, number) for number, turn in enumerate(conversation.turns, 1)]
        return Conversation(_ended(preamble), turns)

    def _capabilities(self, tools: Iterable[Tool]) -> Iterable[Capability]:
        """Yield what the preamble says of each tool, under labels that differ."""
        labels = set[str]()
        for tool in tools:
            capability = self._known.get(tool.name) or Capability(_label(tool), _api(tool))
            if capability.label in labels:
                capability = replace(capability, label=tool.name)
            labels.add(capability.label)
            yield capability


def _ended(preamble: str) -> str:
    """Return the preamble with the end of its last line."""
    return preamble.rstrip("\n") + "\n" if preamble else ""


def _one_round(turn: Turn, number: int) -> Turn:
    """Return the turn with the round in which plugins were called, or else its first. Raises UsageError."""
    called = [done for done in turn.rounds if done.calls]
    if len(called) > 1:
        raise UsageError(f"turn {number}: {ONE_ROUND}")
    done = (called or turn.rounds)[0]
    return replace(turn, rounds=(replace(done, thoughts=done.thoughts or done.text),))


def _turn(messages: Sequence[Message], number: int, tools: Mapping[str, Tool], order: Sequence[str]) -> Turn:
    """Return the turn of a question and what followed it."""
    question, *_, answer = messages
    called = [message for message in messages if message.calls]
    if len(called) > 1:
        raise UsageError(f"turn {number}: {ONE_ROUND}")
    if answer.calls:
        raise UsageError(f"turn {number}: it ends with calls: add their results and the answer, or leave it out")
    done = Round(neutralise(answer.reasoning))
    if called:
        results = {message.call_id: message.content for message in messages if message.role == "tool"}
        done = _round(called[0], results, number, tools, order)
    return Turn(question.content, (done,), neutralise(answer.content))


def _round(
    said: Message, results: Mapping[str, str], number: int, tools: Mapping[str, Tool], order: Sequence[str]
) -> Round:
    commands = [command_of(call, tools) for call in said.calls]
    text = ", ".join(map(str, commands))
    if parse_commands(text) != commands:
        raise UsageError(f"turn {number}: MOSS's protocol cannot write {one_line(text, 100)}: {WRITABLE}")
    calls = [
        FinishedCall(call.id, place, command, _output(results[call.id]))
        for place, (call, command) in enumerate(zip(said.calls, commands, strict=True))
    ]
    told = tell(calls, order, hit_length(number))
    return Round(neutralise(said.reasoning or said.content), neutralise(text) or NO_COMMAND, told.text)


def _output(result: str) -> Result:
    """Return what the plugin returned, by what was told of it."""
    if result == DRAWN:
        return (Picture(""),)
    return None if result.strip() in ("", NO_RESULT) else result


def _label(tool: Tool) -> str:
    """Return the first words of the description, or the name."""
    found = _PHRASE.match(tool.description.strip())
    words = found[0].split()[:LABEL_WORDS] if found else []
    return shorten(" ".join(words), LABEL_LENGTH) or tool.name


def _api(tool: Tool) -> str:
    """Return the form of a call as `Plugin.api` does: required parameters, or else the first."""
    names, required = list(tool.schema["properties"]), tool.schema.get("required") or []
    return f"{tool.name}({', '.join([name for name in names if name in required] or names[:1])})"
