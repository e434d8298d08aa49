"""Where a pipeline's parts go, by their sizes and the memory that is free."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

from moss_agent.errors import PluginError

from ._request import TABLE

if TYPE_CHECKING:
    import torch

GB = 10**9
HEADER = 10**8  # bytes that the header of a file may have
ROOM = 2 * GB  # for what a step computes with, in pictures of 1024x1024 at most


@dataclass(frozen=True)
class Placement:
    """offload: "" to keep all parts on the device, "model" to carry each there when it is used, "sequential"
    to do so layer by layer. slicing: compute attention in pieces, slower and with less memory.
    """

    offload: str = ""
    slicing: bool = False


def place(parts: Mapping[str, int], free: int, has_own_memory: bool, name: str) -> Placement:
    """The fastest placement that fits. parts: bytes by part; free: bytes of the device.

    has_own_memory: the device is not the CPU, to which parts could go that are not used.
    Raises PluginError if nothing fits.
    """
    total, largest = sum(parts.values()), max(parts.values(), default=0)
    if total + ROOM <= free:
        return Placement()
    if has_own_memory:
        return Placement("model" if largest + ROOM <= free else "sequential", slicing=True)
    if total > free:
        raise PluginError(
            f"the pipeline {name} needs {total / GB:.1f} GB of memory and {free / GB:.1f} GB are free: "
            f'set dtype = "bf16" under {TABLE} for half of it, or name a smaller pipeline'
        )
    return Placement(slicing=True)


def sizes(folder: Path, bytes_each: int) -> dict[str, int]:
    """Bytes that each part's weights will take in memory, with so many bytes for each number."""
    found: dict[str, int] = {}
    for file in folder.glob("*/*.safetensors"):
        found[file.parent.name] = found.get(file.parent.name, 0) + numbers(file) * bytes_each
    return found


def numbers(file: Path) -> int:
    """How many numbers a file of safetensors has, by its header. 0 if it has none: loading will tell why."""
    try:
        with file.open("rb") as content:
            header = json.loads(content.read(min(HEADER, int.from_bytes(content.read(8), "little"))))
        return sum(prod(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__")
    except (OSError, ValueError, KeyError, TypeError, MemoryError, OverflowError, AttributeError):
        return 0


def free_memory(device: torch.device) -> int:
    """Bytes that are free on the device."""
    if device.type == "cuda":
        import torch

        return torch.cuda.mem_get_info(device)[0]
    import psutil

    return psutil.virtual_memory().available
