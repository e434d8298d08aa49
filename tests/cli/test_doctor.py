"""`doctor`: what it finds, and what it says of what is broken."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from moss_agent.http import sending

pytestmark = pytest.mark.slow  # asks torch for the devices


def findings(done) -> dict[str, dict]:
    """The findings of `--json` by what they are about."""
    return {finding["about"]: finding for finding in map(json.loads, done.stdout.splitlines())}


def test_what_works_is_said(command) -> None:
    done = command("doctor", "--json")
    found = findings(done)
    assert found["plugin calculator"]["text"] == "works: 37*89 is 3293"
    assert found["plugin equation_solver"]["state"] == "ok"
    assert done.returncode == 0 and not any(one["state"] == "problem" for one in found.values())


def test_people_get_lines_in_columns(command) -> None:
    lines = command("doctor").stdout.splitlines()
    assert any(line.startswith("✓ plugin calculator       works") for line in lines)


def test_a_broken_plugin_is_a_problem(command, tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("1 / 0")
    done = command("doctor", "--json", "--plugin-dir", str(tmp_path))
    assert done.returncode == 1
    assert "ZeroDivisionError" in findings(done)["plugin"]["text"]


@pytest.mark.parametrize("content", ["x = ", 'nothing = "x"'])
def test_broken_settings_are_a_problem_and_the_rest_is_looked_at(command, tmp_path, monkeypatch, content) -> None:
    (tmp_path / "settings.toml").write_text(content)
    monkeypatch.setenv("MOSS_AGENT_SETTINGS", str(tmp_path / "settings.toml"))
    done = command("doctor", "--json")
    found = findings(done)
    assert (
        done.returncode == 1 and found["settings"]["state"] == "problem" and found["plugin calculator"]["state"] == "ok"
    )


@pytest.mark.parametrize(
    ("content", "about", "told"),
    [
        ("temperature = -3.0", "settings", "temperature must be"),
        ('family = "qwen"', "settings", "no model family 'qwen'"),
        ('[plugins]\nenabled = ["calculater"]', "plugins", "no plugin 'calculater'"),
        ("[plugins.calculater]", "plugins", "[plugins.calculater] of an unknown plugin"),
        ('[approval]\ncalculater = "ask"', "plugins", "a rule for 'calculater'"),
    ],
)
def test_settings_with_which_no_model_opens_are_a_problem(command, tmp_path, monkeypatch, content, about, told) -> None:
    (tmp_path / "settings.toml").write_text(content)
    monkeypatch.setenv("MOSS_AGENT_SETTINGS", str(tmp_path / "settings.toml"))
    done = command("doctor", "--json")
    found = findings(done)[about]
    assert done.returncode == 1 and found["state"] == "problem" and told in found["text"]
    assert str(tmp_path / "settings.toml") in found["remedy"]


def test_a_server_that_is_not_there_is_a_problem(command, monkeypatch) -> None:
    monkeypatch.setattr(sending, "PAUSE", 0.001)  # before it asks the server again
    done = command("doctor", "--json", "--server", "http://127.0.0.1:9")
    assert done.returncode == 1 and "127.0.0.1:9" in findings(done)["server"]["text"]


def test_a_history_that_cannot_be_written_is_a_problem(command, tmp_path, monkeypatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("MOSS_AGENT_HISTORY", str(tmp_path / "file" / "history.sqlite"))
    found = findings(command("doctor", "--json"))["history"]
    assert found["state"] == "problem" and "may not be written" in found["text"]


def test_a_damaged_history_is_a_problem(command, tmp_path, monkeypatch) -> None:
    (tmp_path / "history.sqlite").write_bytes(b"no database" * 500)
    monkeypatch.setenv("MOSS_AGENT_HISTORY", str(tmp_path / "history.sqlite"))
    assert findings(command("doctor", "--json"))["history"]["state"] == "problem"
