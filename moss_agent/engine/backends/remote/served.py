"""A model on a server: finding it, and what can be asked of it."""

from __future__ import annotations

from collections.abc import Collection, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import quote

from moss_agent.cancellation import NEVER, Cancellation
from moss_agent.engine.backends.remote.chat_stream import Ending, read_chat
from moss_agent.engine.backends.remote.connection import Connection
from moss_agent.engine.backends.remote.kinds import LLAMA_CPP, PLAIN, TRANSFORMERS, VLLM, ServerKind, fragments
from moss_agent.engine.backends.remote.stream import Piece, read_pieces
from moss_agent.errors import ServerError, UsageError
from moss_agent.messages import MessagePiece, Tool
from moss_agent.session import Sampling

LENGTHS = ("max_model_len", "context_length", "context_window")  # vLLM and SGLang, OpenRouter and Together, Groq
Tokens: TypeAlias = Sequence[int | str]
"""Token ids; from servers that do not tell them, pieces of text of about a token's length."""


SCALES = (0.25, 4.0)  # the least and the most tokens of a server for one of ours


def scale(told: int, estimated: int) -> float:
    """Return the server's tokens for one of ours; beyond what is sensible its count is wrong."""
    return min(max(told / estimated, SCALES[0]), SCALES[1])


@dataclass(frozen=True)
class ServedModel:
    """name: empty where the server decides. context_length: in tokens, None where the server does not say."""

    connection: Connection
    kind: ServerKind
    name: str
    context_length: int | None

    def tokenize(self, text: str, special: bool = False, cancellation: Cancellation = NEVER) -> Tokens:
        """Return the tokens of `text`. special: whether special tokens in it count as such, where there is a choice."""
        if self.kind.tokenize is None:
            return fragments(text)
        answer = self.connection.post("/tokenize", self._named(self.kind.tokenize(text, special)), cancellation)
        ids = answer.get("tokens") if isinstance(answer, dict) else None
        if not isinstance(ids, list) or not all(type(token) is int for token in ids):
            raise ServerError(f"{self.connection.host} answers /tokenize with something that is no list of tokens")
        return ids

    def complete(
        self,
        prompt: Tokens,
        stop: Sequence[str],
        limit: int,
        sampling: Sampling,
        seed: int,
        cancellation: Cancellation,
    ) -> Generator[Piece, None, None]:
        """Yield what the model writes after `prompt`, at most `limit` tokens; closing the generator ends the request.

        Raises ServerError, ContextFull, Cancelled.
        """
        body = {
            "prompt": "".join(map(str, prompt)) if self.kind.tokenize is None else list(prompt),
            "max_tokens": limit,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "seed": seed,
            "stream": True,
            "stream_options": {"include_usage": True},
            **self.kind.fields,
            **self.kind.sampling(sampling),
        }
        if stop and self.kind.sends_stops:
            body["stop"] = list(stop)
        with closing(self._stream("/v1/completions", body, cancellation)) as chunks:
            yield from read_pieces(chunks, self.connection.seconds)

    def write_message(
        self,
        body: dict[str, Any],
        limit: int,
        taken: Collection[str],
        tools: Sequence[Tool],
        cancellation: Cancellation,
    ) -> Generator[MessagePiece, None, Ending]:
        """Yield the next message of a chat; `body` is the request, the rest as for `read_chat`.

        Closing the generator ends the request. Raises ServerError, ContextFull, Cancelled.
        """
        with closing(self._stream("/v1/chat/completions", body, cancellation)) as chunks:
            return (yield from read_chat(chunks, self.connection.seconds, limit, taken, tools))

    def _stream(self, path: str, body: dict[str, Any], cancellation: Cancellation) -> Generator[bytes, None, None]:
        return self.connection.stream(path, self._named(body), cancellation, health=self.kind.health)

    def _named(self, body: dict[str, Any]) -> dict[str, Any]:
        return body | ({"model": self.name} if self.name else {})


def connect(connection: Connection, name: str = "") -> ServedModel:
    """Return the model of that name, or the only one, on the server.

    Raises ServerError if the server does not answer, UsageError if it has no model of the name, or several to choose.
    A server that lists none is believed to have it.
    """
    _, listed = connection.get("/v1/models")
    models = [model for model in _field(listed, "data", list) or [] if _field(model, "id", str)]
    owners = {_field(model, "owned_by", str) for model in models}
    known = bool(owners & {"vllm", "llamacpp", "library", "organization_owner"})
    # `transformers serve` says nothing of itself, but only it has a page to which models to load are posted.
    if not known and _look(connection, "/load_model")[0] == 405:
        return ServedModel(connection, TRANSFORMERS, name, None)
    chosen = _choose(models, name) if models else {"id": name}
    kind = VLLM if "vllm" in owners else LLAMA_CPP if "llamacpp" in owners else PLAIN
    if models and all(":" in model["id"] for model in models):  # as Ollama names those that are not of its library
        owners.add("library")
    return ServedModel(connection, kind, chosen["id"], _context_length(connection, owners, chosen))


def _context_length(connection: Connection, owners: set[str | None], chosen: dict[str, Any]) -> int | None:
    """Return how much the model takes, by its entry in the list or by what the server tells elsewhere."""
    name = chosen["id"]
    if "llamacpp" in owners:
        _, props = _look(connection, "/props")
        return _length(_field(props, "default_generation_settings", dict), "n_ctx")
    if "library" in owners:  # Ollama: what it has given the model, if that is loaded; the model may take more
        _, running = _look(connection, "/api/ps")
        loaded = [model for model in _field(running, "models", list) or [] if _field(model, "name", str) == name]
        return _length(loaded[0] if loaded else None, "context_length")
    if "organization_owner" in owners:  # LM Studio, likewise
        _, model = _look(connection, f"/api/v0/models/{quote(name)}")
        return _length(model, "loaded_context_length")
    return _length(chosen, *LENGTHS)


def _choose(models: list[dict[str, Any]], name: str) -> dict[str, Any]:
    """Return the entry of the model: Ollama's names have a tag, Gemini's a folder, OpenRouter takes variants too."""
    entries = {model["id"]: model for model in models}
    for known in (name, f"{name}:latest", f"models/{name}"):
        if known in entries:
            return entries[known]
    variant, _, tag = name.partition(":")
    if tag and variant in entries:
        return {**entries[variant], "id": name}
    listed = ", ".join([*entries][:20])
    if name:
        raise UsageError(f"the server has no model {name!r}; it has: {listed}")
    if len(models) > 1:
        raise UsageError(
            f"the server has several models, name one with --server-model, in a chat with /model ADDRESS NAME: {listed}"
        )
    return models[0]


def _look(connection: Connection, path: str) -> tuple[int, Any]:
    """Return what the server has there; nothing if it refuses: not every server has the page."""
    try:
        return connection.get(path)
    except ServerError:
        return 0, None


def _length(data: Any, *names: str) -> int | None:
    """Return the first of these that is a number of tokens."""
    values = [_field(data, name, int) for name in names]
    return next((value for value in values if type(value) is int and value > 0), None)


def _field(data: Any, name: str, kind: type) -> Any:
    """Return `data[name]` if it is there and of that kind, else None: nothing is certain of a server."""
    value = data.get(name) if isinstance(data, dict) else None
    return value if isinstance(value, kind) else None
