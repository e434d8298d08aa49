"""Models of transformers that leave their attention to a function: several sequences in one pass, on any device.

The new tokens of all sequences stand one behind the other in one row, so that every layer reads its weights once for
all of them. Only attention looks at each sequence by itself, over a cache that grows in place: the keys and values of a
token are written behind the known ones, which are not copied.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import torch

from moss_agent.engine.attention import attend, use_attention
from moss_agent.engine.backends.failures import failures_at, finite
from moss_agent.engine.sampling import Logits
from moss_agent.engine.sequence import Cache, last_rows
from moss_agent.engine.threads import Threads
from moss_agent.errors import OutOfMemory

if TYPE_CHECKING:
    from transformers import PreTrainedModel

NAME = "moss_agent_batched"
BLOCK = 64  # tokens by which a cache grows
SPARE = 1024  # tokens that a cut cache keeps room for

Filled = tuple[torch.Tensor, torch.Tensor]  # keys and values, (1, heads, tokens, size of a head)


class GrowingCache:
    """Keys and values of every layer, on the device that the layer is on, with room for tokens to come."""

    def __init__(self, layers: dict[int, Filled] | None = None, length: int = 0) -> None:
        self._layers = layers or {}
        self.length = length

    def cut(self, length: int) -> None:
        self.length = max(0, min(self.length, length))
        if not self.length:
            self._layers.clear()  # frees the memory
        elif max(keys.shape[2] for keys, _ in self._layers.values()) > self.length + SPARE:
            with suppress(OutOfMemory):
                self._layers = self.copy()._layers

    def copy(self) -> GrowingCache:
        """Return a cache with the same tokens, and room for the next ones."""
        with failures_at(self.length):
            layers = {number: self._moved(stored, self.length + BLOCK) for number, stored in self._layers.items()}
        return GrowingCache(layers, self.length)

    def append(self, layer: int, new: Filled) -> Filled:
        """Write new keys and values of a layer behind the known ones; return all of the layer.

        They count for the length once every layer has them.
        """
        end = self.length + new[0].shape[2]
        stored = self._layers.get(layer)
        if stored is None or stored[0].shape[2] < end:
            stored = self._layers[layer] = self._moved(stored or new, -(-end // BLOCK) * BLOCK)
        for place, part in zip(stored, new, strict=True):
            place[:, :, self.length : end] = part
        return stored[0][:, :, :end], stored[1][:, :, :end]

    def _moved(self, stored: Filled, capacity: int) -> Filled:
        """Return room for so many tokens, with the known ones in it. stored: where they are, or the first ones."""
        keys, values = (part.new_empty(1, part.shape[1], capacity, part.shape[3]) for part in stored)
        for place, part in zip((keys, values), stored, strict=True):
            place[:, :, : self.length] = part[:, :, : self.length]
        return keys, values


@dataclass
class _Batch:
    """The sequences of a step. rows: where the new tokens of each begin and end."""

    caches: Sequence[GrowingCache]
    rows: Sequence[tuple[int, int]]


class BatchedBackend:
    """Computes one step of several sequences as one row of tokens. The model has to leave its attention to us."""

    guesses_pay = True

    def __init__(self, model: PreTrainedModel) -> None:
        self._model = model
        # On the meta device are weights that wait on a disk: what carries them in takes the ids along.
        self._device = "cpu" if model.device.type == "meta" else model.device
        self._threads = Threads.on(self._device)
        use_attention(model, NAME, _attend_each)

    def new_cache(self) -> GrowingCache:
        return GrowingCache()

    def forward(
        self, caches: Sequence[Cache], ids: Sequence[Sequence[int]], wanted: Sequence[int] | None = None
    ) -> list[Logits]:
        own = [cache for cache in caches if isinstance(cache, GrowingCache)]
        ends = [0]
        for part in ids:
            ends.append(ends[-1] + len(part))
        longest = max(cache.length + len(part) for cache, part in zip(own, ids, strict=True))
        with failures_at(longest), self._threads.of_step(ends[-1]):
            logits = self._logits(_Batch(own, list(pairwise(ends))), ids, last_rows(ends[1:], wanted))
            for cache, part in zip(own, ids, strict=True):
                cache.length += len(part)
            return [finite(row) for row in logits.float().cpu().numpy()]

    def close(self) -> None:
        """Do nothing: there is nothing to end."""

    @torch.inference_mode()
    def _logits(self, batch: _Batch, ids: Sequence[Sequence[int]], last: list[int]) -> torch.Tensor:
        """Compute the logits after the tokens that stand at `last` in the row, (those, vocabulary)."""
        tokens = [token for part in ids for token in part]
        positions = [
            place
            for cache, part in zip(batch.caches, ids, strict=True)
            for place in range(cache.length, cache.length + len(part))
        ]
        row, places = (torch.tensor([each], device=self._device) for each in (tokens, positions))
        # A list: a tensor would have to be on the device of the last layer.
        output = self._model(row, position_ids=places, use_cache=False, batch=batch, logits_to_keep=last)
        logits: torch.Tensor = output.logits[0]
        return logits


def _attend_each(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    batch: _Batch,
    scaling: float | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Attend within each sequence, over all of it. Shapes: (1, heads, tokens of all, size of a head)."""
    attended = []
    for cache, (first, end) in zip(batch.caches, batch.rows, strict=True):
        keys, values = cache.append(module.layer_idx, (key[:, :, first:end], value[:, :, first:end]))
        attended.append(attend(query[:, :, first:end], keys, values, scaling))
    whole = torch.cat(attended, 2) if len(attended) > 1 else attended[0]
    return whole.transpose(1, 2).contiguous(), None
