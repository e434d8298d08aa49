"""Make conversations as the mini model is trained on: look at some, count them, or write them to a file.

python -m examples.mini.make_data --count 12 --seed 0
python -m examples.mini.make_data --count 2000 --statistics
python -m examples.mini.make_data --count 2000 --out conversations.jsonl    # records of MOSS's training format
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from itertools import islice
from pathlib import Path

from .conversations import generate
from .example import Example, Output
from .record import record

COMMANDS = ("Search", "Calculate", "Solve", "Text2Image")


def show(example: Example) -> str:
    """An example for human readers."""
    lines = [f"== {example.kind} / {example.language}"]
    lines += [f"   [{'x' if enabled else ' '}] {label}: {api}" for label, api, enabled in example.plugins]
    for turn in example.turns:
        lines += [f"Human:    {turn.human}", f"Thoughts: {turn.thoughts}"]
        if not turn.commands:
            lines.append("Commands: None")
        for (name, *arguments), output in zip(turn.commands, turn.outputs, strict=True):
            lines.append(f"Command:  {name}({', '.join(map(repr, arguments))}) => {_shown(output)}")
        lines.append(f"Answer:   {turn.answer}")
    return "\n".join(lines)


def _shown(output: Output) -> str:
    if isinstance(output, tuple):
        return "".join(f"\n            - {hit}" for hit in output)
    return repr(output)


def statistics(examples: list[Example]) -> str:
    """Shares by kind, language and command."""
    turns = [turn for example in examples for turn in example.turns]
    counters = {
        "kind": Counter(example.kind for example in examples),
        "language": Counter(example.language for example in examples),
        "turns": Counter(str(len(example.turns)) for example in examples),
        "command": Counter(name if name in COMMANDS else "own" for turn in turns for name, *_ in turn.commands),
        "commands a turn": Counter(str(len(turn.commands)) for turn in turns),
    }
    lines = []
    for title, counter in counters.items():
        total = sum(counter.values())
        lines += [f"{title}:"] + [f"  {name:24} {100 * n / total:5.1f}%" for name, n in counter.most_common(20)]
    return "\n".join(lines)


def write(examples: list[Example], path: Path) -> None:
    """Write records, one per line."""
    records = (record(example, f"mini_{number}") for number, example in enumerate(examples, 1))
    path.write_text("".join(json.dumps(each, ensure_ascii=False) + "\n" for each in records), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=12, help="how many conversations (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="another seed, other conversations (default: %(default)s)")
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--statistics", action="store_true", help="print shares by kind, language and command")
    instead.add_argument("--out", type=Path, help="the file to write, one record per line")
    options = parser.parse_args()
    examples = list(islice(generate(options.seed), options.count))
    if options.out:
        write(examples, options.out)
    else:
        print(statistics(examples) if options.statistics else "\n\n".join(map(show, examples)))


if __name__ == "__main__":
    main()
