"""What is kept from turn to turn: the memory of the program and of its worker processes over many first questions.

    python bench/memory.py [--turns 500] [--model mini] [--dtype auto] [--every 50]

Every turn calls all four plugins, or with a model the one that it chooses, and is followed by a reset. Without a
model a script takes its place. Nothing is asked of the network: the search is sent to a proxy that is not there.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Generator, Sequence
from pathlib import Path

import psutil

from moss_agent.agent import Agent
from moss_agent.cancellation import Cancellation
from moss_agent.checkpoints.families import load_family
from moss_agent.dialects.moss import MossDialect
from moss_agent.opening.plugins import open_plugins
from moss_agent.runtime import Runtime
from moss_agent.session import Generation, Sampling
from moss_agent.settings import Settings
from tests.scripted import ScriptedModel, ScriptedSession

SETTLED = 50  # turns until everything has been loaded everywhere
COMMANDS = 'Calculate("{0}*89"), Solve("x+{0}=12"), Search("mosses {0}"), Text2Image("a red fox and {0} trees")'
QUESTIONS = ["What is {0}*89?", "Solve x + {0} = 12.", "Who invented telephone number {0}?", "Draw a fox, {0} trees."]


class Script(ScriptedSession):
    """Writes the same turn for ever, with another number in it."""

    turn = 0

    def generate(
        self, stop: Sequence[str], sampling: Sampling, cancellation: Cancellation
    ) -> Generator[str, None, Generation]:
        if not self.model.replies:
            self.turn += 1
            commands = COMMANDS.format(self.turn)
            self.model.replies = [" I need all of them.<eot>", f" {commands}<eoc>", " Done.<eom>"]
        return super().generate(stop, sampling, cancellation)


class EndlessModel(ScriptedModel):
    session_type = Script


def scripted(settings: Settings) -> Agent:
    """An agent whose model calls all plugins in every turn."""
    runner = open_plugins(settings, load_family("mini"))
    return Agent(Runtime(MossDialect(EndlessModel([]), "A test.\n", Sampling(max_new_tokens=64)), runner))


def megabytes() -> tuple[float, float]:
    """Of this process and of all that it has started."""
    program = psutil.Process()
    workers = sum(process.memory_info().rss for process in program.children(recursive=True))
    return program.memory_info().rss / 1e6, workers / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=500)
    parser.add_argument("--model", default="", help="a real model; mini takes seconds for a turn")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--every", type=int, default=50, help="turns between two lines")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        pictures = {"directory": str(Path(folder)), "steps": 1, "seed": 1}
        search = {"proxy": "http://127.0.0.1:9", "cache_hours": 0}
        tables = {"text_to_image": pictures, "web_search": search}
        settings = Settings(model=arguments.model or "mini", dtype=arguments.dtype, plugin_settings=tables)
        agent = Agent(Runtime.from_settings(settings)) if arguments.model else scripted(settings)
        print(f"{'turn':>5} {'program':>8} {'workers':>8} {'all':>6}  MB")
        since, settled = 0, 0.0
        for turn in range(1, arguments.turns + 1):
            agent.ask(QUESTIONS[turn % len(QUESTIONS)].format(turn))
            agent.reset()
            if turn == 1 or turn % arguments.every == 0:
                program, workers = megabytes()
                print(f"{turn:5} {program:8.0f} {workers:8.0f} {program + workers:6.0f}", flush=True)
                if turn >= SETTLED and not settled:
                    since, settled = turn, program + workers
        if settled:
            print(f"since turn {since}: {sum(megabytes()) / settled - 1:+.1%}")
        agent.close()


if __name__ == "__main__":
    main()
