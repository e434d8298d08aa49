"""Measure this machine's free memory, in bytes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from shutil import disk_usage

CGROUP = Path("/sys/fs/cgroup")


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


def free_ram() -> int:
    """Free memory, or what the container that this runs in may still take, whichever is less."""
    import psutil

    free = psutil.virtual_memory().available
    try:
        limit, used = ((CGROUP / name).read_text().strip() for name in ("memory.max", "memory.current"))
    except OSError:  # not Linux, or no control group of its own
        return free
    if limit == "max":
        return free
    return min(free, int(limit) - max(0, int(used) - _reclaimable()))


def _reclaimable() -> int:
    """Return the bytes of cached files that the kernel gives up first: `memory.current` counts them as used."""
    try:
        lines = (CGROUP / "memory.stat").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("inactive_file ")), 0)
