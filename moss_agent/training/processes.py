"""The processes that train together, as torchrun has started them; one alone otherwise."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import timedelta

import torch
from accelerate import Accelerator, DistributedType
from accelerate.utils import DistributedDataParallelKwargs, InitProcessGroupKwargs, broadcast_object_list

from moss_agent.errors import UsageError

LONGEST_WAIT = timedelta(hours=6)  # of the others, while the first one writes a state of hundreds of gigabytes
PLAIN = (DistributedType.NO, DistributedType.MULTI_CPU, DistributedType.MULTI_GPU)  # accelerate shares out no model
REMEDY = ": start the processes with torchrun, and give --shard"


def join_processes(*, on_cpu: bool) -> Accelerator:
    """Return what this process exchanges with the others by; alone, it exchanges nothing.

    on_cpu: whether they compute there, as they do where there is no GPU. Raises UsageError if accelerate is configured
    to share out the model.
    """
    is_one_of_many = int(os.environ.get("WORLD_SIZE", "1")) > 1
    try:
        accelerator = Accelerator(
            cpu=on_cpu or (is_one_of_many and not torch.cuda.is_available()),
            mixed_precision="no",  # the learner's precision is its own
            kwargs_handlers=[
                InitProcessGroupKwargs(timeout=LONGEST_WAIT),
                DistributedDataParallelKwargs(gradient_as_bucket_view=True),  # else each gradient is there twice
            ],
        )
    except ImportError:  # such as of DeepSpeed
        raise UsageError(f"training does not work with what accelerate is configured for{REMEDY}") from None
    if accelerator.distributed_type not in PLAIN:
        raise UsageError(f"training does not work with {accelerator.distributed_type.value} of accelerate{REMEDY}")
    return accelerator


@contextmanager
def first_holds(accelerator: Accelerator, lock: AbstractContextManager[None]) -> Iterator[None]:
    """Hold the lock in the first process. The UsageError with which that fails is raised in all of them."""
    with ExitStack() as held:
        problem = ""
        if accelerator.is_main_process:
            try:
                held.enter_context(lock)
            except UsageError as error:
                problem = str(error)
        (problem,) = broadcast_object_list([problem])
        if problem:
            raise UsageError(problem)
        yield


def processes_here(accelerator: Accelerator) -> int:
    """Return how many of the processes share this machine's memory."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", accelerator.num_processes))
