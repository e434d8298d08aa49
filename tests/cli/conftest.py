from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from moss_agent.cli import main

ROOT = Path(__file__).parents[2]
Program = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """Runs `moss-agent` in a process of its own, in an empty folder, without the user's settings."""

    def run(*arguments: str, stdin: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "moss_agent", *arguments]
        own = {"PYTHONPATH": str(ROOT), "MOSS_AGENT_SETTINGS": "", "OMP_NUM_THREADS": "1"}
        own["XDG_CONFIG_HOME"] = str(tmp_path / "config")
        environment = {**os.environ, **own, **variables}
        return subprocess.run(
            command, input=stdin, capture_output=True, encoding="utf-8", cwd=tmp_path, env=environment
        )

    return run


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Program:
    """Runs `moss-agent` in this process, in an empty folder: what is imported for one test is there for the next."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        monkeypatch.chdir(tmp_path)
        with open(os.devnull) as nothing:
            monkeypatch.setattr(sys, "stdin", nothing)
            code = main(arguments)
        return subprocess.CompletedProcess(arguments, code, *capfd.readouterr())

    return run


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests that start the program as slow: each start imports it anew."""
    for item in items:
        if "program" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)
