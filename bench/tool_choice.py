"""How often a model reaches for the right plugin on the first turns of recorded MOSS conversations.

    python bench/tool_choice.py turns.jsonl [--model mini] [--own-plugins] [--limit N]

A first turn counts as right if the model writes a command of a plugin that the recorded turn used, or none
where none was used. Greedy decoding; nothing is executed. All four plugins are enabled, or with
`--own-plugins` the ones that the recorded conversation had. Rows: `human`, `meta_instruction`,
`parsed_commands`, `category`, `conv`, `turn`.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from moss_agent.assembly import load_session
from moss_agent.checkpoints.families import Family, load_family
from moss_agent.engine.sampling import Sampling
from moss_agent.engine.session import Session
from moss_agent.protocol import COMMANDS, HUMAN, MARKERS, THOUGHTS, parse_commands, render_human
from moss_agent.settings import Settings

LABELS = {"Search": "web search", "Calculate": "calculator", "Solve": "equation solver", "Text2Image": "text-to-image"}


@dataclass
class Choice:
    """What was recorded and what the model chose, by command names."""

    wanted: frozenset[str]
    chosen: frozenset[str]
    chinese: bool

    @property
    def right(self) -> bool:
        return bool(self.wanted & self.chosen) if self.wanted else not self.chosen


def first_turns(path: Path) -> list[dict]:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [row for row in rows if row["turn"] == 1]


def choose(session: Session, family: Family, row: dict, own_plugins: bool) -> tuple[Choice, str]:
    """Let the model think and write commands for one recorded question."""
    on = row["meta_instruction"] if own_plugins else ""
    enabled = [c for c in family.preamble.known if not on or c.line(True) in on]
    question = row["human"].removeprefix(HUMAN.header).strip().removesuffix(HUMAN.end)
    session.rewind(0)
    session.extend(family.preamble.render(enabled))
    session.extend(render_human(question))
    written = ""
    for segment in (THOUGHTS, COMMANDS):
        session.extend(segment.header)
        written = "".join(session.decode(MARKERS, Sampling(max_new_tokens=160)))
        session.extend(("" if session.stopped_by == segment.end else segment.end) + "\n")
    chosen = frozenset(command.name for command in parse_commands(written))
    wanted = frozenset(command["name"] for command in row["parsed_commands"])
    return Choice(wanted, chosen, bool(re.search("[\u4e00-\u9fff]", question))), written


def table(choices: list[Choice]) -> str:
    """Right of all, by recorded plugin and by language."""
    lines = [f"{'':18}{'all':>14}{'English':>14}{'Chinese':>14}"]
    groups = [*LABELS, "none", "total"]
    for group in groups:
        of_group = [c for c in choices if group == "total" or group in (c.wanted or {"none"})]
        cells = [of_group, [c for c in of_group if not c.chinese], [c for c in of_group if c.chinese]]
        lines.append(f"{LABELS.get(group, group):18}" + "".join(f"{_share(cell):>14}" for cell in cells))
    return "\n".join(lines)


def _share(choices: list[Choice]) -> str:
    right = sum(choice.right for choice in choices)
    return f"{right}/{len(choices)} {100 * right / len(choices):3.0f}%" if choices else "-"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("turns", type=Path)
    parser.add_argument("--model", default="mini")
    parser.add_argument("--own-plugins", action="store_true", help="enable what the recorded conversation had")
    parser.add_argument("--limit", type=int, help="measure only every so many-th turn, this many in all")
    parser.add_argument("--log", type=Path, help="write what the model wrote, one JSON object per turn")
    arguments = parser.parse_args()
    rows = first_turns(arguments.turns)
    if arguments.limit:
        rows = rows[:: max(1, len(rows) // arguments.limit)][: arguments.limit]
    family = load_family("mini")
    session = load_session(Settings(model=arguments.model), family)
    choices, confusions = [], Counter()
    for row in rows:
        choice, written = choose(session, family, row, arguments.own_plugins)
        choices.append(choice)
        confusions[tuple(sorted(choice.wanted)) or "none", tuple(sorted(choice.chosen)) or "none"] += not choice.right
        if arguments.log:
            with arguments.log.open("a", encoding="utf-8") as log:
                entry = {"conv": row["conv"], "right": choice.right, "written": written}
                log.write(json.dumps(entry, ensure_ascii=False) + "\n")
    print(table(choices))
    for (wanted, chosen), count in (+confusions).most_common(8):
        print(f"{count:4} wanted {wanted}, chose {chosen}")


if __name__ == "__main__":
    main()
