"""How often a model reaches for the right plugin on the first turns of recorded MOSS conversations.

    python bench/tool_choice.py turns.jsonl [--model mini] [--dtype auto] [--own-plugins] [--limit N]
    python bench/tool_choice.py turns.jsonl --server http://127.0.0.1:8080

A first turn counts as right if the model writes a command of a plugin that the recorded turn used, or none
where none was used. The chat is the real one, decoding greedily; its plugins are stand-ins that find
nothing. All four plugins are enabled, or with `--own-plugins` those that the recorded conversation had.
Rows: `human`, `meta_instruction`, `parsed_commands`, `turn`.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path

from moss_agent import Chat, Runtime
from moss_agent.events import CallStarted, Text
from moss_agent.opening.dialect import choose_family, open_dialect, open_model
from moss_agent.opening.served import find_served
from moss_agent.plugin_host import Plugin, PluginRunner, discover
from moss_agent.protocol import HUMAN, Capability
from moss_agent.settings import Settings

LABELS = {"Search": "web search", "Calculate": "calculator", "Solve": "equation solver", "Text2Image": "text-to-image"}

AT_ONCE = 8  # conversations


@dataclass
class Choice:
    """What was recorded and what the model chose, by command names."""

    wanted: frozenset[str]
    chosen: frozenset[str]
    chinese: bool

    @property
    def right(self) -> bool:
        return bool(self.wanted & self.chosen) if self.wanted else not self.chosen


def stand_in(plugin: Plugin) -> Plugin:
    """The plugin with the same API, finding nothing."""

    @wraps(plugin.function)
    def nothing(*arguments: str) -> None:
        return None

    return replace(plugin, function=nothing, isolated=False)


def choose(chat: Chat, row: dict, speaks_first: bool) -> tuple[Choice, list[str]]:
    """The model's commands of the first round for one recorded question; the turn is left as the answer begins.

    speaks_first: whether the model may say something before its calls.
    """
    question = row["human"].removeprefix(HUMAN.header).strip().removesuffix(HUMAN.end)
    commands = []
    events = chat.stream(question)
    for event in events:
        if isinstance(event, CallStarted):
            commands.append((event.name, event.argument))
        elif isinstance(event, Text) and (commands or not speaks_first):
            break
    events.close()
    chosen = frozenset(name for name, _ in commands)
    wanted = frozenset(command["name"] for command in row["parsed_commands"])
    written = [f"{name}({argument})" for name, argument in commands]
    return Choice(wanted, chosen, bool(re.search("[\u4e00-\u9fff]", question))), written


def table(choices: list[Choice]) -> str:
    """Right of all, by recorded plugin and by language."""
    lines = [f"{'':18}{'all':>14}{'English':>14}{'Chinese':>14}"]
    for group in [*LABELS, "none", "total"]:
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
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--family", default="", help="the model's family, if its name does not tell")
    parser.add_argument("--server", default="", help="address of a server that has the model")
    parser.add_argument("--server-model", default="", help="its name there")
    parser.add_argument("--own-plugins", action="store_true", help="enable what the recorded conversation had")
    parser.add_argument("--limit", type=int, help="measure about this many turns, spread over the file")
    parser.add_argument("--log", type=Path, help="write question and commands here, one JSON object per turn")
    arguments = parser.parse_args()
    rows = [json.loads(line) for line in arguments.turns.read_bytes().splitlines()]
    rows = [row for row in rows if row["turn"] == 1]
    if not rows:
        parser.error(f"{arguments.turns} has no first turn: name a file with rows of turn 1")
    rows = rows[:: max(1, len(rows) // (arguments.limit or len(rows)))]
    given = {name: getattr(arguments, name) for name in ("model", "dtype", "family", "server", "server_model")}
    settings = Settings(temperature=0.0, max_new_tokens=256, **given)
    served = find_served(settings) if settings.server else None
    family = choose_family(settings, served)
    model = open_model(settings, family, served)
    plugins = [stand_in(plugin) for plugin in discover().values()]

    def measure(row: dict) -> tuple[Choice, list[str]]:
        enabled = [Capability(plugin.label, plugin.api) for plugin in plugins]
        if arguments.own_plugins:
            enabled = [capability for capability in enabled if capability.line(True) in row["meta_instruction"]]
        runner = PluginRunner([plugin for plugin in plugins if plugin.label in {c.label for c in enabled}])
        dialect = open_dialect(model, settings, family, list(runner.plugins.values()))
        return choose(Runtime(dialect, runner).chat(), row, speaks_first=family.dialect == "tools")

    choices, mistakes = [], Counter()
    with ThreadPoolExecutor(AT_ONCE) as threads:
        for row, (choice, written) in zip(rows, threads.map(measure, rows), strict=True):
            choices.append(choice)
            mistakes[tuple(sorted(choice.wanted)), tuple(sorted(choice.chosen))] += not choice.right
            if arguments.log:
                with arguments.log.open("a", encoding="utf-8") as log:
                    entry = {"question": row["human"], "right": choice.right, "commands": written}
                    log.write(json.dumps(entry, ensure_ascii=False) + "\n")
    print(table(choices))
    for (wanted, chosen), count in (+mistakes).most_common(8):
        print(f"{count:4} wanted {', '.join(wanted) or 'none'}, chose {', '.join(chosen) or 'none'}")


if __name__ == "__main__":
    main()
