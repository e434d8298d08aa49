"""The generated conversations: reproducible, varied, right, and cut into tokens as the agent cuts them."""

from __future__ import annotations

import ast
import itertools
import math
import re

import pytest

from moss_agent import Agent
from moss_agent.engine.sampling import Sampling
from moss_agent.plugin_host import PluginRunner, load_folder
from moss_agent.protocol import check_citations, first_marker, parse_commands
from moss_agent.resources import bundled
from moss_agent.training.examples import generate
from moss_agent.training.mini import batches, padded_length, pieces, tokenize
from tests.scripted import ScriptedSession

COUNT = 3000


@pytest.fixture(scope="module")
def examples():
    return list(itertools.islice(generate(0), COUNT))


def test_the_same_seed_gives_the_same_examples_and_another_others(examples):
    assert list(itertools.islice(generate(0), 200)) == examples[:200]
    assert list(itertools.islice(generate(1), 200)) != examples[:200]


def test_every_kind_and_language_is_there_and_examples_differ(examples):
    kinds = {example.kind for example in examples}
    assert {"search", "solver", "calculator", "drawing", "talk", "custom"} <= kinds
    assert {example.language for example in examples} == {"en", "zh"}
    assert len({example.turns[0].human for example in examples}) > 0.95 * COUNT


def test_turns_are_whole_and_contain_no_structure(examples):
    for example in examples:
        offered = {api.partition("(")[0] for _, api, enabled in example.plugins if enabled}
        for turn in example.turns:
            assert turn.human and turn.thoughts and turn.answer
            assert len(turn.commands) == len(turn.outputs)
            assert {name for name, _ in turn.commands} <= offered
            assert not first_marker(turn.thoughts + turn.answer)
            written = ", ".join(f'{name}("{argument}")' for name, argument in turn.commands)
            assert [(c.name, c.argument) for c in parse_commands(written)] == list(turn.commands)


def test_citations_point_at_hits(examples):
    for turn in (turn for example in examples for turn in example.turns):
        hits = sum(len(output) for output in turn.outputs if isinstance(output, tuple))
        assert check_citations(turn.answer, range(1, hits + 1))[1] == []


def test_calculations_are_right(examples):
    """Against the bundled calculator, called in this process."""
    calculate = {plugin.name: plugin for plugin in load_folder(bundled("plugins"))}["Calculate"]
    checked = 0
    for turn in (turn for example in examples for turn in example.turns):
        for (name, argument), output in zip(turn.commands, turn.outputs, strict=True):
            if name == "Calculate" and output is not None:
                assert math.isclose(float(calculate(argument)), float(output), rel_tol=1e-12), argument
                checked += 1
    assert checked > COUNT / 10


def test_solutions_of_linear_equations_are_right(examples):
    """By substitution, with nothing but Python's arithmetic."""
    checked = 0
    for turn in (turn for example in examples for turn in example.turns):
        for (name, argument), output in zip(turn.commands, turn.outputs, strict=True):
            values = dict(re.findall(r"^(\w+) = (-?\d+)$", output or "", re.M)) if name == "Solve" else {}
            if not values or set(re.findall("[a-z]+", argument)) != set(values):
                continue
            text = re.sub(r"(?<=[\d)])(?=[a-z(])|(?<=[a-z])(?=[a-z(])", "*", argument).replace("^", "**")
            for equation in text.split(";"):
                left, right = (eval_arithmetic(side, values) for side in equation.split("="))
                assert math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-9), (argument, output)
                checked += 1
    assert checked > COUNT / 10


def eval_arithmetic(text: str, values: dict[str, str]) -> float:
    """The generator's own text, made of digits, operators and one-letter names."""
    assert re.fullmatch(r"[\d\s.+\-*/()a-z]+", text), text
    names = {name: float(value) for name, value in values.items()}
    return eval(compile(ast.parse(text.strip(), mode="eval"), "", "eval"), {"__builtins__": {}}, names)


def test_training_text_is_what_the_agent_feeds_and_reads(examples):
    """The pieces of an example, fed to an agent as the model's replies, give the same text in its session."""

    class Answers(PluginRunner):
        def __init__(self, example) -> None:
            super().__init__([])
            self.plugins = {api.partition("(")[0]: None for _, api, _ in example.plugins}
            self.outputs = {}

        def run(self, name, arguments):
            return self.outputs[name, arguments[0]]

    from moss_agent.checkpoints.families import load_family
    from moss_agent.events import Hit, Picture
    from moss_agent.protocol import DRAWN, Capability

    def output_of(name, output):
        if isinstance(output, tuple):
            return tuple(Hit(text) for text in output)
        if output == DRAWN:
            return (Picture("x.png"),)
        return tuple(output.splitlines()) if name == "Solve" and output else output

    for example in examples[:150]:
        written = [text for text, learn in pieces(example) if learn]
        session, runner = ScriptedSession(written), Answers(example)
        runner.turn = lambda runner=runner: _Immediate(runner)
        enabled = [Capability(label, api) for label, api, on in example.plugins if on]
        preamble = load_family("mini").preamble.render(enabled)
        agent = Agent(session, runner, preamble=preamble, sampling=Sampling())
        for turn in example.turns:
            for (name, argument), output in zip(turn.commands, turn.outputs, strict=True):
                runner.outputs[name, argument] = output_of(name, output)
            agent.ask(turn.human)
        assert session.text.strip() == "".join(text for text, _ in pieces(example)).strip()


class _Immediate:
    """A turn's calls whose outcomes are there at once, whatever plugin is called."""

    def __init__(self, runner) -> None:
        self.runner, self.outcomes = runner, []

    def start(self, index, name, arguments) -> None:
        from moss_agent.plugin_host import Outcome

        output = self.runner.run(name, arguments)
        self.outcomes.append(Outcome(index, output, "" if output is not None else "nothing", 0.0))

    def finished(self, wait):
        while self.outcomes:
            yield self.outcomes.pop(0)


class Words:
    """Counts characters as tokens: enough for batches."""

    def encode(self, text: str, add_special_tokens: bool) -> list[int]:
        return [ord(character) for character in text]


def test_loss_is_taken_on_what_the_model_writes(examples):
    ids, written = tokenize(examples[0], Words())
    learned = "".join(chr(i) for i, learn in zip(ids, written, strict=True) if learn)
    assert learned == "".join(text for text, learn in pieces(examples[0]) if learn)
    assert learned.startswith(f" {examples[0].turns[0].thoughts}<eot>")


def test_batches_are_reproducible_and_bounded():
    first, second = (list(itertools.islice(batches(0, Words()), 40)) for _ in range(2))
    assert first == second
    assert all(len(batch) * max(map(padded_length, batch)) <= 2048 or len(batch) == 1 for batch in first)
