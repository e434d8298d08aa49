"""A model on a server: finding it, and what can be asked of it."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, TypeAlias

from moss_agent.cancellation import NEVER, Cancellation
from moss_agent.engine.backends.remote.connection import Connection
from moss_agent.engine.backends.remote.kinds import LLAMA_CPP, PLAIN, TRANSFORMERS, VLLM, ServerKind, fragments
from moss_agent.engine.backends.remote.stream import Piece, read_pieces
from moss_agent.errors import ServerError, UsageError
from moss_agent.session import Sampling

Tokens: TypeAlias = Sequence[int | str]
"""Token ids; from servers that do not tell them, pieces of text of about a token's length."""


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
        with closing(self.connection.stream("/v1/completions", self._named(body), cancellation)) as chunks:
            yield from read_pieces(chunks, self.connection.seconds)

    def _named(self, body: dict[str, Any]) -> dict[str, Any]:
        return body | ({"model": self.name} if self.name else {})


def connect(connection: Connection, name: str = "") -> ServedModel:
    """Return the model of that name, or the only one, on the server.

    Raises ServerError if the server does not answer, UsageError if it has no model of the name, or several to choose.
    """
    _, listed = connection.get("/v1/models")
    models = [model for model in _field(listed, "data", list) or [] if _field(model, "id", str)]
    owners = {_field(model, "owned_by", str) for model in models}
    # `transformers serve` says nothing of itself, but only it has a page to which models to load are posted.
    if not owners & {"vllm", "llamacpp"} and connection.get("/load_model")[0] == 405:
        return ServedModel(connection, TRANSFORMERS, name, None)
    chosen = _choose(models, name) if models else {"id": name}
    kind, context = PLAIN, _field(chosen, "max_model_len", int)
    if "vllm" in owners:
        kind = VLLM
    elif "llamacpp" in owners:
        _, props = connection.get("/props")
        kind, context = LLAMA_CPP, _field(_field(props, "default_generation_settings", dict), "n_ctx", int)
    return ServedModel(connection, kind, chosen["id"], context)


def _choose(models: list[dict[str, Any]], name: str) -> dict[str, Any]:
    names = [model["id"] for model in models]
    if name in names:
        return models[names.index(name)]
    listed = ", ".join(names[:20])
    if name:
        raise UsageError(f"the server has no model {name!r}; it has: {listed}")
    if len(models) > 1:
        raise UsageError(f"the server has several models, name one with --server-model: {listed}")
    return models[0]


def _field(data: Any, name: str, kind: type) -> Any:
    """Return `data[name]` if it is there and of that kind, else None: nothing is certain of a server."""
    value = data.get(name) if isinstance(data, dict) else None
    return value if isinstance(value, kind) else None
