"""Renders conversations with a model's chat template, in the shape that the template takes.

Templates differ in what they accept: some refuse a system message, some more than one call in a message, some want the
arguments of calls as an object and some as text. Which it is, a small conversation shows that has all of it.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from moss_agent.engine.chat_codec import ChatCodec
from moss_agent.errors import EngineError, said_by
from moss_agent.messages import Message, Tool, ToolCall

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Rendered: TypeAlias = dict[str, Any]  # a message as templates see it
Change: TypeAlias = Callable[[list[Rendered]], list[Rendered]]

ID_LENGTH = 9  # letters and digits: one family takes no other ids of calls
_TOOL = Tool("tool", "A tool.", {"type": "object", "properties": {"key": {"type": "string", "description": "A key."}}})
_VALUE = "value in the probe"
_CALLS = tuple(ToolCall(f"aaaaaaaa{n}", _TOOL.name, json.dumps({"key": _VALUE})) for n in range(2))
_PROBE = (
    Message("system", "s"),
    Message("user", "u"),
    Message("assistant", "", _CALLS),
    *(Message("tool", "t", call_id=call.id) for call in _CALLS),
    Message("assistant", "a"),
    Message("user", "u"),
)


class ChatTemplate:
    """The chat template of a tokenizer. Raises EngineError if it takes no conversation with calls in any shape."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, codec: ChatCodec) -> None:
        self._tokenizer = tokenizer
        self._codec = codec
        self._changes = self._find_changes()

    @property
    def source(self) -> str:
        """The template that is used with tools."""
        source: str = self._tokenizer.get_chat_template(tools=[_function(_TOOL)])
        return source

    @property
    def takes_one_call(self) -> bool:
        """Whether a message can have one call only."""
        return _one_call_each in self._changes

    def render(self, messages: Sequence[Message], tools: Sequence[Tool], *, is_prompt: bool = True) -> str:
        """Return the text up to where the next message is written. Raises EngineError if the template refuses.

        is_prompt: whether there is a next message; without one, the text ends with the last.
        """
        try:
            return self._render(messages, tools, self._changes, is_prompt)
        except Exception as error:  # whatever a template does with what it does not expect
            raise self._refusal(error) from error

    def _render(
        self, messages: Sequence[Message], tools: Sequence[Tool], changes: Sequence[Change], is_prompt: bool = True
    ) -> str:
        conversation = _conversation(messages)
        for change in changes:
            conversation = change(conversation)
        text = self._tokenizer.apply_chat_template(
            self._codec.neutral(conversation),
            tools=self._codec.neutral([_function(tool) for tool in tools]) or None,
            add_generation_prompt=is_prompt,
            tokenize=False,
        )
        assert isinstance(text, str)  # a list for a batch only
        return text

    def _find_changes(self) -> tuple[Change, ...]:
        """Return the fewest changes with which the template takes all that a conversation may have."""
        changes: tuple[Change, ...] = (_arguments_as_text, _one_call_each, _system_in_question)
        problem: Exception | None = None
        for count in range(len(changes) + 1):
            for chosen in itertools.combinations(changes, count):
                try:
                    text = self._render(_PROBE, [_TOOL], chosen)
                except Exception as error:  # whatever a template does with what it does not expect
                    problem = problem or error
                    continue
                # Neither a Python literal nor JSON inside of JSON
                if _VALUE in text and f"'{_VALUE}'" not in text and f'\\"{_VALUE}' not in text:
                    return chosen
        raise self._refusal(problem or ValueError("it leaves out the arguments of calls"))

    def _refusal(self, error: Exception) -> EngineError:
        name = self._tokenizer.name_or_path
        return EngineError(f"the chat template of {name} does not take this conversation: {said_by(error)}")


def template_id(identity: str) -> str:
    """Return the id of a call as every template takes it."""
    if len(identity) == ID_LENGTH and identity.isascii() and identity.isalnum():
        return identity
    return hashlib.sha256(identity.encode(errors="replace")).hexdigest()[:ID_LENGTH]


def _function(tool: Tool) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description, "parameters": tool.schema}
    return {"type": "function", "function": function}


def _conversation(messages: Sequence[Message]) -> list[Rendered]:
    names = {call.id: call.name for message in messages for call in message.calls}
    return [_message(message, names) for message in messages]


def _message(message: Message, names: dict[str, str]) -> Rendered:
    rendered: Rendered = {"role": message.role, "content": message.content}
    if message.reasoning:
        rendered["reasoning_content"] = message.reasoning
    if message.calls:
        rendered["tool_calls"] = [_call(call) for call in message.calls]
    if message.role == "tool":
        rendered |= {"tool_call_id": template_id(message.call_id), "name": names.get(message.call_id, "")}
    return rendered


def _call(call: ToolCall) -> Rendered:
    function = {"name": call.name, "arguments": arguments_object(call.arguments)}
    return {"type": "function", "id": template_id(call.id), "function": function}


def arguments_object(arguments: str) -> dict[str, Any]:
    """Return the arguments of a call as an object; under one name what is none."""
    try:
        value = json.loads(arguments)
    except (ValueError, RecursionError):
        value = None
    return value if isinstance(value, dict) else {"arguments": arguments}


def _arguments_as_text(conversation: list[Rendered]) -> list[Rendered]:
    def changed(call: Rendered) -> Rendered:
        function = call["function"]
        text = json.dumps(function["arguments"], ensure_ascii=False)
        return call | {"function": function | {"arguments": text}}

    return [
        message | {"tool_calls": [changed(call) for call in message["tool_calls"]]}
        if "tool_calls" in message
        else message
        for message in conversation
    ]


def _one_call_each(conversation: list[Rendered]) -> list[Rendered]:
    """Make a message of each call, followed by its result."""
    results = {message["tool_call_id"]: message for message in conversation if message["role"] == "tool"}
    moved: set[str] = set()
    changed: list[Rendered] = []
    for message in conversation:
        calls = message.get("tool_calls", [])
        if len(calls) < 2:
            changed += [message] if message.get("tool_call_id") not in moved else []
        for number, call in enumerate(calls if len(calls) > 1 else []):
            shared = message if number == 0 else {"role": "assistant", "content": ""}
            changed.append(shared | {"tool_calls": [call]})
            if call["id"] in results:
                changed.append(results[call["id"]])
                moved.add(call["id"])
    return changed


def _system_in_question(conversation: list[Rendered]) -> list[Rendered]:
    """Put a system message at the beginning of the first question."""
    if len(conversation) < 2 or [message["role"] for message in conversation[:2]] != ["system", "user"]:
        return conversation
    system, question, *rest = conversation
    return [question | {"content": f"{system['content']}\n\n{question['content']}"}, *rest]
