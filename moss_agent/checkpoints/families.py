"""Model families: what a model was trained to see first, how to sample it, how far it can look back.

One TOML file per family in `prompts/`.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moss_agent.errors import UsageError
from moss_agent.protocol import Capability, Preamble
from moss_agent.resources import bundled, read_text

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

LONGEST_FILE = 1_000_000  # bytes
FAMILY_FILE = "moss_agent.json"  # in the folder of a model that was trained here: {"family": NAME}


@dataclass(frozen=True)
class Family:
    """What a model was taught, or has to be told.

    dialect: how it is told of plugins and calls them. sampling: values of `session.Sampling`; what a chat model's
    family leaves out is left to the model. context_length: most tokens of a conversation. max_rounds: how often it may
    call plugins in one turn.
    """

    name: str
    dialect: str
    preamble: Preamble
    sampling: dict[str, Any]
    context_length: int
    max_rounds: int


def load_family(name: str) -> Family:
    """Return the family of `prompts/NAME.toml`. Raises UsageError, listing the names, if there is none."""
    folder = bundled("prompts")
    names = sorted(path.stem for path in folder.glob("*.toml"))
    if name not in names:
        raise UsageError(f"no model family {name!r}; there are: {', '.join(names)}")
    data = tomllib.loads(read_text(folder / f"{name}.toml", LONGEST_FILE))
    known = tuple(Capability(label, api) for label, api in data["known"])
    preamble = Preamble(data["instruction"], known, tuple(data["never"]), data.get("examples", ""))
    return Family(name, data["dialect"], preamble, data["sampling"], data["context_length"], data["max_rounds"])


def write_family(folder: Path, name: str) -> None:
    """Note in the folder of a model which family it was trained as."""
    (folder / FAMILY_FILE).write_text(json.dumps({"family": name}) + "\n", encoding="utf-8")


def written_family(folder: Path) -> str:
    """Return the family that is noted in the folder of a model; "" if none is, or none that there is."""
    try:
        noted = json.loads(read_text(folder / FAMILY_FILE, LONGEST_FILE))
    except (UsageError, ValueError, RecursionError):
        return ""
    name = noted.get("family") if isinstance(noted, dict) else None
    return name if isinstance(name, str) and name in {path.stem for path in bundled("prompts").glob("*.toml")} else ""
