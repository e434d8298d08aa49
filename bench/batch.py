"""Many conversations on one model at once: ours beside llama-server.

    python bench/batch.py [--conversations 1,4,16] [--tokens 64] [--rounds 3]

Each conversation is a question of bench/everyday after the preamble of mini, read and continued greedily by so many
tokens, all at the same time, in a thread each. "first" is the time to the first piece of text: the mean, and the worst
of all as a multiple of it. If llama-server is on the PATH, it serves the base weights, in 4 bits and without the
adapter, in as many slots; both are asked through the same interface. Medians of rounds with other questions; the round
before them is not counted. Ratios carry over to other machines, tokens per second do not.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median

from _serving import server_process

from moss_agent.cancellation import Cancellation
from moss_agent.checkpoints.families import Family
from moss_agent.checkpoints.mini import base_gguf
from moss_agent.opening.dialect import choose_family
from moss_agent.opening.local import open_local
from moss_agent.opening.served import find_served, open_served
from moss_agent.protocol import THOUGHTS, render_human
from moss_agent.session import Sampling, Session
from moss_agent.settings import Settings

QUESTIONS = Path(__file__).parent / "everyday" / "en.jsonl"
SLOT = 2048  # tokens of context for each conversation on the server


@dataclass(frozen=True)
class Written:
    """What one conversation took: seconds to the first piece, and how many tokens came."""

    first: float
    tokens: int


def write(session: Session, question: str, tokens: int) -> Written:
    """Let a session continue the question. No stop text ends it."""
    begun = time.perf_counter()
    session.extend(render_human(question) + THOUGHTS.header)
    pieces = session.generate([], Sampling(max_new_tokens=tokens), Cancellation())
    first = 0.0
    while True:
        try:
            next(pieces)
        except StopIteration as end:
            return Written(first, end.value.generated)
        first = first or time.perf_counter() - begun


def measure(opened: Callable[[], Session], questions: list[str], tokens: int) -> tuple[float, float, float]:
    """Return tokens per second of all, the mean seconds to the first piece, and the worst as a multiple of the mean."""
    sessions = [opened() for _ in questions]
    begun = time.perf_counter()
    with ThreadPoolExecutor(len(sessions)) as pool:
        written = list(pool.map(write, sessions, questions, [tokens] * len(sessions)))
    taken = time.perf_counter() - begun
    for session in sessions:
        session.close()
    firsts = [each.first for each in written]
    return sum(each.tokens for each in written) / taken, mean(firsts), max(firsts) / mean(firsts)


def report(name: str, opened: Callable[[], Session], count: int, arguments: argparse.Namespace) -> None:
    """Print a row for so many conversations at once."""
    questions = [json.loads(line)["question"] for line in QUESTIONS.read_bytes().splitlines()]
    rounds = []
    for number in range(arguments.rounds + 1):
        chosen = [questions[(number * count + place) % len(questions)] for place in range(count)]
        rounds.append(measure(opened, chosen, arguments.tokens))
    speed, first, worst = (median(column) for column in zip(*rounds[1:], strict=True))
    print(f"{name:14}{count:>8}{speed:>12.1f}{first:>12.2f} s{worst:>9.1f} x", flush=True)


@contextmanager
def llama_process(program: str, slots: int) -> Iterator[str]:
    """The address of a server that has the base weights, for so many conversations at once."""
    command = [program, "-m", base_gguf(), "-np", str(slots), "-c", str(slots * SLOT), "--special"]
    with server_process(command) as (url, _):
        yield url


def sessions_at(url: str, family: Family) -> Callable[[], Session]:
    settings = Settings(server=url)
    model = open_served(settings, family, find_served(settings))
    return lambda: model.session(preamble(family))


def preamble(family: Family) -> str:
    return family.preamble.render(family.preamble.known)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--conversations", default="1,4,16")
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    family = choose_family(Settings(model="mini"), None)
    model = open_local(Settings(model="mini"), family)
    program = shutil.which("llama-server")
    print(f"{'':14}{'at once':>8}{'tokens/s':>12}{'first':>14}{'worst':>11}")
    for count in map(int, arguments.conversations.split(",")):
        report("ours", lambda: model.session(preamble(family)), count, arguments)
        if program:
            with llama_process(program, count) as url:
                report("llama-server", sessions_at(url, family), count, arguments)


if __name__ == "__main__":
    main()
