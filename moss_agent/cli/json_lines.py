"""Output for other programs: one JSON object in each line."""

from __future__ import annotations

import json
import re
from typing import TextIO

from moss_agent.cli.text import escaped


def print_json(data: object, out: TextIO) -> None:
    """Print one line of JSON, readable by another program at once; nothing in it can steer a terminal."""
    out.write(escaped(json.dumps(data, ensure_ascii=False)) + "\n")
    out.flush()


def snake_case(name: str) -> str:
    """Return the name of a class as JSON has it."""
    return re.sub("(?<=[a-z])(?=[A-Z])", "_", name).lower()
