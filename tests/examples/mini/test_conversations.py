"""The generated conversations: reproducible, varied and right."""

from __future__ import annotations

import ast
import hashlib
import itertools
import json
import math
import re
from dataclasses import astuple

from examples.mini.conversations import generate
from moss_agent.plugin_host import load_folder
from moss_agent.protocol import Command, check_citations, first_marker, parse_commands
from moss_agent.resources import bundled

# Of 3,000 conversations: changes of generators and of most of the data show here, of rare words they may not.
SHA256 = "2967106732f59b72dabe6dc7fc73f6b0f87107024fe6e54c11653c7d019822bd"


def test_the_same_seed_gives_the_same_examples_and_another_others(examples):
    assert list(itertools.islice(generate(0), 200)) == examples[:200]
    assert list(itertools.islice(generate(1), 200)) != examples[:200]


def test_the_conversations_are_those_of_before(examples):
    text = json.dumps([astuple(example) for example in examples], ensure_ascii=False)
    assert hashlib.sha256(text.encode()).hexdigest() == SHA256


def test_every_kind_and_language_is_there_and_examples_differ(examples):
    kinds = {example.kind for example in examples}
    assert kinds == {"problems", "search", "drawing", "talk", "custom"}
    assert {example.language for example in examples} == {"en", "zh"}
    assert len({example.turns[0].human for example in examples}) > 0.95 * len(examples)


def test_turns_are_whole_and_contain_no_structure(examples):
    for example in examples:
        offered = {api.partition("(")[0] for _, api, enabled in example.plugins if enabled}
        for turn in example.turns:
            assert turn.human and turn.thoughts and turn.answer
            assert len(turn.commands) == len(turn.outputs)
            assert {name for name, *_ in turn.commands} <= offered
            assert not first_marker(turn.thoughts + turn.answer)
            written = ", ".join(str(Command(name, tuple(arguments))) for name, *arguments in turn.commands)
            assert [(c.name, *c.texts) for c in parse_commands(written)] == list(turn.commands)


def test_calls_have_as_many_arguments_as_their_plugin_in_this_conversation(examples):
    parameters: dict[str, set[int]] = {}
    for example in examples:
        offered = {api.partition("(")[0]: (label, api.count(",") + 1) for label, api, _ in example.plugins}
        for name, *arguments in (command for turn in example.turns for command in turn.commands):
            label, count = offered[name]
            assert len(arguments) == count
            parameters.setdefault(label, set()).add(count)
    assert {1, 2} in parameters.values() and {2, 3} in parameters.values()


def test_citations_point_at_hits(examples):
    for turn in (turn for example in examples for turn in example.turns):
        hits = sum(len(output) for output in turn.outputs if isinstance(output, tuple))
        assert check_citations(turn.answer, range(1, hits + 1))[1] == []


def test_calculations_are_right(examples):
    """Against the bundled calculator, called in this process."""
    calculate = {plugin.name: plugin for plugin in load_folder(bundled("plugins"))}["Calculate"]
    checked = 0
    for turn in (turn for example in examples for turn in example.turns):
        for (name, argument, *_), output in zip(turn.commands, turn.outputs, strict=True):
            if name == "Calculate" and output is not None:
                assert math.isclose(float(calculate(argument)), float(output), rel_tol=1e-12), argument
                checked += 1
    assert checked > len(examples) / 10


def test_solutions_of_linear_equations_are_right(examples):
    """By substitution, with nothing but Python's arithmetic."""
    checked = 0
    for turn in (turn for example in examples for turn in example.turns):
        for (name, argument, *_), output in zip(turn.commands, turn.outputs, strict=True):
            values = dict(re.findall(r"^(\w+) = (-?\d+)$", output or "", re.M)) if name == "Solve" else {}
            if not values or set(re.findall("[a-z]+", argument)) != set(values):
                continue
            text = re.sub(r"(?<=[\d)])(?=[a-z(])|(?<=[a-z])(?=[a-z(])", "*", argument).replace("^", "**")
            for equation in text.split(";"):
                left, right = (eval_arithmetic(side, values) for side in equation.split("="))
                assert math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-9), (argument, output)
                checked += 1
    assert checked > len(examples) / 10


def eval_arithmetic(text: str, values: dict[str, str]) -> float:
    """The generator's own text, made of digits, operators and one-letter names."""
    assert re.fullmatch(r"[\d\s.+\-*/%()a-z]+", text), text
    names = {name: float(value) for name, value in values.items()}
    return eval(compile(ast.parse(text.strip(), mode="eval"), "", "eval"), {"__builtins__": {}}, names)
