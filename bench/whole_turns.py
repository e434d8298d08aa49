"""Whole turns of the agent beside the same tokens through llama-server.

    python bench/whole_turns.py [QUESTIONS.jsonl] [--limit 20]

mini answers the questions (bench/everyday unless a file is named; fields `question` or `human`), thoughts, commands and
answers, with plugins that find nothing, greedily, one turn after the other. Then llama-server, if it is on the PATH, is
given what stood before each segment, as token ids, and writes as many tokens: the base weights, in 4 bits, without the
adapter. Both keep what they computed before. Seconds are those of reading and writing, without the plugins'.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from batch import llama_process
from tool_choice import stand_in

from moss_agent import Runtime
from moss_agent.engine.local import LocalSession
from moss_agent.opening.dialect import choose_family, open_dialect
from moss_agent.opening.local import open_local
from moss_agent.plugin_host import PluginRunner, discover
from moss_agent.protocol import HUMAN
from moss_agent.session import Generation
from moss_agent.settings import Settings

EVERYDAY = Path(__file__).parent / "everyday"


@dataclass(frozen=True)
class Segment:
    """What the model wrote in one go. before: the ids that stood there. tokens: how many it wrote."""

    before: list[int]
    tokens: int
    seconds: float


class Recorded:
    """While it lasts, sessions note their segments."""

    def __init__(self) -> None:
        self.segments: list[Segment] = []
        self._generate: Any = LocalSession.generate

    def __enter__(self) -> Recorded:
        recorder, generate = self, self._generate

        def recorded(session: LocalSession, *given: Any, **named: Any) -> Generator[str, None, Generation]:
            before, begun = list(session.ids), time.perf_counter()
            generation: Generation = yield from generate(session, *given, **named)
            recorder.segments.append(Segment(before, generation.generated, time.perf_counter() - begun))
            return generation

        LocalSession.generate = recorded  # type: ignore[method-assign]
        return self

    def __exit__(self, *_: object) -> None:
        LocalSession.generate = self._generate  # type: ignore[method-assign]


def asked(path: Path | None, limit: int) -> Iterator[str]:
    """Yield so many questions, spread over the file."""
    files = [path] if path else sorted(EVERYDAY.glob("*.jsonl"))
    rows = [json.loads(line) for file in files for line in file.read_bytes().splitlines()]
    for row in rows[:: max(1, len(rows) // limit)][:limit]:
        yield row.get("question") or row["human"].removeprefix(HUMAN.header).strip().removesuffix(HUMAN.end)


def ours(questions: list[str]) -> list[Segment]:
    settings = Settings(model="mini", temperature=0.0)
    family = choose_family(settings, None)
    model = open_local(settings, family)
    runner = PluginRunner([stand_in(plugin) for plugin in discover().values()])
    runtime = Runtime(open_dialect(model, settings, family, list(runner.plugins.values())), runner)
    list(runtime.chat().stream(questions[0]))  # uncounted, as the server's first request is
    with Recorded() as recorded:
        for question in questions:
            list(runtime.chat().stream(question))
    return recorded.segments


def served(segments: list[Segment], url: str) -> float:
    """Return the seconds in which the server reads and writes as much."""
    begun = time.perf_counter()
    for segment in segments:
        asked_for = {"prompt": segment.before, "n_predict": segment.tokens, "ignore_eos": True, "temperature": 0}
        httpx2.post(f"{url}/completion", json=asked_for, timeout=None, trust_env=False).raise_for_status()
    return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("questions", nargs="?", type=Path)
    parser.add_argument("--limit", type=int, default=20)
    arguments = parser.parse_args()
    questions = list(asked(arguments.questions, arguments.limit))
    segments = ours(questions)
    taken, tokens = sum(each.seconds for each in segments), sum(each.tokens for each in segments)
    print(f"{len(questions)} turns, {tokens} tokens written in {len(segments)} segments")
    print(f"{'ours':14}{taken:8.1f} s{tokens / taken:8.1f} tokens/s")
    if program := shutil.which("llama-server"):
        with llama_process(program, 1) as url:
            served(segments[:1], url)
            other = served(segments, url)
        print(f"{'llama-server':14}{other:8.1f} s{tokens / other:8.1f} tokens/s: {other / taken:.2f} times ours")


if __name__ == "__main__":
    main()
