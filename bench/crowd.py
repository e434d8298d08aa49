"""Many agents at once in front of one server: how fast they are served, and what our own side of it costs.

    python bench/crowd.py [--agents 1 10 100 1000] [--first 0.3] [--each 0.05] [--tokens 128]
    python bench/crowd.py --server http://127.0.0.1:8000 --family mini --agents 1 16

Without --server a stand-in with these latencies answers (bench/stand_in.py, a process of its own). All agents are
conversations of one runtime, each in a thread while its turn runs. "own CPU" is that of this process, for each token
that was written. Before the stand-in as many conversations as the largest number of agents lie idle after a turn then:
memory of this process for each, and threads.
"""

from __future__ import annotations

import argparse
import gc
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles

import psutil

from moss_agent import Chat, Runtime
from moss_agent.events import Reply, Text, Thoughts

QUESTION = "What is {0}*89 for the {0}th time?"
WARM = 20  # conversations before memory is measured


@dataclass
class Asked:
    """One turn. first, whole: seconds to its first piece of text and to its end."""

    first: float
    whole: float
    tokens: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agents", type=int, nargs="+", default=[1, 10, 100, 1000])
    parser.add_argument("--server", help="the address of a real one")
    parser.add_argument("--family", default="moss")
    parser.add_argument("--plugins", default="")
    parser.add_argument("--first", type=float, default=0.3, help="of the stand-in: seconds to the first piece")
    parser.add_argument("--each", type=float, default=0.05, help="of the stand-in: seconds between two pieces")
    parser.add_argument("--tokens", type=int, default=128, help="of the stand-in: tokens of an answer")
    arguments = parser.parse_args()
    with serving(arguments) as url:
        plugins = [name for name in arguments.plugins.split(",") if name]
        with Runtime.open(server=url, family=arguments.family, plugins=plugins) as runtime:
            runtime.chat().ask(QUESTION.format(0))
            report_turns(runtime, arguments.agents)
            if not arguments.server:
                report_idle(runtime, max(arguments.agents))


@contextmanager
def serving(arguments: argparse.Namespace) -> Iterator[str]:
    """The address of the server."""
    if arguments.server:
        yield arguments.server
        return
    command = [sys.executable, str(Path(__file__).with_name("stand_in.py")), "--tokens", str(arguments.tokens)]
    command += ["--first", str(arguments.first), "--each", str(arguments.each)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.terminate()


def report_turns(runtime: Runtime, numbers: list[int]) -> None:
    print(
        f"{'agents':>6} {'tokens/s':>9} {'first p50':>10} {'p95':>7} {'turn p50':>9} {'p95':>7} {'own CPU/token':>14}"
    )
    for number in numbers:
        chats = [runtime.chat() for _ in range(number)]
        started, computed = time.perf_counter(), time.process_time()
        asked = at_once(chats)
        seconds, own = time.perf_counter() - started, time.process_time() - computed
        tokens = sum(one.tokens for one in asked)
        first, whole = share([one.first for one in asked]), share([one.whole for one in asked])
        times = f"{first[0]:8.2f} s {first[1]:5.2f} s {whole[0]:7.2f} s {whole[1]:5.2f} s"
        print(f"{number:6} {tokens / seconds:9.1f} {times} {1000 * own / tokens:11.3f} ms", flush=True)
        for chat in chats:
            chat.close()


def at_once(chats: list[Chat]) -> list[Asked]:
    with ThreadPoolExecutor(len(chats)) as pool:
        return list(pool.map(ask, chats, range(len(chats))))


def ask(chat: Chat, number: int) -> Asked:
    started, first, tokens = time.perf_counter(), 0.0, 0
    for event in chat.stream(QUESTION.format(number)):
        if isinstance(event, (Text, Thoughts)) and not first:
            first = time.perf_counter() - started
        if isinstance(event, Reply):
            tokens = event.usage.generated_tokens
    return Asked(first, time.perf_counter() - started, tokens)


def share(values: list[float]) -> tuple[float, float]:
    """The median and the 95th percentile."""
    cuts = quantiles(values * 2, n=20, method="inclusive")
    return cuts[9], cuts[18]


def report_idle(runtime: Runtime, number: int) -> None:
    """Print what a conversation takes that has had a turn and waits for the next."""
    with ThreadPoolExecutor(WARM) as pool:
        warm = [runtime.chat() for _ in range(WARM)]
        list(pool.map(ask, warm, range(WARM)))
        before = resident()
        idle = [runtime.chat() for _ in range(number)]
        list(pool.map(ask, idle, range(number)))
        kept = (resident() - before) / number
    alive = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
    print(
        f"\n{number} idle conversations: {kept / 1000:.1f} kB each; threads of this process: {1 + len(alive)} {alive}"
    )


def resident() -> int:
    gc.collect()
    return int(psutil.Process().memory_info().rss)


if __name__ == "__main__":
    main()
