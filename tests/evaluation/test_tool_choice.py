"""The commands that `bench/tool_choice.py` counts."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from plugins.calculator import calculate
from tests.scripted import ScriptedModel, SlowSession, scripted_runtime

BENCH = runpy.run_path(str(Path(__file__).parents[2] / "bench" / "tool_choice.py"))
choose: Callable[..., Any] = BENCH["choose"]


class SlowModel(ScriptedModel):
    session_type = SlowSession


def test_commands_count_that_are_written_after_an_earlier_one_is_done() -> None:
    replies = [" Two sums.<eot>", ' Calculate("1+2"), Calculate("3+4"), Calculate("5+6")<eoc>', " 3, 7, 11.<eom>"]
    row = {"human": "<|Human|>: 1+2, 3+4, 5+6?<eoh>", "parsed_commands": [{"name": "Calculate"}]}
    with scripted_runtime(SlowModel(replies), [BENCH["stand_in"](calculate)]) as runtime:
        choice, written = choose(runtime.chat(), row, speaks_first=False)
    assert choice.right and written == ["Calculate(1+2)", "Calculate(3+4)", "Calculate(5+6)"]


def test_a_file_without_first_turns_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "turns.jsonl").write_text('{"turn": 2, "human": "two\u2028lines"}\n', encoding="utf-8")
    monkeypatch.setattr("sys.argv", ["tool_choice.py", str(tmp_path / "turns.jsonl")])
    with pytest.raises(SystemExit):
        BENCH["main"]()
    assert "has no first turn: name a file with rows of turn 1" in capsys.readouterr().err
