"""The package without extras, in an environment of its own: few packages, no torch, a model that a server has.

One test, for the environment takes a minute to make and each process of a test run would make its own.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.engine.backends.remote.raw_server import Answer, RawServer, serving, stream

ROOT = Path(__file__).parents[1]
MOST_PACKAGES, MOST_BYTES = 30, 250_000_000
COMMANDS = ["ask", "chat", "image", "plugins", "models", "search", "log", "doctor"]
NEEDING = [
    ("mini", ["ask", "Hi"]),
    ("mini", ["chat"]),
    ("mini", ["models", "pull", "mini"]),
    ("local", ["ask", "--dtype", "fp32", "Hi"]),
    ("local", ["ask", "--model", "some/model", "Hi"]),
    ("local", ["models", "pull", "some/model"]),
    ("local", ["models", "info", "mini"]),
    ("local", ["models", "convert", "a", "b"]),
    ("images", ["image", "a fox"]),
    ("images", ["image", "--repeat", "fox.png"]),
    ("images", ["plugins", "run", "text_to_image", "a fox"]),
    ("search", ["plugins", "run", "web_search", "moss"]),
    ("documents", ["search", "status"]),
    ("documents", ["search", "index", "."]),
    ("documents", ["search", "query", "moss"]),
]
"""Extras, and commands that need them."""
Program = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This checkout as a wheel."""
    folder = tmp_path_factory.mktemp("built")
    reached = _pip(Path(sys.executable), "download", "--no-deps", "--dest", str(folder / "reached"), "hatchling")
    if reached.returncode:
        pytest.skip(f"pip reaches no package index: {reached.stderr.strip().splitlines()[-1]}")
    done = _pip(Path(sys.executable), "wheel", "--no-deps", "--wheel-dir", str(folder), str(ROOT))
    assert done.returncode == 0, done.stderr
    return next(folder.glob("*.whl"))


@pytest.fixture
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A virtual environment with the wheel, installed without extras."""
    folder = tmp_path_factory.mktemp("small")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    _install(folder / "venv", str(wheel))
    yield folder / "venv"
    shutil.rmtree(folder)


def _install(environment: Path, what: str) -> None:
    done = _pip(environment / "bin/python", "install", "-c", str(ROOT / "constraints.txt"), what)
    assert done.returncode == 0, done.stderr


def _pip(python: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=_variables())


def _variables() -> dict[str, str]:
    """The environment as a user has it: with the mini model as it is computed by default."""
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "MOSS_AGENT_DTYPE")}


@pytest.fixture
def program(environment: Path, tmp_path: Path) -> Program:
    """Runs the environment's `moss-agent` in an empty folder."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [environment / "bin/moss-agent", *arguments]
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd=tmp_path, env=_variables()
        )

    return run


def text(written: str) -> Answer:
    """The answer of a completions server that writes this."""
    chunks = [{"choices": [{"text": word}]} for word in written.splitlines(keepends=True)]
    return stream(*(f"data: {json.dumps(chunk)}\n\n".encode() for chunk in chunks), b"data: [DONE]\n\n")


def check_that_it_is_few_packages_and_small(environment: Path) -> None:
    listed = json.loads(_pip(environment / "bin/python", "list", "--format", "json").stdout)
    packages = {package["name"].lower() for package in listed}
    assert "moss-agent" in packages and len(packages) <= MOST_PACKAGES
    assert not packages & {"torch", "transformers", "diffusers", "trafilatura", "lxml", "pillow", "tqdm"}
    files = [path for path in environment.rglob("*") if path.is_file() and not path.is_symlink()]
    assert sum(path.stat().st_size for path in files) < MOST_BYTES


def check_that_every_command_has_its_help(program: Program) -> None:
    for command in COMMANDS:
        done = program(command, "--help")
        assert (done.returncode, done.stderr) == (0, "") and "examples:" in done.stdout


def check_that_plugins_without_their_extra_are_listed_as_such(program: Program) -> None:
    done = program("plugins", "list")
    assert (done.returncode, done.stderr) == (0, "")
    keys = [line.split()[0] for line in done.stdout.splitlines()]
    assert keys == ["KEY", "calculator", "equation_solver", "text_to_image", "settings:", "needs:"] + [
        *("web_search", "settings:", "needs:")
    ]
    needs = [line.strip() for line in done.stdout.splitlines() if line.startswith("  needs: ")]
    assert needs == [f"needs: pip install 'moss-agent[{extra}]'" for extra in ("images", "search")]


def check_that_the_exact_plugins_run(program: Program) -> None:
    done = program("plugins", "run", "calculator", "37*89")
    assert (done.stdout, done.stderr) == ("3293\n", "")
    done = program("plugins", "run", "equation_solver", "x+y=35;2x+4y=94")
    assert (done.stdout, done.stderr) == ("x = 23\ny = 12\n", "")


def check_that_a_model_on_a_server_answers_with_plugins(program: Program) -> None:
    said = [" It is a product.<eot>\n", ' Calculate("37*89")<eoc>\n', " It is 3293.<eom>\n"]
    with serving(server := RawServer({"/v1/completions": [text(written) for written in said]})):
        done = program("ask", "--json", "--server", server.url, "--family", "moss", "What is 37*89?")
    assert (done.returncode, done.stderr) == (0, "")
    reply = json.loads(done.stdout.splitlines()[-1])
    assert reply["text"] == "It is 3293."
    assert [(call["name"], call["result"]) for call in reply["calls"]] == [("Calculate", "3293")]
    asked = next(request for request in server.requests if "/v1/completions" in request)
    assert "Calculator: enabled" in asked and "Web search: disabled" in asked and "Text-to-image: disabled" in asked


def check_that_what_needs_an_extra_says_in_one_line_what_to_install(program: Program) -> None:
    for extra, arguments in NEEDING:
        done = program(*arguments)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
        assert done.stderr.endswith(f" is not installed: pip install 'moss-agent[{extra}]'\n")


def check_that_mini_needs_no_torch(wheel: Path, environment: Path, program: Program) -> None:
    _install(environment, f"{wheel}[mini]")
    assert "3293" in program("ask", "--no-log", "What is 37*89?").stdout.replace(",", "")
    listed = json.loads(_pip(environment / "bin/python", "list", "--format", "json").stdout)
    assert not {package["name"] for package in listed} & {"torch", "transformers"}


def check_that_a_plugin_that_is_named_says_what_it_needs(program: Program) -> None:
    with serving(server := RawServer({})):
        done = program("ask", "--server", server.url, "--plugins", "calculator,web_search", "Hi")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith("pip install 'moss-agent[search]'\n") and done.stderr.count("\n") == 1


@pytest.mark.slow
def test_the_package_without_extras_and_with_mini(wheel: Path, environment: Path, program: Program) -> None:
    check_that_it_is_few_packages_and_small(environment)
    check_that_every_command_has_its_help(program)
    check_that_plugins_without_their_extra_are_listed_as_such(program)
    check_that_the_exact_plugins_run(program)
    check_that_a_model_on_a_server_answers_with_plugins(program)
    check_that_what_needs_an_extra_says_in_one_line_what_to_install(program)
    check_that_a_plugin_that_is_named_says_what_it_needs(program)
    check_that_mini_needs_no_torch(wheel, environment, program)
