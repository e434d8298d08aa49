"""`models`: the table, and fetching ahead of time."""

from __future__ import annotations

import json
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
    monkeypatch.setattr(mini, "prepare_onnx", lambda: Path("/cache/mini"))
    assert cli.main(["models", "pull", "mini"]) == 0
    assert "/cache/mini" in capsys.readouterr().out


@pytest.mark.slow  # imports torch
def test_the_name_of_a_folder_cannot_steer_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "\x1b[31mred"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "moss"}))
    assert cli.main(["models", "pull", str(folder)]) == 0
    cli.main(["models", "info", str(folder), "--device", "cpu", "--dtype", "fp32", "--max-memory", "cpu=999GB"])
    said = "".join(capsys.readouterr())
    assert "\x1b" not in said and said.count(f"{tmp_path}/red") == 2


@pytest.mark.slow  # imports torch
def test_info_needs_the_config_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sizes = {"n_embd": 6144, "n_layer": 34, "n_head": 24}
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "moss", "auto_map": {}, **sizes}))
    asked = ["models", "info", str(tmp_path), "--device", "cpu", "--dtype", "bf16", "--max-memory"]
    assert cli.main([*asked, "cpu=36GB"]) == 0
    told = capsys.readouterr().out
    assert "16,717,980,160 parameters" in told
    assert told.splitlines()[-1].split() == ["CPU", "memory", "35.1", "GB"]
    assert cli.main([*asked, "cpu=20GB"]) == 1
    assert "usable are CPU memory 20.0 GB: --quantize int8 would make it fit" in capsys.readouterr().err
