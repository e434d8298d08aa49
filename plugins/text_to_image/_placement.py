"""Where a pipeline's parts go, by their sizes and the memory that is free."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

from moss_agent.errors import PluginError
from moss_agent.free_memory import free_ram

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


def place(parts: Mapping[str, int], host: int, own: int | None, name: str) -> Placement:
    """Return the fastest placement that fits.

    parts: bytes by part; host: bytes that are free in the machine's memory, where every pipeline is loaded first and
    what is not in use can stay; own: bytes that are free on a device with memory of its own.
    Raises PluginError if nothing fits.
    """
    total, largest = sum(parts.values()), max(parts.values(), default=0)
    if total > host:
        raise PluginError(
            f"the pipeline {name} needs {total / GB:.1f} GB of memory and {host / GB:.1f} GB are free: "
            f'close what else runs, set dtype = "bf16" under {TABLE} if it is not, or name a smaller pipeline'
        )
    if total + ROOM <= (host if own is None else own):
        return Placement()
    if own is None:
        return Placement(slicing=True)
    return Placement("model" if largest + ROOM <= own else "sequential", slicing=True)


def sizes(folder: Path, parts: Collection[str], bytes_each: int) -> dict[str, int]:
    """Return the bytes that the weights of each part will take in memory, with so many bytes for each number."""
    return {part: bytes_each * sum(map(numbers, weights(folder / part))) for part in parts}


def weights(folder: Path) -> list[Path]:
    """Return the files of weights that are read: variants, as model.fp16.safetensors, may lie beside them."""
    return [file for file in folder.glob("*.safetensors") if file.name.count(".") == 1 and file.is_file()]


def numbers(file: Path) -> int:
    """Return how many numbers a file of safetensors has, by its header. 0 if it has none: loading will tell why."""
    try:
        with file.open("rb") as content:
            header = json.loads(content.read(min(HEADER, int.from_bytes(content.read(8), "little"))))
        return sum(prod(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__")
    except (OSError, ValueError, KeyError, TypeError, MemoryError, OverflowError, RecursionError, AttributeError):
        return 0


def memory_for(device: torch.device) -> tuple[int, int | None]:
    """Return the bytes that are free in the machine's memory, and on the device if it has memory of its own."""
    import torch

    own = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else None
    return free_ram(), own
