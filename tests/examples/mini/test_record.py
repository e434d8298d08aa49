"""A generated conversation as a record: what the runtime would feed and read, and what is written to a file."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from examples.mini.example import Call
from examples.mini.record import record
from moss_agent import Hit, Picture, Runtime, plugin
from moss_agent.checkpoints.families import load_family
from moss_agent.dialects.moss import MossDialect
from moss_agent.events import Output
from moss_agent.plugin_host import Plugin, PluginRunner
from moss_agent.protocol import DRAWN, Capability
from moss_agent.session import Sampling
from moss_agent.training.dataset import pieces
from tests.scripted import ScriptedModel

ROOT = Path(__file__).parents[3]


def test_the_record_is_what_the_chat_feeds_and_reads(examples):
    """The pieces of an example, fed to a chat as the model's replies, give the same text in its session."""
    for example in examples[:150]:
        cut = list(pieces(record(example)))
        outputs: dict[Call, Output] = {}
        model = ScriptedModel([text for text, learn in cut if learn])
        runner = PluginRunner(list(plugins_of(example, outputs)))
        enabled = [Capability(label, api) for label, api, on in example.plugins if on]
        preamble = load_family("mini").preamble.render(enabled)
        chat = Runtime(MossDialect(model, preamble, Sampling(), list(runner.plugins)), runner).chat()
        for turn in example.turns:
            for call, output in zip(turn.commands, turn.outputs, strict=True):
                outputs[call] = output_of(call[0], output)
            chat.ask(turn.human)
        assert model.text.strip() == "".join(text for text, _ in cut).strip()


def plugins_of(example, outputs) -> Iterator[Plugin]:
    """The example's plugins, which give those outputs."""
    for label, api, _ in example.plugins:
        name = api.partition("(")[0]

        def answer(first: str, second: str = "", third: str = "", *, name: str = name) -> Output:
            return outputs[tuple(part for part in (name, first, second, third) if part)]

        yield plugin(name, label=label, max_characters=100_000)(answer)


def output_of(name: str, output) -> Output:
    if isinstance(output, tuple):
        return tuple(Hit(text) for text in output)
    if output == DRAWN:
        return (Picture("x.png"),)
    return tuple(output.splitlines()) if name == "Solve" and output else output


def test_the_file_has_the_records_of_the_conversations(examples, tmp_path: Path):
    made = tmp_path / "conversations.jsonl"
    command = [sys.executable, "-m", "examples.mini.make_data", "--count", "20", "--out", str(made)]
    subprocess.run(command, check=True, cwd=ROOT)
    records = [json.loads(line) for line in made.read_text(encoding="utf-8").splitlines()]
    assert records == [record(example, f"mini_{number}") for number, example in enumerate(examples[:20], 1)]
