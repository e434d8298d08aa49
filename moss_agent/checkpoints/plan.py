"""Before anything is loaded: a plan of where the model will go on this machine, or what would make it fit."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from moss_agent.checkpoints.machine import Machine
from moss_agent.checkpoints.needs import QUANTIZED, Needs
from moss_agent.checkpoints.placement import Device, Plan, Request, budgets_of, place, sizes_of
from moss_agent.errors import CheckpointError, UsageError

if TYPE_CHECKING:
    import torch

_SIZE = re.compile(r"\s*([0-9]{1,15}(?:\.[0-9]*)?|\.[0-9]+)\s*([KMGT])(I?)B", re.IGNORECASE | re.ASCII)


def make_plan(needs: Needs, machine: Machine, request: Request) -> Plan:
    """Return where the model goes.

    Raises CheckpointError, naming what would make it fit, and UsageError for what cannot be combined.
    """
    _check(needs, machine, request)
    budgets = budgets_of(machine, request)
    if plan := place(needs, budgets, request):
        return plan
    weights, cache = sizes_of(needs, request)
    kind = request.quantize or dtype_name(request.dtype)
    free = ", ".join(f"{device_name(device)} {size_text(size)}" for device, size in budgets.items() if device != "disk")
    remedy = next(_remedies(needs, machine, request), "none of this program's options would make it fit")
    raise CheckpointError(
        f"the model does not fit: in {kind} it needs {size_text(weights)} and {size_text(cache)} for the KV cache, "
        f"usable are {free}: {remedy}"
    )


def memory_limits(sizes: Mapping[str, str]) -> dict[Device, int] | None:
    """Read sizes such as `20GB` or `8GiB` by device, such as `0` or `cpu`, as bytes; None if there are none."""
    if not sizes:
        return None
    limits: dict[Device, int] = {}
    for device, size in sizes.items():
        number = str(device).removeprefix("cuda:")
        if not (number.isdigit() or number == "cpu"):
            raise UsageError(f"max_memory: no device {device!r}: use the number of a GPU or cpu")
        limits[int(number) if number.isdigit() else number] = parse_size("max_memory", size)
    return limits


def parse_size(setting: str, size: str) -> int:
    """Return the bytes of a size such as `20GB` or `8GiB`. Raises UsageError, naming the setting, if it is none."""
    found = _SIZE.fullmatch(str(size))
    if not found:
        raise UsageError(f"{setting}: {size!r} is no size: write it like 20GB")
    number, prefix, binary = found.groups()
    return int(float(number) * (1024 if binary else 1000) ** ("KMGT".index(prefix.upper()) + 1))


def size_text(size: int) -> str:
    """Format bytes in units of 1000, as memory and disks are sold: 33.4 GB."""
    for unit, name in ((1e9, "GB"), (1e6, "MB")):
        if size >= unit:
            return f"{size / unit:.1f} {name}"
    return f"{max(0, size) / 1e3:.1f} kB"


def dtype_name(dtype: torch.dtype) -> str:
    """Return the short name of the dtype: fp32, fp16, bf16."""
    return str(dtype).removeprefix("torch.").replace("bfloat", "bf").replace("float", "fp")


def device_name(device: Device) -> str:
    """Return the device's name for people."""
    return f"GPU {device}" if isinstance(device, int) else {"cpu": "CPU memory"}.get(device, device)


def _check(needs: Needs, machine: Machine, request: Request) -> None:
    if kinds := needs.uncached_layers:
        told = ", ".join(sorted(kinds))
        raise CheckpointError(f"this model has layers that our caches cannot keep ({told}): use it through a server")
    for device in request.max_memory or {}:
        if isinstance(device, int) and device >= len(machine.gpus):
            raise UsageError(f"max_memory names GPU {device}, and this machine has {len(machine.gpus)}")
    device = {"cuda": "0"}.get(request.device, request.device.removeprefix("cuda:"))  # as max_memory names it
    is_chosen = device not in ("auto", "mps")  # mps may be what `auto` has found
    if request.max_memory and is_chosen and {*map(str, request.max_memory)} != {device}:
        raise UsageError(f"--max-memory names other devices than --device {request.device}: leave out one of the two")
    if request.quantize not in ("", *QUANTIZED):
        raise UsageError(f"no quantization {request.quantize!r}: use {' or '.join(QUANTIZED)}")
    if request.tp < 1 or needs.heads % request.tp:
        raise UsageError(f"--tp {request.tp} cannot split this model: use a divisor of {needs.heads}")
    if request.tp > 1 and not needs.model.supports_tp_plan:
        raise UsageError("--tp cannot split this model: transformers has no plan for it")
    placed = request.offload_folder or request.max_memory or request.device != "auto"
    if request.tp > 1 and (request.quantize or placed):
        raise UsageError("--tp cannot be combined with --quantize, --device, --max-memory or --offload-folder")


def _remedies(needs: Needs, machine: Machine, request: Request) -> Iterator[str]:
    """Yield the flags that would make it fit, the least costly first."""
    import torch

    small = torch.bfloat16 if request.dtype.itemsize > 2 else request.dtype
    changes: dict[str, dict[str, Any]] = {
        "--dtype bf16": {"dtype": small},
        "--quantize int8": {"quantize": "int8"},
        "--quantize int8 --dtype bf16": {"quantize": "int8", "dtype": small},
        "--quantize int4": {"quantize": "int4"},
        "--quantize int4 --dtype bf16": {"quantize": "int4", "dtype": small},
        "a larger --max-memory": {"max_memory": None},
        "--offload-folder DIR": {"offload_folder": "DIR"},
        "--context-length 512": {"context_length": min(512, request.context_length)},
        "leaving out --tp": {"tp": 1},
    }
    for flags, change in changes.items():
        other = replace(request, **change)
        combinable = other.tp == 1 or not (other.quantize or other.offload_folder)
        if other != request and combinable and place(needs, budgets_of(machine, other), other):
            yield f"{flags} would make it fit"
