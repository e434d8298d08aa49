"""Where a model goes: devices filled in order with whole blocks and the KV cache of the same blocks.

One GPU if it can hold everything, else all of them, then the CPU's memory, then the disk if the user names a folder.
What is not on a GPU is carried there block by block for every token, which is slow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from moss_agent.checkpoints.machine import Machine
from moss_agent.checkpoints.needs import Needs

if TYPE_CHECKING:
    import torch

WORKING_MEMORY = 1 << 30
"""Bytes kept free on every device: activations of one chunk of the prompt, and what libraries take for themselves."""

Device = int | str
"""As accelerate names them: the number of a GPU, `cpu`, `mps` or `disk`."""


@dataclass(frozen=True)
class Request:
    """What the user wants.

    context_length: tokens the KV cache will hold at most. device: `auto` or the name of a torch device.
    quantize: `int8`, `int4` or "" for neither. tp: processes that share every layer; 1 for none.
    max_memory: bytes by device instead of what is free; devices that are not named are not used.
    offload_folder: where weights may go that fit nowhere else; "" for nowhere.
    """

    dtype: torch.dtype
    context_length: int
    device: str = "auto"
    quantize: str = ""
    tp: int = 1
    max_memory: Mapping[Device, int] | None = None
    offload_folder: str = ""


@dataclass(frozen=True)
class Plan:
    """shares: bytes of weights and cache on each device. caches: the cache's part of them, where there is one.

    device_map: devices by the names of modules, as `from_pretrained` takes it; "" stands for the whole model.
    """

    shares: dict[Device, int]
    caches: dict[Device, int]
    device_map: dict[str, Device]


def budgets_of(machine: Machine, request: Request) -> dict[Device, int]:
    """Return the bytes for weights and cache on each device that may be used, in the order in which they are filled."""
    gpus: dict[Device, int] = {index: free - WORKING_MEMORY for index, free in enumerate(machine.gpus)}
    memory: dict[Device, int] = {"cpu": machine.ram - WORKING_MEMORY}
    disk: dict[Device, int] = {"disk": machine.disk} if request.offload_folder else {}
    kind, _, index = request.device.partition(":")
    if request.max_memory is not None:
        gpus = {device: size for device, size in request.max_memory.items() if device != "cpu"}
        memory = {device: size for device, size in request.max_memory.items() if device == "cpu"}
    elif kind == "mps":
        return {"mps": machine.ram - WORKING_MEMORY}
    elif kind == "cuda":
        gpus = {int(index or 0): gpus[int(index or 0)]}
        memory = memory if disk else {}
    elif kind == "cpu":
        gpus = {}
    if request.quantize:  # packed weights are computed where they are kept
        return gpus or memory
    return {**gpus, **memory, **disk}


def sizes_of(needs: Needs, request: Request) -> tuple[int, int]:
    """Return the bytes of the weights and of the KV cache, wherever they go."""
    weights = needs.weights(request.dtype, request.quantize)
    return sum(weights.values()), needs.cache(request.context_length, request.dtype)


def place(needs: Needs, budgets: dict[Device, int], request: Request) -> Plan | None:
    """Return the plan that follows, or None if it does not fit."""
    if request.tp > 1:
        return _split(needs, budgets, request)
    weights, cache = sizes_of(needs, request)
    gpus = [device for device in budgets if isinstance(device, int)]
    device = max(gpus or list(budgets)[:1], key=lambda device: budgets[device])
    if weights + cache <= budgets[device]:
        return Plan({device: weights + cache}, {device: cache}, {"": device})
    return _spread(needs, budgets, request)


def cache_room(plan: Plan, machine: Machine, request: Request) -> int:
    """Return how large the KV caches together can become, by the memory that is free with the weights loaded.

    They grow on all their devices at once: the one that is full first decides.
    """
    whole = sum(plan.caches.values())
    return min(_free(device, plan, machine, request) * whole // part for device, part in plan.caches.items())


def _free(device: Device, plan: Plan, machine: Machine, request: Request) -> int:
    """Return the bytes that a device has left for its part of the caches."""
    free = machine.gpus[device] if isinstance(device, int) else machine.ram
    if request.max_memory is None:
        return free
    return min(free, request.max_memory[device] - plan.shares[device] + plan.caches[device])


def _split(needs: Needs, budgets: dict[Device, int], request: Request) -> Plan | None:
    """Return one share per process, on a GPU each or side by side in the CPU's memory."""
    weights, cache = sizes_of(needs, request)
    split = sum(size for name, size in needs.weights(request.dtype).items() if name in needs.linear_weights())
    share = weights - split + (split + cache) // request.tp
    gpus = [device for device in budgets if isinstance(device, int)][: request.tp]
    shares: dict[Device, int] = dict.fromkeys(gpus, share) if gpus else {"cpu": share * request.tp}
    caches: dict[Device, int] = dict.fromkeys(gpus, cache // request.tp) if gpus else {"cpu": cache}
    fits = len(gpus) in (0, request.tp) and all(size <= budgets[device] for device, size in shares.items())
    return Plan(shares, caches, {}) if fits else None


def _spread(needs: Needs, budgets: dict[Device, int], request: Request) -> Plan | None:
    """Spread whole blocks over several devices: GPUs alone if that is enough, else with slower ones behind them."""
    weights, cache = sizes_of(needs, request)
    main = next(iter(budgets))  # computes what is on no GPU, and holds the cache of it
    fast = {device: free for device, free in budgets.items() if isinstance(device, int) or device == main}
    beside_cache = {device: free * weights // (weights + cache) for device, free in fast.items()}
    for room in (beside_cache, {**budgets, **beside_cache, main: budgets[main] - cache}):
        device_map = _map_blocks(needs, room, request)
        shares, caches = dict.fromkeys(room, 0), dict.fromkeys(fast, 0)
        for parameter, size in needs.weights(request.dtype, request.quantize).items():
            device = _device_of(parameter, device_map)
            shares[device] = shares.get(device, 0) + size
            caches[device if device in fast else main] += size * cache // weights
        for device, part in caches.items():
            shares[device] += part
        if all(device in room and share <= budgets[device] for device, share in shares.items()):
            return Plan(_without_empty(shares), _without_empty(caches), device_map)
    return None


def _without_empty(sizes: Mapping[Device, int]) -> dict[Device, int]:
    return {device: size for device, size in sizes.items() if size}


def _map_blocks(needs: Needs, room: Mapping[Device, int], request: Request) -> dict[str, Device]:
    """Return accelerate's placement in so many bytes of each device; what does not fit is mapped to `disk`."""
    import torch
    from accelerate import infer_auto_device_map
    from accelerate.utils import CustomDtype

    packed = {"int8": torch.int8, "int4": CustomDtype.INT4}.get(request.quantize, request.dtype)
    placed: dict[str, Device] = infer_auto_device_map(
        needs.model,
        max_memory={device: max(0, free) for device, free in room.items()},
        no_split_module_classes=sorted(needs.model._no_split_modules or []),
        dtype=request.dtype,
        special_dtypes=dict.fromkeys(needs.linear_weights(), packed),
    )
    return placed


def _device_of(parameter: str, device_map: Mapping[str, Device]) -> Device:
    while parameter not in device_map:
        parameter = parameter.rpartition(".")[0]
    return device_map[parameter]
