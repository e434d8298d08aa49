"""The wheel works alone, outside the checkout, with everything that ships in it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from moss_agent.extras import EXTRAS

ROOT = Path(__file__).parents[1]
EXTRA = re.compile(r'(?:MissingDependency\("[^"]+", |\b(?:need|missing)\(|\bextra=)"([^"]+)"')


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the unpacked wheel and nothing else of this project."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(folder / "site")
    return folder / "site"


def run(installed: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    command = [sys.executable, "-P" if sys.version_info >= (3, 11) else "-B", "-m", "moss_agent", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=installed.parent, env=environment)


@pytest.mark.slow
def test_bundled_plugins_run_from_the_wheel(installed):
    done = run(installed, "plugins", "run", "calculator", "37*89")
    assert done.stdout.strip() == "3293", done.stderr
    done = run(installed, "plugins", "run", "equation_solver", "x+y=35;2x+4y=94")
    assert done.stdout.split("\n")[:2] == ["x = 23", "y = 12"], done.stderr


@pytest.mark.slow
def test_the_wheel_names_its_command_and_its_extras(installed):
    (info,) = installed.glob("*.dist-info")
    entry_points = (info / "entry_points.txt").read_text()
    assert "moss-agent = moss_agent.__main__:main" in entry_points
    assert "[vllm.general_plugins]\nmoss = moss_agent.checkpoints.moss.vllm_plugin:register" in entry_points
    metadata = (info / "METADATA").read_text()
    sources = [*(ROOT / "plugins").rglob("*.py"), *(ROOT / "moss_agent").rglob("*.py")]
    named = {extra for path in sources for extra in EXTRA.findall(path.read_text("utf-8"))}
    assert set(EXTRAS) <= named
    assert {*EXTRAS, "all", "test"} == set(re.findall(r"^Provides-Extra: (\S+)$", metadata, re.MULTILINE))
    assert all(f"Provides-Extra: {extra}\n" in metadata for extra in named)
    assert "Requires-Dist: moss-agent" not in metadata  # `moss_agent.extras` reads whole lists


@pytest.mark.slow
def test_prompts_adapter_and_all_modules_are_in_the_wheel(installed):
    for name in (
        "_bundled/prompts/mini.toml",
        "_bundled/prompts/moss.toml",
        "checkpoints/adapter/README.md",
        "py.typed",
    ):
        assert (installed / "moss_agent" / name).is_file()
    adapter = installed / "moss_agent" / "checkpoints" / "adapter" / "adapter_model.safetensors"
    assert 1_000_000 < adapter.stat().st_size <= 20_000_000
    in_checkout = {path.relative_to(ROOT) for path in (ROOT / "moss_agent").rglob("*.py")}
    assert in_checkout <= {path.relative_to(installed) for path in (installed / "moss_agent").rglob("*.py")}


@pytest.mark.slow
def test_how_the_bundled_models_are_made_is_not_in_the_wheel(installed):
    files = {str(path.relative_to(installed)) for path in installed.rglob("*") if path.is_file()}
    assert {name.split("/")[0] for name in files} == {"moss_agent", next(installed.glob("*.dist-info")).name}
    modules = {name for name in files if name.startswith("moss_agent/training/")}
    assert modules == {f"moss_agent/training/{path.name}" for path in (ROOT / "moss_agent" / "training").glob("*.py")}


@pytest.mark.skipif(not shutil.which("make"), reason="no make on this system")
def test_make_asks_the_question_as_it_is_written(tmp_path):
    bin = tmp_path / ".venv" / "bin"
    bin.mkdir(parents=True)
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    (bin / "moss-agent").write_text('#!/bin/sh\nprintf %s "$3"\n')
    (bin / "moss-agent").chmod(0o755)
    (tmp_path / ".venv" / "installed").touch()
    for given, question in (
        (["Q=I have $20, not $(5) # or `$$`"], "I have $20, not $(5) # or `$$`"),
        ([], "What is 37*89?"),
    ):
        command = ["make", "--no-print-directory", "ask", *given]  # within `make test`, make would say where it is
        assert subprocess.check_output(command, cwd=tmp_path, text=True) == question
