"""Many texts drawn side by side behind one preamble: each takes a token a step, one that is given or one that is drawn.

A text that ends leaves its row to the next one. What the preamble leaves in the caches is computed once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.functional import silu

from .learner import exponentials, rms_norm, rotary, rotate

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM, PreTrainedTokenizerBase

ROWS = 128  # texts at once
LENGTH = 160  # tokens of a text: longer ones are given up
SPANS = (96, LENGTH)  # of which so many are looked at: few shapes are compiled
LIKELIEST = 40  # tokens of which one is drawn
END = 8  # the last tokens, in which the end of a part is looked for

Part = tuple[Sequence[int], str]  # ids that are given, and the text that ends what is drawn behind them


def draw(
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerBase,
    preamble: Sequence[int],
    texts: Iterable[Sequence[Part]],
    temperature: float,
) -> Iterator[tuple[int, list[str] | None]]:
    """Yield the number of each text with what was drawn for its parts, in the order in which they end.

    temperature: 0 for the likeliest token. None instead of what was drawn if a text became too long.
    """
    layers = _Layers(model, preamble)
    waiting = enumerate(texts)
    rows = [_Row(*each) if (each := next(waiting, None)) else None for _ in range(ROWS)]
    while any(rows):
        ids, places = zip(*((row.id, row.place) if row else (0, 0) for row in rows), strict=True)
        logits = layers.step(torch.tensor(ids), torch.tensor(places))
        for number, (row, drawn) in enumerate(zip(rows, _drawn(logits, temperature), strict=True)):
            if row and row.take(drawn, tokenizer):
                yield row.number, row.texts(tokenizer) if row.place < LENGTH else None
                rows[number] = _Row(*each) if (each := next(waiting, None)) else None


def _drawn(logits: torch.Tensor, temperature: float) -> list[int]:
    """Return a token for each row of logits."""
    highest, tokens = logits.topk(LIKELIEST if temperature else 1)
    if temperature:
        tokens = tokens.gather(1, torch.multinomial((highest / temperature).softmax(-1), 1))
    drawn: list[int] = tokens[:, 0].tolist()
    return drawn


class _Row:
    """A text as far as it is written. id: the token that comes next, at its place behind the preamble."""

    def __init__(self, number: int, parts: Sequence[Part]) -> None:
        self.number, self.place = number, 0
        self._parts = deque(parts)
        self._drawn: list[list[int]] = []
        self._begin_part()
        self.id = self._given.popleft()

    def _begin_part(self) -> None:
        given, self._end = self._parts.popleft()
        self._given = deque(given)
        self._drawn.append([])

    def take(self, drawn: int, tokenizer: PreTrainedTokenizerBase) -> bool:
        """Go on by a token that is given, else by the one that was drawn. Return whether the text ends."""
        self.place += 1
        if self._given:
            self.id = self._given.popleft()
            return self.place == LENGTH
        self.id = drawn
        part = self._drawn[-1]
        part.append(drawn)
        if tokenizer.decode(part[-END:]).endswith(self._end):
            if not self._parts:
                return True
            self._begin_part()
        return self.place == LENGTH

    def texts(self, tokenizer: PreTrainedTokenizerBase) -> list[str]:
        """Return what was drawn for each part."""
        return [tokenizer.decode(part) for part in self._drawn]


class _Layers:
    """A model of the Llama shape behind a preamble, with a cache of ROWS texts."""

    def __init__(self, model: LlamaForCausalLM, preamble: Sequence[int]) -> None:
        config = model.config
        self.eps, self.first = config.rms_norm_eps, len(preamble)
        self.embedding, self.last_norm = model.model.embed_tokens.weight, model.model.norm.weight
        self.cosines, self.sines = rotary(config, self.first + LENGTH, self.embedding.dtype)
        self.weights = [_weights(layer) for layer in model.model.layers]
        with torch.inference_mode():
            caches = model(torch.tensor([preamble]), use_cache=True).past_key_values.layers
        self.ahead = [(each.keys[0].transpose(1, 2).contiguous(), each.values[0]) for each in caches]
        size = (len(self.weights), 2, ROWS, config.num_key_value_heads, LENGTH, config.head_dim)
        self.own = torch.zeros(size, dtype=self.embedding.dtype)
        self.attend = torch.compile(_attend_and_go_on, dynamic=False)
        self.project = torch.compile(_project, dynamic=False)

    @torch.inference_mode()
    def step(self, ids: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        """Return the logits behind each row's next token, which stands at its place. Shapes: (rows), (rows)."""
        span = next(span for span in SPANS if int(places.max()) < span)
        unseen = torch.where(torch.arange(span) <= places[:, None], 0.0, -torch.inf)[:, None, None]
        unseen = unseen.to(self.embedding.dtype)
        turns = self.cosines[self.first + places], self.sines[self.first + places]
        states, rows = self.embedding[ids], torch.arange(len(ids))
        for weights, own, ahead in zip(self.weights, self.own, self.ahead, strict=True):
            queries, keys, values = self.project(states, weights[0], weights[1], turns, ahead[0].shape, self.eps)
            own[0, rows, :, places], own[1, rows, :, places] = keys, values
            cached = own[0, :, :, :span], own[1, :, :, :span]
            states = self.attend(states, queries, cached, ahead, unseen, weights[2:], self.eps)
        logits: torch.Tensor = rms_norm(states, self.last_norm, self.eps) @ self.embedding.t()
        return logits.float()


def _weights(layer: Any) -> tuple[torch.Tensor, ...]:
    attention, feed_forward = layer.self_attn, layer.mlp
    return (
        layer.input_layernorm.weight,
        torch.cat([each.weight for each in (attention.q_proj, attention.k_proj, attention.v_proj)]),
        attention.o_proj.weight,
        layer.post_attention_layernorm.weight,
        torch.cat([feed_forward.gate_proj.weight, feed_forward.up_proj.weight]),
        feed_forward.down_proj.weight,
    )


def _project(
    states: torch.Tensor,
    norm: torch.Tensor,
    weight: torch.Tensor,
    turns: tuple[torch.Tensor, torch.Tensor],
    ahead: Sequence[int],
    eps: float,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return queries, keys and values. Shapes: (rows, heads, size). ahead: (key heads, size, tokens)."""
    keys, size, _ = ahead
    heads = (rms_norm(states, norm, eps) @ weight.t()).view(len(states), -1, size)
    rotated = rotate(heads[:, :-keys], *turns)
    return rotated[:, :-keys] * size**-0.5, rotated[:, -keys:], heads[:, -keys:]


def _attend_and_go_on(
    states: torch.Tensor,
    queries: torch.Tensor,
    own: tuple[torch.Tensor, torch.Tensor],
    ahead: tuple[torch.Tensor, torch.Tensor],
    unseen: torch.Tensor,
    weights: Sequence[torch.Tensor],
    eps: float,
) -> torch.Tensor:
    """Attend to the preamble and to the own text, then the rest of a layer. k key heads, g query heads of each."""
    out, norm, gate_and_up, down = weights
    rows, keys, size = len(states), len(ahead[0]), queries.shape[-1]
    queries = queries.view(rows, keys, -1, size)  # r k g d
    by_head = queries.transpose(0, 1).reshape(keys, -1, size)  # k (r g) d
    to_ahead = torch.bmm(by_head, ahead[0]).view(keys, rows, -1, ahead[0].shape[-1])
    to_own = queries @ own[0].transpose(2, 3) + unseen
    powers_ahead, powers_own, total = exponentials(to_ahead.transpose(0, 1), to_own)
    from_ahead = torch.bmm(powers_ahead.transpose(0, 1).reshape(keys, -1, ahead[1].shape[1]), ahead[1])
    attended = (from_ahead.view(keys, rows, -1, size).transpose(0, 1) + powers_own @ own[1]) / total
    states = states + attended.to(states.dtype).reshape(rows, -1) @ out.t()
    gate, up = (rms_norm(states, norm, eps) @ gate_and_up.t()).chunk(2, -1)
    return states + (silu(gate) * up) @ down.t()
