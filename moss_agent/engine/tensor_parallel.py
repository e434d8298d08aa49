"""One model in several processes, which torchrun starts: each holds a part of every layer.

Rank 0 holds the session. Before each forward pass it tells the others which tokens come next and how many are in the
cache before them; nothing else is needed to keep their parts of the cache in step, whatever was rewound in between.
Not covered: a process that fails ends them all, and so does Ctrl-C.
"""

from __future__ import annotations

import atexit
import os
from datetime import timedelta
from typing import Any

from moss_agent.engine.session import Session, cut, new_cache
from moss_agent.errors import UsageError

PATIENCE = timedelta(days=365)  # a chat may wait long for its next question

Step = tuple[int, list[int]]
"""Tokens in the cache, and the ids that follow them."""


def check_processes(tp: int) -> None:
    """Raise UsageError unless torchrun has started as many processes as `tp` asks for."""
    started = os.environ.get("WORLD_SIZE", "1")
    if tp > 1 and started != str(tp):
        raise UsageError(
            f"--tp {tp} needs {tp} processes and there is {started}: "
            f"torchrun --nproc-per-node {tp} -m moss_agent ask --tp {tp} ..."
        )


def is_follower() -> bool:
    """Whether another process of the same torchrun talks to the user."""
    return os.environ.get("RANK", "0") != "0"


class LeadingSession(Session):
    """The session of rank 0, which tells the other ranks every step. A model takes one such session in its life."""

    def __init__(self, model: Any, tokenizer: Any, **options: Any) -> None:
        super().__init__(model, tokenizer, **options)
        self._channel: _Channel | None = _Channel()
        model.register_forward_pre_hook(self._announce, with_kwargs=True)
        atexit.register(self.close)  # without it the others would wait for ever

    def close(self) -> None:
        """Free the KV cache and let the other processes end."""
        super().close()
        if self._channel:
            self._channel.send(None)
            self._channel.close()
            self._channel = None

    def _announce(self, model: Any, inputs: tuple[Any, ...], options: dict[str, Any]) -> None:
        self._channel.send((options["past_key_values"].get_seq_length(), inputs[0][0].tolist()))


def follow(model: Any) -> None:
    """Compute this rank's part of every step, until rank 0 closes its session."""
    import torch

    channel, cache = _Channel(), new_cache()
    while step := channel.receive():
        start, ids = step
        cache = cut(cache, start)
        with torch.inference_mode():
            model(torch.tensor([ids], device=model.device), past_key_values=cache, use_cache=True, logits_to_keep=1)
    channel.close()


class _Channel:
    """Steps from rank 0 to the others, beside the traffic of the model itself."""

    def __init__(self) -> None:
        from torch import distributed

        self._broadcast = distributed.broadcast_object_list
        self._group = distributed.new_group(backend="gloo", timeout=PATIENCE)

    def send(self, step: Step | None) -> None:
        self._broadcast([step], src=0, group=self._group)

    def receive(self) -> Step | None:
        box: list[Step | None] = [None]
        self._broadcast(box, src=0, group=self._group)
        return box[0]

    def close(self) -> None:
        """End the traffic of this process, the model's too: it must not be under way when the interpreter ends."""
        from torch import distributed

        distributed.destroy_process_group()
