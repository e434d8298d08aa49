"""Models of the Llama family on the CPU: several sequences in one pass, each with a cache that grows in place.

The weights stay in the layers that transformers has loaded. What differs from its own forward pass: linear layers take
the rows of all sequences at once, so that the weights are read once for all of them; a new token is written behind the
cached ones instead of copying the whole cache; attention reads what is filled and does not repeat grouped heads.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.functional import rms_norm

from moss_agent.engine.backends.failures import failures_at, finite
from moss_agent.engine.sampling import Logits
from moss_agent.engine.sequence import Cache, last_rows

if TYPE_CHECKING:
    from transformers import PreTrainedModel

FAMILIES = {"llama", "qwen2", "qwen3"}
ROPE_TYPES = {"default", "linear", "llama3", "yarn"}  # others turn by the length of the whole sequence
BLOCK = 256  # tokens by which a cache grows


def fits(model: PreTrainedModel) -> bool:
    """Return whether the model is one that `LlamaBackend` computes."""
    config = model.config
    return (
        config.model_type in FAMILIES
        and config.rope_parameters["rope_type"] in ROPE_TYPES
        and set(getattr(config, "layer_types", None) or ["full_attention"]) == {"full_attention"}
        and {parameter.device.type for parameter in model.parameters()} == {"cpu"}
    )


class LlamaCache:
    """Keys and values, (layers, 2, heads, capacity, head size), of which the first `length` tokens are filled."""

    def __init__(self, filled: torch.Tensor) -> None:
        self._stored = filled
        self.length = filled.shape[3]

    def cut(self, length: int) -> None:
        self.length = max(0, min(self.length, length))
        if not self.length:
            self._stored = self._filled().clone()  # frees the memory

    def copy(self) -> LlamaCache:
        return LlamaCache(self._filled().clone())

    def reserve(self, length: int) -> None:
        """Make room for that many tokens."""
        capacity = -(-length // BLOCK) * BLOCK
        if capacity > self._stored.shape[3]:
            grown = self._stored.new_empty(*self._stored.shape[:3], capacity, self._stored.shape[4])
            grown[:, :, :, : self.length] = self._filled()
            self._stored = grown

    def append(self, layer: int, keys_values: torch.Tensor) -> torch.Tensor:
        """Write the new keys and values of a layer, (2, heads, tokens, head size); return those of all tokens."""
        end = self.length + keys_values.shape[2]
        self._stored[layer, :, :, self.length : end] = keys_values
        return self._stored[layer, :, :, :end]

    def _filled(self) -> torch.Tensor:
        return self._stored[:, :, :, : self.length]


class LlamaBackend:
    """Computes one step of several sequences as one batch of rows."""

    guesses_pay = True

    def __init__(self, model: PreTrainedModel) -> None:
        self._model: Any = model  # its layers are not in the annotations of the library
        self._decoder = self._model.model
        attention = self._decoder.layers[0].self_attn
        self._head_size, self._scale = attention.head_dim, attention.scaling
        self._dtype = self._decoder.norm.weight.dtype  # weights of linear layers may have others

    def new_cache(self) -> LlamaCache:
        config = self._model.config
        size = (len(self._decoder.layers), 2, config.num_key_value_heads, 0, self._head_size)
        return LlamaCache(torch.empty(size, dtype=self._dtype))

    def forward(
        self, caches: Sequence[Cache], ids: Sequence[Sequence[int]], wanted: Sequence[int] | None = None
    ) -> list[Logits]:
        own = [cache for cache in caches if isinstance(cache, LlamaCache)]
        ends = [0]
        for part in ids:
            ends.append(ends[-1] + len(part))
        with failures_at(max(cache.length + len(part) for cache, part in zip(own, ids, strict=True))):
            with torch.inference_mode():
                last = last_rows(ends[1:], wanted)
                logits = self._logits(own, [token for part in ids for token in part], list(pairwise(ends)), last)
            for cache, part in zip(own, ids, strict=True):
                cache.length += len(part)
            return [finite(row) for row in logits.numpy()]

    def close(self) -> None:
        """Do nothing: there is nothing to end."""

    def _logits(
        self, caches: Sequence[LlamaCache], ids: list[int], rows: list[tuple[int, int]], last: list[int]
    ) -> torch.Tensor:
        """Compute the logits after the tokens that stand at `last`, (those, vocabulary).

        ids: of all sequences, one after another; rows: where those of each begin and end.
        """
        starts = [cache.length for cache in caches]
        for cache, (first, end) in zip(caches, rows, strict=True):
            cache.reserve(cache.length + end - first)
        x = self._decoder.embed_tokens(torch.tensor(ids)).to(self._dtype)
        positions = [torch.arange(start, start + end - first) for start, (first, end) in zip(starts, rows, strict=True)]
        cos, sin = self._decoder.rotary_emb(x[None], torch.cat(positions)[None])
        turn = (cos[0, :, None], sin[0, :, None])
        for number, layer in enumerate(self._decoder.layers):
            x = x + self._attention(layer.self_attn, number, _norm(layer.input_layernorm, x), turn, caches, rows)
            x = x + layer.mlp(_norm(layer.post_attention_layernorm, x))
        logits: torch.Tensor = self._model.lm_head(_norm(self._decoder.norm, x[last])).float()
        return logits

    def _attention(
        self,
        attention: Any,
        number: int,
        x: torch.Tensor,
        turn: tuple[torch.Tensor, torch.Tensor],
        caches: Sequence[LlamaCache],
        rows: list[tuple[int, int]],
    ) -> torch.Tensor:
        """Compute the attention of a layer for all rows, each over its own sequence."""
        queries, keys, values = (
            project(x).view(len(x), -1, self._head_size)
            for project in (attention.q_proj, attention.k_proj, attention.v_proj)
        )
        if hasattr(attention, "q_norm"):
            queries, keys = _norm(attention.q_norm, queries), _norm(attention.k_norm, keys)
        queries, keys = _turned(queries, *turn), _turned(keys, *turn)
        new = torch.stack((keys, values)).transpose(1, 2)  # (2, heads, rows, head size)
        attended = []
        for cache, (first, end) in zip(caches, rows, strict=True):
            known, written = cache.append(number, new[:, :, first:end])
            attended.append(_attend(queries[first:end] * self._scale, known, written))
        result: torch.Tensor = attention.o_proj(torch.cat(attended) if len(attended) > 1 else attended[0])
        return result


def _norm(norm: Any, x: torch.Tensor) -> torch.Tensor:
    return rms_norm(x, norm.weight.shape, norm.weight, norm.variance_epsilon)


def _turned(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Turn pairs of dimensions by the angle of their position (Su et al. 2021); x: (rows, heads, head size)."""
    left, right = x.chunk(2, -1)
    return x * cos + torch.cat((-right, left), -1) * sin


def _attend(queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """Attend to every token up to a query's own; queries are the last tokens, already scaled.

    queries: (tokens, heads, head size). keys, values: (key heads, all tokens, head size); neighbouring query heads
    share a key head. Returns (tokens, heads * head size).
    """
    count, heads, size = queries.shape
    key_heads, length, _ = keys.shape
    grouped = queries.view(count, key_heads, -1, size).permute(1, 2, 0, 3).reshape(key_heads, -1, size)
    scores = grouped @ keys.transpose(1, 2)
    if count > 1:
        later = torch.ones(count, length, dtype=torch.bool).triu_(length - count + 1)
        scores.view(key_heads, -1, count, length).masked_fill_(later, float("-inf"))
    mixed = scores.softmax(-1) @ values
    return mixed.view(key_heads, -1, count, size).permute(2, 0, 1, 3).reshape(count, heads * size)
