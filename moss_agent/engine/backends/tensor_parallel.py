"""One model in several processes, which torchrun starts: each holds a part of every layer.

Rank 0 holds the conversations. Before each forward pass it tells the others which cache is continued, how many tokens
of it are kept and which follow; nothing else is needed to keep their parts of the caches in step.
Not covered: a process that fails ends them all, and so does Ctrl-C.
"""

from __future__ import annotations

import atexit
import os
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING

from moss_agent.engine.backends.transformers import TransformersBackend, TransformersCache
from moss_agent.engine.sampling import Logits
from moss_agent.engine.sequence import Cache
from moss_agent.errors import UsageError

PATIENCE = timedelta(days=365)  # a chat may wait long for its next question

if TYPE_CHECKING:
    from transformers import DynamicCache, PreTrainedModel

_numbers = count(1)


def check_processes(tp: int) -> None:
    """Raise UsageError unless torchrun has started as many processes as `tp` asks for."""
    started = os.environ.get("WORLD_SIZE", "1")
    if tp > 1 and started != str(tp):
        raise UsageError(
            f"--tp {tp} needs {tp} processes and there is {started}: "
            f"torchrun --nproc-per-node {tp} -m moss_agent ask --tp {tp} ..."
        )


def is_follower() -> bool:
    """Return whether another process of the same torchrun talks to the user."""
    return os.environ.get("RANK", "0") != "0"


@dataclass(frozen=True)
class _Step:
    """What rank 0 does next.

    cache: its number. source: the cache that a new one begins as a copy of, 0 for none. start: tokens of it that are
    kept. ids: those that are computed then, none for a mere copy. wanted: logits after so many of the last of them.
    gone: caches that are not needed any more.
    """

    cache: int
    source: int
    start: int
    ids: list[int]
    wanted: int
    gone: list[int]


class _LeadingCache(TransformersCache):
    """A cache that the other ranks know by its number."""

    def __init__(self, backend: LeadingBackend, inner: DynamicCache | None = None) -> None:
        super().__init__(inner)
        self.number = next(_numbers)
        self._backend = backend
        weakref.finalize(self, backend.gone.append, self.number)

    def copy(self) -> _LeadingCache:
        made = _LeadingCache(self._backend, self._copied_inner())
        self._backend.announce(made, [], source=self.number)
        return made


class LeadingBackend(TransformersBackend):
    """The backend of rank 0, which tells the other ranks every step. A model takes one in its life."""

    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__(model)
        self._channel: _Channel | None = _Channel()
        self.gone: list[int] = []
        atexit.register(self.close)  # without it the others would wait for ever

    def new_cache(self) -> _LeadingCache:
        return _LeadingCache(self)

    def announce(self, cache: _LeadingCache, ids: Sequence[int], wanted: int = 1, source: int = 0) -> None:
        """Tell the other ranks what comes next."""
        gone = self.gone[:]
        del self.gone[: len(gone)]
        if self._channel:
            self._channel.send(_Step(cache.number, source, cache.length, list(ids), wanted, gone))

    def close(self) -> None:
        """Let the other processes end."""
        if self._channel:
            self._channel.send(None)
            self._channel.close()
            self._channel = None

    def _forward_one(self, cache: Cache, ids: Sequence[int], wanted: int) -> list[Logits]:
        assert isinstance(cache, _LeadingCache)
        self.announce(cache, ids, wanted)
        return super()._forward_one(cache, ids, wanted)


def follow(model: PreTrainedModel) -> None:
    """Compute this rank's part of every step, until rank 0 closes its backend."""
    import torch

    channel = _Channel()
    caches: dict[int, TransformersCache] = {}
    while step := channel.receive():
        for number in step.gone:
            caches.pop(number, None)
        if step.cache not in caches:
            caches[step.cache] = caches[step.source].copy() if step.source else TransformersCache()
        cache = caches[step.cache]
        cache.cut(step.start)
        if step.ids:
            ids = torch.tensor([step.ids], device=model.device)
            with torch.inference_mode():
                model(ids, past_key_values=cache.inner, use_cache=True, logits_to_keep=step.wanted)
    channel.close()


class _Channel:
    """Steps from rank 0 to the others, beside the traffic of the model itself."""

    def __init__(self) -> None:
        from torch import distributed

        self._broadcast = distributed.broadcast_object_list
        self._group = distributed.new_group(backend="gloo", timeout=PATIENCE)

    def send(self, step: _Step | None) -> None:
        self._broadcast([step], src=0, group=self._group)

    def receive(self) -> _Step | None:
        box: list[_Step | None] = [None]
        self._broadcast(box, src=0, group=self._group)
        return box[0]

    def close(self) -> None:
        """End the traffic of this process, the model's too: it must not be under way when the interpreter ends."""
        from torch import distributed

        distributed.destroy_process_group()
