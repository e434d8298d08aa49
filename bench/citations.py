"""How well the support check tells a cited passage from another one: real answers with the hits they cite.

    python bench/citations.py CONVERSATIONS.jsonl [--others 3]

The file has one turn a line, with its segments in `results_raw` and `moss_raw`. Each statement is compared with the
hit that it cites and with hits of other conversations in the same script. Not every real citation is a good one, so
that not all of them can be kept.
"""

from __future__ import annotations

import argparse
import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

from moss_agent.protocol import ANSWER, RESULTS, Passage, check_citations, number_passages, parse_results
from moss_agent.protocol.support import statements, support

HAN = re.compile("[\u3400-\u9fff]")


def read(path: Path) -> Iterator[tuple[str, str, dict[int, str]]]:
    """Conversation, answer and hits of each turn that has hits."""
    for line in path.read_bytes().splitlines():
        turn = json.loads(line)
        entries = number_passages(parse_results(_inside(turn["results_raw"], RESULTS.header, RESULTS.end)))
        hits = {
            p.number: p.text for e in entries if isinstance(e.body, tuple) for p in e.body if isinstance(p, Passage)
        }
        if hits:
            yield turn["conv"], check_citations(_inside(turn["moss_raw"], ANSWER.header, ANSWER.end), hits)[0], hits


def _inside(segment: str, header: str, end: str) -> str:
    return segment.strip().removeprefix(header.strip()).removesuffix(end).strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("conversations", type=Path)
    parser.add_argument("--others", type=int, default=3, help="hits of other conversations for each real one")
    arguments = parser.parse_args()
    turns, chosen = list(read(arguments.conversations)), random.Random(1)
    real, other = [], []
    taken = 0.0
    for conversation, answer, hits in turns:
        for number, statement in statements(answer):
            is_chinese = bool(HAN.search(hits[number]))
            elsewhere = [hit for conv, _, others in turns if conv != conversation for hit in others.values()]
            alike = [hit for hit in elsewhere if bool(HAN.search(hit)) == is_chinese]
            others = chosen.sample(alike, min(arguments.others, len(alike)))
            started = perf_counter()
            real.append(support(statement, hits[number]))
            other += [support(statement, hit) for hit in others]
            taken += perf_counter() - started
    each = taken / (len(real) + len(other))
    real, other = ([score for score in scores if score is not None] for scores in (real, other))
    print(f"{len(real)} citations and {len(other)} others that can be compared, {each * 1e6:.0f} us each")
    print(f"separation (chance that a real one scores higher): {separation(real, other):.3f}\n")
    print(f"{'supported from':>14} {'real kept':>10} {'others kept':>12}")
    for limit in (0.05, 0.1, 0.15, 0.2, 0.3):
        kept = (sum(score >= limit for score in scores) / len(scores) for scores in (real, other))
        print(f"{limit:14} {next(kept):10.1%} {next(kept):12.1%}")


def separation(real: list[float], other: list[float]) -> float:
    """The area under the ROC curve."""
    wins = sum((a > b) + (a == b) / 2 for a in real for b in other)
    return wins / (len(real) * len(other))


if __name__ == "__main__":
    main()
