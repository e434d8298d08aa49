"""Conversations as the tokens of a chat model, rendered by its own template.

What such a model writes of a message begins behind the text that asks for it, and ends with a token of its template.
Some templates tell earlier messages otherwise than they were written, without their thoughts for example. What was
written then is a sequence of its own, behind what the model would have been told at that time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from moss_agent.dialects.messages import harmless, numbered
from moss_agent.engine.call_forms import THOUGHTS
from moss_agent.engine.chat_codec import ChatCodec
from moss_agent.engine.chat_template import ChatTemplate
from moss_agent.engine.codec import Codec
from moss_agent.errors import EngineError
from moss_agent.messages import Message, Tool, ToolCall
from moss_agent.training.chat_record import read_chat, text_tool
from moss_agent.training.dataset import Piece
from moss_agent.training.packing import Tokens
from moss_agent.training.recorded import read_recorded, recorded_chat

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_MARK = "mark of the probe"
_TOOL = text_tool("tool", "A tool.", ["key"])
_CALL = ToolCall("aaaaaaaa0", _TOOL.name, f'{{"key": "{_MARK}"}}')
_ASKED, _SAID = Message("user", "u"), Message("assistant", _MARK)
_CALLED, _TOLD = Message("assistant", "", (_CALL,)), Message("tool", "t", call_id=_CALL.id)


class ChatEncoder:
    """Encodes messages, stored conversations and records of MOSS's training format.

    Raises EngineError if the chat template cannot be used, or does not show where a message ends.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self._tokenizer = tokenizer
        self._codec = ChatCodec(Codec(tokenizer))
        self._template = ChatTemplate(tokenizer, self._codec)
        self._end = self._find_end(_SAID, _ASKED)
        self._end_of_calls = self._find_end(_CALLED, _TOLD)

    def encode(self, record: Mapping[str, Any]) -> list[Tokens]:
        """Return the conversation as one sequence or several, in which each message of the assistant is written once.

        Raises MossAgentError or ValueError if it is none, or the template does not take it.
        """
        messages, tools = _chat(record)
        messages = numbered(messages)
        if self._template.takes_one_call:
            messages = list(_one_call_each(messages))
        sequences: list[list[Piece]] = []
        text = ""
        for place, message in enumerate(messages):
            if message.role == "assistant":
                prompt, written = self._written(_told_before(messages, place), message, tools)
                if not sequences or not prompt.startswith(text):
                    sequences.append([])
                    text = ""
                sequences[-1] += [(prompt[len(text) :], False), (written, True)]
                text = prompt + written
        return [self._tokens(sequence) for sequence in sequences]

    def _written(self, before: Sequence[Message], message: Message, tools: Sequence[Tool]) -> tuple[str, str]:
        """Return the text up to where the message is written, and what the model writes of it."""
        prompt = self._template.render(before, tools)
        whole = self._template.render([*before, message], tools, is_prompt=False)
        if not whole.startswith(prompt):
            whole = self._with_thought(prompt, whole, message.reasoning)
        end = self._end_of_calls if message.calls else self._end
        written, found, _ = whole.removeprefix(prompt).rpartition(end)
        if not whole.startswith(prompt) or not found:
            raise self._refusal("tells a message otherwise than it lets the model write it")
        return prompt, written + end

    def _with_thought(self, prompt: str, whole: str, reasoning: str) -> str:
        """Return the whole text with the thought that the prompt begins and the template does not tell later."""
        thought = next((each for each in THOUGHTS if prompt.rstrip().endswith(each[0])), None)
        if thought is None or not whole.startswith(begin := prompt[: prompt.rindex(thought[0])]):
            return whole
        return f"{prompt}{self._codec.neutral(reasoning)}\n{thought[1]}\n\n{whole.removeprefix(begin)}"

    def _tokens(self, sequence: Sequence[Piece]) -> Tokens:
        """Encode each piece on its own, as the runtime does: only what the template writes are special tokens."""
        added = self._tokenizer.added_tokens_decoder
        ids: list[int] = []
        written: list[bool] = []
        for text, learn in sequence:
            last = added.get(ids[-1]) if ids else None
            parts = self._codec.split(text.lstrip() if last and last.rstrip else text)
            new = [number for part in parts for number in self._codec.encode(part)]
            ids += new
            written += [learn] * len(new)
        return ids, written

    def _find_end(self, message: Message, following: Message) -> str:
        """Return the token that ends such a message, whether or not another one follows it."""
        alone = self._template.render([_ASKED, message], [_TOOL], is_prompt=False)
        followed = self._template.render([_ASKED, message, following], [_TOOL])
        one, other = (self._codec.split(text.rpartition(_MARK)[2]) for text in (alone, followed))
        common = takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))
        tokens = [part.text for part, _ in common if part.token is not None]
        if not tokens:
            raise self._refusal("ends a message with no token that a model could learn to stop at")
        return tokens[-1]

    def _refusal(self, problem: str) -> EngineError:
        remedy = "train with another template of the same family"
        return EngineError(f"the chat template of {self._tokenizer.name_or_path} {problem}: {remedy}")


def _chat(record: Mapping[str, Any]) -> tuple[list[Message], list[Tool]]:
    """Return the messages and tools of a record, harmless as the runtime makes them."""
    if "messages" in record:
        chat = read_chat(record)
        messages, tools = [_harmless(message) for message in chat.messages], list(chat.tools)
    else:
        messages, tools = recorded_chat(read_recorded(record))
    return messages, [replace(tool, description=harmless(" ".join(tool.description.split()))) for tool in tools]


def _harmless(message: Message) -> Message:
    """Return the message without what a template could take for structure; the system's text is the program's own."""
    if message.role == "system":
        return message
    calls = tuple(replace(call, arguments=harmless(call.arguments)) for call in message.calls)
    reasoning = harmless(message.reasoning)
    return replace(message, content=harmless(message.content), calls=calls, reasoning=reasoning)


def _told_before(messages: Sequence[Message], place: int) -> list[Message]:
    """Return what the model is told when it writes that message: thoughts of the running turn only."""
    begin = max((at for at in range(place) if messages[at].role == "user"), default=0)
    return [replace(message, reasoning="") for message in messages[:begin]] + list(messages[begin:place])


def _one_call_each(messages: Sequence[Message]) -> Iterator[Message]:
    """Yield a message for each call, followed by its result; of calls without results the first."""
    results = {message.call_id: message for message in messages if message.role == "tool"}
    for message in messages:
        if message.role != "tool":
            yield replace(message, calls=message.calls[:1])
        for place, call in enumerate(message.calls):
            if place:
                yield Message("assistant", "", (call,))
            if call.id not in results:
                break
            yield results[call.id]
