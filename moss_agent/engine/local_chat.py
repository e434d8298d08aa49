"""Chats with a model in this process: its template renders them, its own form of calls is read from what it writes.

A session keeps the ids that the model has read and written. The next text is compared with what they stand for: where
it only goes on, only the rest is computed, and where a template rewrites what was said, all from there on.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from transformers import PreTrainedTokenizerBase

from moss_agent.cancellation import Cancellation
from moss_agent.engine.call_forms import MessageReader, forms_of
from moss_agent.engine.chat_codec import ChatCodec, Held, Part
from moss_agent.engine.chat_template import ChatTemplate
from moss_agent.engine.local import LocalModel, LocalSession
from moss_agent.errors import EngineError
from moss_agent.messages import Content, Message, MessagePiece, Tool
from moss_agent.session import MARKER_ROOM, Generation, Sampling, check_room

PROMPT_PARTS = 3  # of the end of a prompt: enough to see whether it begins a thought


class LocalChatModel:
    """Opens chat sessions on a local model. Thread-safe; chats with the same beginning compute it once.

    sampling: what is chosen instead of the model's own settings: temperature, top_k, top_p, repetition_penalty.
    Raises EngineError if the chat template cannot be used, or the form of its calls is not known.
    """

    def __init__(self, model: LocalModel, *, sampling: Mapping[str, Any], max_new_tokens: int) -> None:
        self.context_length = model.context_length
        self.model = model
        self.codec = ChatCodec(model.codec)
        tokenizer = model.codec.tokenizer
        assert isinstance(tokenizer, PreTrainedTokenizerBase)  # others have no template
        self.template = ChatTemplate(tokenizer, self.codec)
        forms = forms_of(self.template.source)
        if forms is None:
            name = tokenizer.name_or_path
            remedy = "use it through a server, or with --dialect shown"
            raise EngineError(f"{name} writes calls of tools in an unknown form: {remedy}")
        self.forms = forms
        self.sampling = Sampling(**{**model.own_sampling, **sampling}, max_new_tokens=max_new_tokens)

    def chat_session(self, tools: Sequence[Tool]) -> LocalChatSession:
        return LocalChatSession(self, tools)

    def close(self) -> None:
        self.model.close()


class LocalChatSession:
    """One conversation on a local model. Not thread-safe."""

    def __init__(self, model: LocalChatModel, tools: Sequence[Tool]) -> None:
        self._model = model
        self._tools = tuple(tools)
        self._session: LocalSession | None = None
        self._held: list[Held] = []  # what the ids of the session stand for
        self._beginnings: dict[str, list[int]] = {}  # by system message: the ids that every chat begins with

    def count(self, messages: Sequence[Message]) -> int:
        return len(_ids(self._follow(messages)))

    def write(
        self, messages: Sequence[Message], *, may_call: bool, cancellation: Cancellation
    ) -> Generator[MessagePiece, None, Generation]:
        model, session = self._model, self._read(messages)
        forms, banned = model.forms, []
        if not may_call:
            banned = [model.codec.tokens[forms.opener]] if forms.opener in model.codec.tokens else []
            forms = forms.without_calls()
        reader = MessageReader(forms, self._tools, "".join(held.text for held in self._held[-PROMPT_PARTS:]))
        content: list[str] = []
        begin = session.length
        pieces = session.generate([], model.sampling, cancellation, banned=banned)
        try:
            generation = yield from _passed_on(pieces, reader, content)
        finally:
            pieces.close()
            self._held = model.codec.record(self._held, session.ids[begin:])
        return replace(generation, text="".join(content))

    def close(self) -> None:
        if self._session:
            self._session.close()
        self._session, self._held = None, []

    def _read(self, messages: Sequence[Message]) -> LocalSession:
        """Let the session hold the messages, with as much as possible of what it has computed."""
        held = self._follow(messages)
        ids = _ids(held)
        check_room(len(ids), self._model.context_length - MARKER_ROOM - 1, self._model.context_length)
        session = self._session
        if session is None or _common(session.preamble, ids) < len(session.preamble):
            self.close()
            beginning = self._beginning(messages)
            session = self._model.model.session_of(beginning if ids[: len(beginning)] == beginning else [])
        session.rewind(_common(session.ids, ids))
        session.append(ids[session.length :])
        self._session, self._held = session, held
        return session

    def _follow(self, messages: Sequence[Message]) -> list[Held]:
        return self._model.codec.follow(self._held, self._parts(messages))

    def _parts(self, messages: Sequence[Message]) -> list[Part]:
        return self._model.codec.split(self._model.template.render(messages, self._tools))

    def _beginning(self, messages: Sequence[Message]) -> list[int]:
        """Return the ids with which every chat with this system message and these tools begins."""
        system = [message for message in messages[:1] if message.role == "system"]
        key = system[0].content if system else ""
        if key not in self._beginnings:
            codec = self._model.codec
            one, other = (_ids(codec.follow([], self._parts([*system, Message("user", text)]))) for text in "AB")
            # The last of them may become another token together with what follows.
            self._beginnings[key] = one[: max(0, _common(one, other) - 1)]
        return self._beginnings[key]


def _passed_on(
    pieces: Generator[str, None, Generation], reader: MessageReader, content: list[str]
) -> Generator[MessagePiece, None, Generation]:
    """Yield what is read of the pieces; add the content to the list."""
    is_last = False
    while not is_last:
        text = ""
        try:
            text = next(pieces)
        except StopIteration as end:
            generation: Generation = end.value
            is_last = True
        for written in reader.push(text, is_last):
            if isinstance(written, Content):
                content.append(written.text)
            yield written
    return generation


def _ids(held: Sequence[Held]) -> list[int]:
    return [number for part in held for number in part.ids]


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    """Return how many ids both begin with."""
    pairs = zip(one, other, strict=False)
    return next((n for n, (left, right) in enumerate(pairs) if left != right), min(len(one), len(other)))
