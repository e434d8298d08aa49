"""Any causal language model of transformers, on any device, with a KV cache that grows."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from moss_agent.engine.backends.failures import failures_at, finite
from moss_agent.engine.sampling import Logits
from moss_agent.engine.sequence import Cache
from moss_agent.engine.threads import Threads

if TYPE_CHECKING:
    from transformers import DynamicCache, PreTrainedModel
    from transformers.cache_utils import DynamicLayer


class TransformersCache:
    """A `DynamicCache` made without the model's config: every layer keeps everything and can be cut back."""

    def __init__(self, inner: DynamicCache | None = None) -> None:
        from transformers import DynamicCache

        self.inner = DynamicCache() if inner is None else inner

    @property
    def length(self) -> int:
        return int(self.inner.get_seq_length())

    def cut(self, length: int) -> None:
        if length <= 0:
            self.inner = type(self.inner)()  # cut to nothing, the layers would still hold their memory
            return
        length = min([length, *(layer.get_seq_length() for layer in self._layers)])
        for layer in self._layers:
            layer.crop(length - layer.get_seq_length())

    def copy(self) -> TransformersCache:
        return TransformersCache(self._copied_inner())

    def _copied_inner(self) -> DynamicCache:
        """Share the tensors: a layer never changes one, it replaces it."""
        inner = type(self.inner)()
        inner.layers = [copy.copy(layer) for layer in self.inner.layers]
        return inner

    @property
    def _layers(self) -> list[DynamicLayer]:
        return self.inner.layers  # type: ignore[return-value]  # it was made without a config: there are no others


class TransformersBackend:
    """Computes one sequence after another: a step over several takes as long as the steps together."""

    guesses_pay = True

    def __init__(self, model: PreTrainedModel) -> None:
        self._model = model
        # On the meta device are weights that wait on a disk: what carries them in takes the ids along.
        self._device = "cpu" if model.device.type == "meta" else model.device
        self._threads = Threads.on(self._device)
        self._keeps_last = "logits_to_keep" in inspect.signature(model.forward).parameters

    def new_cache(self) -> TransformersCache:
        return TransformersCache()

    def forward(
        self, caches: Sequence[Cache], ids: Sequence[Sequence[int]], wanted: Sequence[int] | None = None
    ) -> list[Logits]:
        parts = zip(caches, ids, wanted or [1] * len(ids), strict=True)
        return [row for cache, part, count in parts for row in self._forward_one(cache, part, count)]

    def close(self) -> None:
        """Do nothing: there is nothing to end."""

    def _forward_one(self, cache: Cache, ids: Sequence[int], wanted: int) -> list[Logits]:
        import torch

        assert isinstance(cache, TransformersCache)
        with failures_at(cache.length + len(ids)), self._threads.of_step(len(ids)), torch.inference_mode():
            chunk = torch.tensor([list(ids)], device=self._device)
            last_only: dict[str, Any] = {"logits_to_keep": wanted} if self._keeps_last else {}
            output = self._model(chunk, past_key_values=cache.inner, use_cache=True, **last_only)
            return [finite(row) for row in output.logits[0, -wanted:].float().cpu().numpy()]
