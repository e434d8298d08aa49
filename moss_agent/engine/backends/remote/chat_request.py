"""Messages and tools as the JSON of a chat request.

What a model has written comes back to the server with each request, and servers are strict about it: a name or
arguments that are none would end the conversation for good, so they are made to fit.
"""

from __future__ import annotations

import json
import re
from typing import Any

from moss_agent.engine.call_bodies import refuse_constant
from moss_agent.messages import Message, Tool, ToolCall

NO_NAME = re.compile(r"[^A-Za-z0-9_.-]")
LONGEST_NAME = 64  # characters, by OpenAI's rule


def tool_json(tool: Tool) -> dict[str, Any]:
    """Return the tool as a request tells of it."""
    function = {"name": tool.name, "description": tool.description, "parameters": dict(tool.schema)}
    return {"type": "function", "function": function}


def message_json(message: Message, reasoning_field: str) -> dict[str, Any]:
    """Return the message as a request has it. reasoning_field: the server's name for reasoning."""
    data: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.reasoning:
        data[reasoning_field] = message.reasoning
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
