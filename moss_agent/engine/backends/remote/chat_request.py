"""Messages and tools as the JSON of a chat request.

What a model has written comes back to the server with each request, and servers are strict about it: a name or
arguments that are none would end the conversation for good, so they are made to fit.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Literal

from moss_agent.engine.call_bodies import refuse_constant
from moss_agent.messages import Message, Tool, ToolCall

NO_NAME = re.compile(r"[^A-Za-z0-9_.-]")
LONGEST_NAME = 64  # characters, by OpenAI's rule
WANTED = re.compile("passed back|missing", re.IGNORECASE)  # in a refusal that names reasoning


@dataclass(frozen=True)
class RequestForm:
    """What servers want in different ways: a server that refuses one is asked in the other from then on.

    limit: the field with the most tokens of a message. reasoning: of which messages it is sent back: those of the
    running turn, all, or none.
    """

    limit: str = "max_completion_tokens"
    reasoning: Literal["running", "all", "none"] = "running"

    def after(self, refusal: str) -> RequestForm:
        """Return the form to try after a refusal in these words; the same if there is no other."""
        limit, reasoning = "max_tokens" if self.limit in refusal else self.limit, self.reasoning
        if reasoning == "running" and "reasoning" in refusal:
            reasoning = "all" if WANTED.search(refusal) else "none"
        return RequestForm(limit, reasoning)

    def reasoning_of(self, message: Message) -> str | None:
        """Return the reasoning that is sent with the message, None for none."""
        if self.reasoning == "all" and message.role == "assistant":
            return message.reasoning or message.past_reasoning
        return None if self.reasoning == "none" else message.reasoning or None


def tool_json(tool: Tool) -> dict[str, Any]:
    """Return the tool as a request tells of it."""
    function = {"name": tool.name, "description": tool.description, "parameters": dict(tool.schema)}
    return {"type": "function", "function": function}


def message_json(message: Message, form: RequestForm, reasoning_field: str) -> dict[str, Any]:
    """Return the message as a request has it. reasoning_field: the server's name for reasoning."""
    data: dict[str, Any] = {"role": message.role, "content": message.content}
    if (reasoning := form.reasoning_of(message)) is not None:
        data[reasoning_field] = reasoning
    if message.calls:
        # null, as OpenAI's own messages have it: some servers refuse an empty text, some templates leave the calls out.
        data["content"] = message.content or None
        data["tool_calls"] = [_call_json(call) for call in message.calls]
    if message.role == "tool":
        data["tool_call_id"] = message.call_id
    return data


def _call_json(call: ToolCall) -> dict[str, Any]:
    name = NO_NAME.sub("_", call.name)[:LONGEST_NAME] or "unknown"
    return {"id": call.id, "type": "function", "function": {"name": name, "arguments": _arguments(call.arguments)}}


def _arguments(written: str) -> str:
    """Return arguments that are a JSON object: llama.cpp, Ollama and transformers parse them and fail on others."""
    try:
        if isinstance(json.loads(written, parse_constant=refuse_constant), dict):
            return written
    except (ValueError, RecursionError):
        pass
    return json.dumps({"not_json": written}, ensure_ascii=False)
