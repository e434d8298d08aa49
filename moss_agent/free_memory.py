"""The memory that is free, on a machine or in a container."""

from __future__ import annotations

from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")


def free_ram() -> int:
    """Return the bytes that are free, or what the container that this runs in may still take, whichever is less."""
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
