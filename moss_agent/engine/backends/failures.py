"""What goes wrong in a step, as errors that name the remedy."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from moss_agent.errors import EngineError, OutOfMemory

if TYPE_CHECKING:
    import torch


@contextmanager
def failures_at(tokens: int) -> Iterator[None]:
    """Turn what torch raises while it computes sequences of so many tokens into OutOfMemory or EngineError."""
    try:
        yield
    except Exception as error:
        if is_out_of_memory(error):
            raise OutOfMemory(
                f"out of memory at {tokens} tokens: shorten the conversation or choose a smaller model"
            ) from None
        raise EngineError(f"the model failed at {tokens} tokens: {error}") from error


def finite(logits: torch.Tensor) -> torch.Tensor:
    """Return the logits. Raises ValueError if they are no numbers to choose a token by."""
    import torch

    if not ((logits < math.inf).all() and torch.isfinite(logits).any()):  # NaN is not below infinity either
        raise ValueError("there are logits that are NaN or infinite: try --dtype bf16 or fp32")
    return logits


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether a device, CUDA or not, has no memory left."""
    import torch

    said = isinstance(error, RuntimeError) and re.search("out of memory|can't allocate memory", str(error))
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or bool(said)
