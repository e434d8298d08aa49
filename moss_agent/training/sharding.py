"""A model shared out among processes, each of which keeps a part of all weights, gradients and optimizer states.

A layer is put together when it computes and taken apart behind it: FSDP2,
https://docs.pytorch.org/docs/stable/distributed.fsdp.fully_shard.html
"""

from __future__ import annotations

from typing import Any

import torch
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from moss_agent.training.learner import Learner, causal_model


def shard(learner: Learner, device: torch.device, processes: int) -> None:
    """Share the model out on the devices of that type: a layer at a time goes there, from where it was loaded.

    What is trained is kept in fp32, and computed in the learner's precision.
    """
    mesh = init_device_mesh(device.type, (processes,))
    computed = None if learner.precision == torch.float32 else learner.precision
    policy = MixedPrecisionPolicy(param_dtype=computed, reduce_dtype=torch.float32, cast_forward_inputs=False)
    causal = causal_model(learner.model)
    layers = [each for each in causal.modules() if type(each).__name__ in (causal._no_split_modules or ())]
    for unit in (*layers, learner):
        for parameter in unit.parameters():
            if parameter.requires_grad and not isinstance(parameter, DTensor):
                parameter.data = parameter.data.float()
        fully_shard(unit, mesh=mesh, mp_policy=policy, reshard_after_forward=True)


def is_sharded(module: torch.nn.Module) -> bool:
    return isinstance(module, FSDPModule)


def whole(value: Any, *, kept: bool = True) -> Any:
    """Return a tensor, or a dictionary of such, with all that is shared out in one piece on the CPU.

    All processes have to ask for it together. kept: whether this one wants it; None stands there otherwise.
    """
    if isinstance(value, dict):
        return {key: whole(each, kept=kept) for key, each in value.items()}
    if not isinstance(value, DTensor):
        return value
    joined: torch.Tensor = value.detach().full_tensor()  # type: ignore[attr-defined]
    return joined.cpu() if kept else None


def own_part(tensor: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Return what this process keeps of the tensor, which every process has whole, shared out as `like` is."""
    if not isinstance(like, DTensor):
        return tensor
    return distribute_tensor(tensor.to(like.device), like.device_mesh, like.placements, src_data_rank=None)
