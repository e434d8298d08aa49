"""How well and how fast the protocol room reads real turns.

    python bench/protocol.py turns.jsonl

One JSON object per line: `human`, `inner_thoughts`, `commands_raw`, `results_raw` and `moss_raw` are the
segments verbatim with header and end marker, `parsed_commands` is what the commands mean.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from moss_agent.protocol import (
    Command,
    CommandRead,
    TurnParser,
    parse_commands,
    parse_results,
    parse_turn,
    render_results,
    render_turn,
)

SEGMENTS = ("human", "inner_thoughts", "commands_raw", "results_raw", "moss_raw")
CHECKS = (
    "parsed",
    "commands equal",
    "commands equal, one character at a time",
    "turns byte-equal",
    "results byte-equal",
)


def checks(row: dict[str, Any]) -> dict[str, bool]:
    """What holds for one turn."""
    text = "".join(row[name] for name in SEGMENTS)
    commands = [Command(c["name"], (c["argument"], *c.get("extra_args", ()))) for c in row["parsed_commands"]]
    parser = TurnParser()
    events = [event for character in text for event in parser.feed(character)]
    streamed = [event.command for event in events if isinstance(event, CommandRead)]
    try:
        turn = parse_turn(text)
    except ValueError:
        return {}
    held = (
        True,
        parse_commands(row["commands_raw"]) == commands,
        streamed == commands,
        render_turn(turn) == text,
        render_results(parse_results(turn.results)) == turn.results,
    )
    return dict(zip(CHECKS, held, strict=True))


def seconds(rows: list[dict[str, Any]]) -> float:
    """Time to read and write all turns once, commands and results included."""
    texts = ["".join(row[name] for name in SEGMENTS) for row in rows]
    start = time.perf_counter()
    for text in texts:
        turn = parse_turn(text)
        render_turn(turn)
        render_results(turn.entries)
    return time.perf_counter() - start


def main(path: str) -> None:
    rows = [json.loads(line) for line in Path(path).read_text(encoding="utf-8").split("\n") if line]
    held = Counter(name for row in rows for name, holds in checks(row).items() if holds)
    print(f"{'turns':45}{len(rows):>8}")
    for name in CHECKS:
        print(f"{name:45}{held[name]:>8}")
    print(f"{'seconds per 1000 turns':45}{min(seconds(rows) for _ in range(3)) / len(rows) * 1000:8.2f}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
