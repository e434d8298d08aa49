"""Chat models on a server: the whole conversation is sent with every request, as messages.

Nothing of the request is computed here: the server has the template and the tokenizer. Tokens are estimated, and put
right by the server's own count after each answer.
"""

from __future__ import annotations

import math
import random
from collections.abc import Generator, Mapping, Sequence
from typing import Any

from moss_agent.cancellation import Cancellation
from moss_agent.engine.backends.remote.chat_request import RequestForm, message_json, tool_json
from moss_agent.engine.backends.remote.chat_stream import REASONING_FIELDS, Ending
from moss_agent.engine.backends.remote.kinds import fragments
from moss_agent.engine.backends.remote.served import ServedModel, scale
from moss_agent.errors import ServerError
from moss_agent.messages import Message, MessagePiece, Tool
from moss_agent.session import Generation, check_room

MESSAGE_TOKENS = 4  # of the template, around each message


class RemoteChatModel:
    """Opens chat sessions on a served model. Thread-safe.

    sampling: what the user has set of a `Sampling`, by its names; the rest is for the server to choose.
    max_new_tokens: most tokens of one message; the request is ended when the server goes on. seed: what the messages
    are drawn with, for servers that know seeds. form: how the server wants its requests, as far as it is known.
    """

    def __init__(
        self,
        served: ServedModel,
        *,
        context_length: int,
        sampling: Mapping[str, Any],
        max_new_tokens: int,
        seed: int | None,
    ) -> None:
        self.context_length = context_length
        self.served = served
        self.form = RequestForm()
        self.max_new_tokens = max_new_tokens
        self.sampling = served.kind.chat(sampling)
        self._seed = seed

    def chat_session(self, tools: Sequence[Tool]) -> RemoteChatSession:
        return RemoteChatSession(self, tools, None if self._seed is None else random.Random(self._seed))

    def close(self) -> None:
        self.served.connection.close()


class RemoteChatSession:
    """One conversation on a served chat model. Not thread-safe."""

    def __init__(self, model: RemoteChatModel, tools: Sequence[Tool], random_numbers: random.Random | None) -> None:
        self._model = model
        self._tools = tools
        self._tools_json = [tool_json(tool) for tool in tools]
        self._random = random_numbers
        self._scale = 1.0
        self._sent: Sequence[Message] = ()
        self._reasoning_field = REASONING_FIELDS[0]

    def count(self, messages: Sequence[Message]) -> int:
        return math.ceil(self._estimate(messages) * self._scale)

    def write(
        self, messages: Sequence[Message], *, may_call: bool, cancellation: Cancellation
    ) -> Generator[MessagePiece, None, Generation]:
        """Yield the next message as it comes. A server that does not know `tool_choice` may call all the same.

        A request is repeated in another form where the server refuses the form. Closing the generator ends it at once.
        """
        model, needed = self._model, self.count(messages)
        check_room(needed + 1, model.context_length, model.context_length)
        limit = min(model.max_new_tokens, model.context_length - needed)
        body, form = self._request(may_call), model.form
        taken = {call.id for message in messages for call in message.calls}
        while True:
            told = [message_json(message, form, self._reasoning_field) for message in messages]
            asked = body | {"messages": told, form.limit: limit}
            try:
                ending = yield from model.served.write_message(asked, limit, taken, self._tools, cancellation)
                break
            except ServerError as error:
                refused, form = form, form.after(error.refusal)
                if form == refused:
                    raise
        model.form = form
        return self._generation(messages, ending)

    def close(self) -> None:
        self._sent = ()

    def _request(self, may_call: bool) -> dict[str, Any]:
        """Return what of a request has one form only."""
        body: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}, **self._model.sampling}
        if self._tools:
            body["tools"] = self._tools_json
            if not may_call:  # the tools are sent all the same: without them the prompt would begin otherwise
                body["tool_choice"] = "none"
        if self._random:
            body["seed"] = self._random.getrandbits(31)
        return body

    def _generation(self, messages: Sequence[Message], ending: Ending) -> Generation:
        usage, seen = ending.usage, self._seen(messages)
        if usage and usage.prompt:
            self._scale = scale(usage.prompt, self._estimate(messages))
        prompt = usage.prompt if usage and usage.prompt else self.count(messages)
        cached = min(self.count(seen), prompt) if seen else 0
        if usage and usage.cached is not None:
            cached = usage.cached
        self._sent = tuple(messages)
        self._reasoning_field = ending.reasoning_field or self._reasoning_field
        written = usage.written if usage and usage.written else ending.pieces
        return Generation(ending.text, "", ending.finish, cached, prompt - cached, written)

    def _seen(self, messages: Sequence[Message]) -> Sequence[Message]:
        """Return the messages that the server has had before, with the one that it wrote."""
        pairs = zip(messages, self._sent, strict=False)
        known = next((n for n, (one, other) in enumerate(pairs) if one != other), min(len(messages), len(self._sent)))
        if 0 < known == len(self._sent) < len(messages) and messages[known].role == "assistant":
            known += 1
        return messages[:known]

    def _estimate(self, messages: Sequence[Message]) -> int:
        texts = [str(tool) for tool in self._tools_json]
        for message in messages:
            texts += [message.content, self._model.form.reasoning_of(message) or ""]
            texts += [call.name + call.arguments for call in message.calls]
        return sum(len(fragments(text)) for text in texts) + MESSAGE_TOKENS * (len(messages) + 1)
