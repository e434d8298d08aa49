"""`models`: the table, and fetching ahead of time."""

from __future__ import annotations

from pathlib import Path

import pytest

from moss_agent import cli
from moss_agent.checkpoints import mini
from tests.cli.conftest import Program


def test_list_names_sizes_and_licences(program: Program) -> None:
    lines = program("models", "list").stdout.splitlines()
    assert lines[0].split() == ["MODEL", "SIZE", "LICENCE", "CONTEXT", "LANGUAGES", "WHAT", "IT", "IS"]
    assert lines[1].startswith("mini ")
    assert "Apache-2.0" in lines[1]


def test_pull_prepares_the_mini(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(mini, "prepare", lambda: Path("/cache/mini"))
    assert cli.main(["models", "pull", "mini"]) == 0
    assert "/cache/mini" in capsys.readouterr().out
