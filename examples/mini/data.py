"""The stories, facts, word lists and phrases in `data/`: one object per line, tables by language, or rows."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DATA = Path(__file__).parent / "data"
LANGUAGES = ("en", "zh")


def read_lines(name: str) -> list[dict[str, Any]]:
    """Return the objects of `NAME.jsonl`."""
    return [json.loads(line) for line in (DATA / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


def read_tables(name: str) -> dict[str, Any]:
    """Return the tables of `NAME.toml`; those of phrases and words are called by their language."""
    return tomllib.loads((DATA / f"{name}.toml").read_text(encoding="utf-8"))


def read_rows(name: str) -> list[dict[str, str]]:
    """Return the rows of `NAME.csv` by the names of their columns."""
    with (DATA / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
