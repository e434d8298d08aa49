"""What goes wrong in a step, as errors that name the remedy."""

from __future__ import annotations

import re
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from moss_agent.engine.sampling import Logits
from moss_agent.errors import EngineError, OutOfMemory

_NO_MEMORY = re.compile("out of memory|can't allocate memory|bad_alloc|failed to allocate memory|_ALLOC_FAILED", re.I)


@contextmanager
def failures_at(tokens: int) -> Iterator[None]:
    """Turn what is raised while a model computes sequences of so many tokens into OutOfMemory or EngineError."""
    try:
        yield
    except Exception as error:
        if is_out_of_memory(error):
            traceback.clear_frames(error.__traceback__)  # they hold what was computed, while others try again
            raise OutOfMemory(
                f"out of memory at {tokens} tokens: shorten the conversation or choose a smaller model"
            ) from None
        raise EngineError(f"the model failed at {tokens} tokens: {error}") from error


def finite(logits: Logits) -> Logits:
    """Return the logits. Raises ValueError if they are no numbers to choose a token by."""
    if not ((logits < np.inf).all() and np.isfinite(logits).any()):  # NaN is not below infinity either
        raise ValueError("there are logits that are NaN or infinite: try --dtype bf16 or fp32")
    return logits


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether a device, CUDA or not, has no memory left; not every library has a type for it."""
    torch = sys.modules.get("torch")  # which is not imported for it
    is_typed = isinstance(error, MemoryError) or bool(torch and isinstance(error, torch.OutOfMemoryError))
    return is_typed or bool(_NO_MEMORY.search(str(error)))
