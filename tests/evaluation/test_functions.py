"""BFCL's files, in the form in which they are published."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moss_agent.evaluation.cases import ExpectedCall, FunctionsCase
from moss_agent.evaluation.functions import category_of, fits, pair_off
from moss_agent.evaluation.reading import read_cases
from moss_agent.json_records import FaultyData

AREA = {
    "name": "geometry.triangle_area",
    "description": "Area of a triangle.",
    "parameters": {
        "type": "dict",
        "properties": {
            "base": {"type": "integer", "description": "The base."},
            "height": {"type": "float"},
            "sides": {"type": "array", "items": {"type": "float"}},
            "options": {"type": "dict", "properties": {"unit": {"type": "any"}}},
        },
        "required": ["base", "height"],
    },
}


def question(name: str, text: str, *functions: dict[str, Any]) -> dict[str, Any]:
    return {"id": name, "question": [[{"role": "user", "content": text}]], "function": list(functions or (AREA,))}


def right(name: str, *calls: dict[str, Any]) -> dict[str, Any]:
    return {"id": name, "ground_truth": list(calls)}


def folder(path: Path, **files: tuple[list[dict[str, Any]], list[dict[str, Any]]]) -> Path:
    """A folder of data files. files: questions and possible answers by category."""
    (path / "possible_answer").mkdir()
    for category, (questions, answers) in files.items():
        for place, records in ((path, questions), (path / "possible_answer", answers)):
            if records:
                lines = "".join(json.dumps(record) + "\n" for record in records)
                (place / f"BFCL_v4_{category}.json").write_text(lines)
    return path


BASE = {"geometry.triangle_area": {"base": [10], "height": [5, 5.0], "sides": ["", [1, 2]]}}


def test_functions_become_plugins_and_answers_expected_calls(tmp_path: Path) -> None:
    files = folder(
        tmp_path,
        simple_python=([question("simple_0", "Area?")], [right("simple_0", BASE)]),
        parallel=([question("parallel_0", "两个面积？")], [right("parallel_0", BASE, BASE)]),
        irrelevance=([question("irrelevance_0", "Hi?")], []),
        simple_java=([{"anything": 1}], []),
    )
    cases = read_cases(files)
    assert [(case.id, case.category, case.language) for case in cases] == [
        ("irrelevance_0", "irrelevance", "en"),
        ("parallel_0", "parallel", "zh"),
        ("simple_0", "simple_python", "en"),
    ]
    assert all(isinstance(case, FunctionsCase) for case in cases)
    assert [len(case.expected) for case in cases if isinstance(case, FunctionsCase)] == [0, 2, 1]
    (plugin,) = cases[0].functions  # type: ignore[attr-defined]
    assert (plugin.name, plugin.description) == ("geometry_triangle_area", "Area of a triangle.")
    assert plugin.schema == {
        "type": "object",
        "properties": {
            "base": {"type": "integer", "description": "The base."},
            "height": {"type": "number"},
            "sides": {"type": "array", "items": {"type": "number"}},
            "options": {"type": "object", "properties": {"unit": {}}},
        },
        "required": ["base", "height"],
        "additionalProperties": False,
    }
    assert plugin.bind([3], {"height": 2.5}) == {"base": 3, "height": 2.5}


def test_faulty_lines_are_named(tmp_path: Path) -> None:
    files = folder(
        tmp_path,
        simple=(
            [
                question("simple_0", "Area?"),
                question("simple_1", "Area?"),
                {"id": "simple_2"},
                {**question("simple_3", "Area?"), "question": [[], []]},
                {**question("simple_4", "Area?"), "function": [{"name": "f"}]},
            ],
            [right("simple_0", BASE), right("simple_2", BASE), right("simple_3", BASE), right("simple_4", BASE)],
        ),
    )
    with pytest.raises(FaultyData) as caught:
        read_cases(files)
    assert [fault.partition(": ")[0] for fault in caught.value.faults] == [
        f"{files}/BFCL_v4_simple.json, line {n}" for n in (2, 3, 4, 5)
    ]
    assert caught.value.faults[0].endswith("possible_answer has no answer with its id")


@pytest.mark.parametrize(
    ("name", "category"),
    [
        ("BFCL_v3_live_simple.json", "live_simple"),
        ("BFCL_v4_parallel_multiple.json", "parallel_multiple"),
        ("BFCL_v4_multi_turn_base.json", ""),
        ("BFCL_v4_simple_javascript.json", ""),
        ("notes.json", ""),
    ],
)
def test_which_files_are_read(name: str, category: str) -> None:
    assert category_of(name) == category


@pytest.mark.parametrize(
    ("written", "values", "right"),
    [
        ("New York, NY", ["new york ny"], True),
        ("it's", ['it"s'], True),
        (5, [5.0], True),
        ("5", [5], False),
        (True, [1], False),
        (True, [True, ""], True),
        (("1", "2.5"), [[1, 2.5]], True),
        (("true", "a b"), [[True, "A-B"]], True),
        (("1",), [[1, 2]], False),
        (("x",), [[1]], False),
        ("[1]", [[1]], False),
        ("x", [{"field": ["x"]}], False),
        (None, [""], False),
    ],
)
def test_values_of_arguments(written: Any, values: list[Any], right: bool) -> None:
    assert fits({"value": written}, ExpectedCall("f", {"value": tuple(values)})) == right


def test_what_may_be_left_out_may_be() -> None:
    expected = ExpectedCall("f", {"a": (1,), "b": ("", 2)})
    assert fits({"a": 1}, expected) and fits({"a": 1, "b": 2}, expected)
    assert not fits({"b": 2}, expected) and not fits({"a": 1, "c": 3}, expected)


def test_what_a_function_requires_may_not_be_left_out(tmp_path: Path) -> None:
    answer = {"geometry.triangle_area": {"base": [10], "height": [5, ""], "sides": [[1, 2], ""]}}
    (case,) = read_cases(folder(tmp_path, simple=([question("simple_0", "Area?")], [right("simple_0", answer)])))
    assert isinstance(case, FunctionsCase)
    assert fits({"base": 10, "height": 5}, case.expected[0]) and fits({"base": 10, "height": ""}, case.expected[0])
    assert not fits({"base": 10}, case.expected[0])


@given(st.lists(st.sets(st.integers(0, 4)).map(sorted), max_size=4))
def test_pairs_are_found_exactly_where_every_group_has_enough_to_choose_from(fitting: list[list[int]]) -> None:
    """Hall's theorem."""
    groups = [[fitting[i] for i in range(len(fitting)) if mask >> i & 1] for mask in range(1 << len(fitting))]
    assert pair_off(fitting) == all(len(set().union(*group)) >= len(group) for group in groups)
