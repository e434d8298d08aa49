"""What of this machine a model may take, in bytes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from shutil import disk_usage

from moss_agent.errors import CheckpointError
from moss_agent.free_memory import free_ram


@dataclass(frozen=True)
class Machine:
    """gpus: free memory of each CUDA device; ram: what can be had without swapping; disk: room to offload to."""

    gpus: tuple[int, ...]
    ram: int
    disk: int


def this_machine(offload_folder: Path = Path()) -> Machine:
    """Ask torch and the operating system. The folder need not exist yet."""
    import torch

    gpus = [torch.cuda.mem_get_info(index)[0] for index in range(torch.cuda.device_count())]
    place = next(
        folder for folder in (offload_folder.absolute(), *offload_folder.absolute().parents) if folder.is_dir()
    )
    return Machine(tuple(gpus), free_ram(), disk_usage(place).free)


def check_memory(needed: int, what: str) -> None:
    """Raise CheckpointError if less than `needed` bytes are free. what: needs them."""
    if (free := free_ram()) < needed:
        raise CheckpointError(
            f"{what} needs {needed / 1e9:.1f} GB of memory, {free / 1e9:.1f} GB are free: close what else runs"
        )
