"""The options, the data and the base of a run, noted in its folder: a run goes on only with the same ones."""

from __future__ import annotations

import hashlib
import json
from array import array
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from moss_agent.errors import UsageError
from moss_agent.resources import replace_file
from moss_agent.training.packing import Tokens
from moss_agent.training.state import STATE

NAME = "options.json"
WORDS = {"data": "other data", "weights": "other weights of the base", "precision": "another --dtype"}


def digest(sequences: Sequence[Tokens]) -> str:
    """Return what tells data from other data."""
    sha = hashlib.sha256()
    for ids, written in sequences:
        sha.update(array("q", [*ids, -1, *written]).tobytes())
    return sha.hexdigest()[:16]


def settle(out: Path, options: Mapping[str, Any], *, may_write: bool) -> None:
    """Compare the options with those of the run in the folder, or note them if there is none.

    A start that failed before it saved anything is no run. may_write: of several processes only the first may.
    Raises UsageError if the run has other options, or the folder cannot be written.
    """
    if (out / STATE).exists() and (out / NAME).exists():
        _compare(out, options)
    elif may_write:
        _note(out, options)


def noted(out: Path) -> dict[str, Any]:
    """Return the options of the run in the folder; nothing if there is none, or they cannot be read."""
    try:
        options = json.loads((out / NAME).read_text("utf-8")) if (out / STATE).exists() else {}
    except (OSError, ValueError):
        options = {}
    return options if isinstance(options, dict) else {}


def _compare(out: Path, options: Mapping[str, Any]) -> None:
    before = noted(out)
    for name, value in options.items():
        if before.get(name) != value:
            what = WORDS.get(name, f"another --{name.replace('_', '-')}")
            raise UsageError(f"{out} has a run with {what}: name another folder, or remove it")


def _note(out: Path, options: Mapping[str, Any]) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        replace_file(out / NAME, json.dumps(options, indent=1).encode())
    except OSError as error:
        raise UsageError(f"cannot write {out}: {error.strerror}: name another folder") from None
