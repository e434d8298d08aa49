"""A generated conversation as a record: what the runtime would feed and read, and what is written to a file."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from examples.mini.record import record
from moss_agent import Agent
from moss_agent.checkpoints.families import load_family
from moss_agent.engine.sampling import Sampling
from moss_agent.events import Hit, Picture
from moss_agent.plugin_host import Outcome, PluginRunner
from moss_agent.protocol import DRAWN, Capability
from moss_agent.training.dataset import pieces
from tests.scripted import ScriptedSession

ROOT = Path(__file__).parents[3]


def test_the_record_is_what_the_agent_feeds_and_reads(examples):
    """The pieces of an example, fed to an agent as the model's replies, give the same text in its session."""

    class Answers(PluginRunner):
        def __init__(self, example) -> None:
            super().__init__([])
            self.plugins = {api.partition("(")[0]: None for _, api, _ in example.plugins}
            self.outputs = {}

        def run(self, name, arguments):
            return self.outputs[name, arguments[0]]

    def output_of(name, output):
        if isinstance(output, tuple):
            return tuple(Hit(text) for text in output)
        if output == DRAWN:
            return (Picture("x.png"),)
        return tuple(output.splitlines()) if name == "Solve" and output else output

    for example in examples[:150]:
        cut = list(pieces(record(example)))
        written = [text for text, learn in cut if learn]
        session, runner = ScriptedSession(written), Answers(example)
        runner.turn = lambda runner=runner: _Immediate(runner)
        enabled = [Capability(label, api) for label, api, on in example.plugins if on]
        preamble = load_family("mini").preamble.render(enabled)
        agent = Agent(session, runner, preamble=preamble, sampling=Sampling())
        for turn in example.turns:
            for (name, argument), output in zip(turn.commands, turn.outputs, strict=True):
                runner.outputs[name, argument] = output_of(name, output)
            agent.ask(turn.human)
        assert session.text.strip() == "".join(text for text, _ in cut).strip()


class _Immediate:
    """A turn's calls whose outcomes are there at once, whatever plugin is called."""

    def __init__(self, runner) -> None:
        self.runner, self.outcomes = runner, []

    def start(self, index, name, arguments) -> None:
        output = self.runner.run(name, arguments)
        self.outcomes.append(Outcome(index, output, "" if output is not None else "nothing", 0.0))

    def finished(self, wait):
        while self.outcomes:
            yield self.outcomes.pop(0)


def test_the_file_has_the_records_of_the_conversations(examples, tmp_path: Path):
    made = tmp_path / "conversations.jsonl"
    command = [sys.executable, "-m", "examples.mini.make_data", "--count", "20", "--out", str(made)]
    subprocess.run(command, check=True, cwd=ROOT)
    records = [json.loads(line) for line in made.read_text(encoding="utf-8").splitlines()]
    assert records == [record(example, f"mini_{number}") for number, example in enumerate(examples[:20], 1)]
