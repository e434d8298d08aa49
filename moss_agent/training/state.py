"""What a training run is kept in: a folder that one process holds, the state from which it goes on, and its log."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

import torch

from moss_agent.checkpoints.files import publish
from moss_agent.errors import UsageError
from moss_agent.resources import locked

STATE, LOG, LOCK = "state.pt", "log.jsonl", ".lock"


@contextmanager
def holding(out: Path) -> Iterator[None]:
    """Hold the folder, which is made if need be. Raises UsageError if another process does, or it cannot be written."""

    def refuse() -> NoReturn:
        raise UsageError(f"another process trains in {out}: let it finish, or name another folder")

    with ExitStack() as held:
        try:
            out.mkdir(parents=True, exist_ok=True)
            held.enter_context(locked(out / LOCK, refuse))
        except OSError as error:
            raise UsageError(f"cannot write {out}: {error.strerror}: name another folder") from None
        yield


def write_state(out: Path, state: Mapping[str, Any], log: Sequence[Mapping[str, Any]]) -> str:
    """Write both; return why they cannot be written, if so.

    The state gets its name when it is complete: a killed run loses what came after the last one at most.
    """
    part = out / f"{STATE}.part"
    try:
        out.mkdir(parents=True, exist_ok=True)
        torch.save({**state, "log": log}, part)
        publish(part, out / STATE)
        lines = (json.dumps({key: value for key, value in each.items() if value is not None}) for each in log)
        (out / LOG).write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    except (OSError, RuntimeError) as error:  # torch raises the latter for a full disk
        with suppress(OSError):
            part.unlink()
        return getattr(error, "strerror", None) or "the disk may be full"
    return ""


def read_state(out: Path, *, in_parts: bool = False) -> dict[str, Any]:
    """Return the state, its tensors on the CPU. in_parts: from the file as they are used, not all into memory.

    Raises UsageError if it cannot be read.
    """
    try:
        state: dict[str, Any] = torch.load(out / STATE, map_location="cpu", mmap=in_parts)
    except Exception as error:  # whatever can be wrong in such a file
        raise UsageError(f"{out / STATE} cannot be read: remove it, the run begins again then") from error
    return state
