"""A model shared out among processes, each of which keeps a part of all weights, gradients and optimizer states.

A layer is put together when it computes and taken apart behind it: FSDP2,
https://docs.pytorch.org/docs/stable/distributed.fsdp.fully_shard.html
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor
from transformers import PreTrainedModel

from moss_agent.training.learner import Learner, causal_model


def shard(learner: Learner, device: torch.device, processes: int) -> None:
    """Share the model out on the devices of that type: a layer at a time goes there, from where it was loaded.

    What is trained is kept in fp32. Where the learner's precision is another one, everything computes in it, also what
    stays in fp32 in a model that is whole: norms, and what layers add to.
    """
    mesh = init_device_mesh(device.type, (processes,))
    computed = None if learner.precision == torch.float32 else learner.precision
    policy = MixedPrecisionPolicy(param_dtype=computed, reduce_dtype=torch.float32, cast_forward_inputs=False)
    for unit in (*layers_of(causal_model(learner.model)), learner):
        for parameter in unit.parameters():
            if parameter.requires_grad and not isinstance(parameter, DTensor):
                parameter.data = parameter.data.float()
        fully_shard(unit, mesh=mesh, mp_policy=policy, reshard_after_forward=True)


def layers_of(model: PreTrainedModel) -> list[nn.Module]:
    """Return the modules that are put together one by one; none if the model does not say which are to stay whole."""
    kinds, layers, inside = set(model._no_split_modules or ()), [], "\0"
    for name, module in model.named_modules():
        if type(module).__name__ in kinds and not name.startswith(inside):  # such a module may have others of the kind
            layers.append(module)
            inside = f"{name}."
    return layers


def is_sharded(module: nn.Module) -> bool:
    return isinstance(module, FSDPModule)


def gathered(value: Any, *, kept: bool = True) -> Any:
    """Return a tensor, or a dictionary of such, with all that is shared out in one piece on the CPU.

    All processes have to ask for it together. kept: whether this one wants it; None stands there otherwise.
    """
    if isinstance(value, dict):
        return {key: gathered(each, kept=kept) for key, each in value.items()}
    if not isinstance(value, DTensor):
        return value
    joined: torch.Tensor = value.detach().full_tensor()  # type: ignore[attr-defined]
    return joined.cpu() if kept else None


def own_part(tensor: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Return what this process keeps of a tensor that is whole on the CPU, if `like`, of its shape, is shared out."""
    if not isinstance(like, DTensor):
        return tensor
    parts, place = tensor.chunk(like.device_mesh.size()), like.device_mesh.get_local_rank()
    part = parts[place] if place < len(parts) else tensor[:0]
    own = part.to(like.device, copy=True)
    return DTensor.from_local(own, like.device_mesh, like.placements, shape=tensor.shape, stride=tensor.stride())
