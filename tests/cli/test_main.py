"""The program from outside: help, version, exit codes, one line per error, nothing loaded that is not needed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from moss_agent import __version__, cli
from moss_agent.errors import ContextFull
from moss_agent.http import sending
from tests.cli.conftest import ROOT, Program

HEAVY = {"asyncio", "huggingface_hub", "numpy", "platformdirs", "torch", "transformers"}


def test_alone_it_prints_its_help(program: Program) -> None:
    done = program()
    assert done.returncode == 0
    assert 'moss-agent ask "What is 37*89?"' in done.stdout
    assert done.stdout == program("--help").stdout


def test_version(program: Program) -> None:
    assert program("--version").stdout == f"moss-agent {__version__}\n"


@pytest.mark.parametrize("words", [["ask"], ["chat"], ["plugins"], ["plugins", "run"], ["models"]])
def test_every_command_has_help_with_examples(command: Program, words: list[str]) -> None:
    done = command(*words, "--help")
    assert done.returncode == 0
    assert f"moss-agent {' '.join(words)}" in done.stdout.partition("examples:")[2]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["frob"], "invalid choice: 'frob'"),
        (["ask", "--frob", "moss?"], "unrecognized arguments: --frob"),
        (["ask", "--seed", "x", "moss?"], "invalid int value: 'x'"),
        (["ask"], "what is the question"),
        (["ask", "--plugins", "frob", "moss?"], "no plugin 'frob'; there are: "),
        (["ask", "--family", "frob", "moss?"], "no model family 'frob'; there are: "),
        (["chat", "--load", "nowhere.json"], "nowhere.json"),
        (["chat", "--load", ""], "is empty: name one"),
        (["ask", "--quantize", "int2", "moss?"], "no quantization 'int2': use int8 or int4"),
        (["models", "info", "mini", "--quantize", "int2"], "no quantization 'int2': use int8 or int4"),
        (["ask", "--plugin-dir", "", "moss?"], "is empty: name one"),
        (["plugins", "list", "--plugin-dir", "~nosuchuser/x"], "no such home folder"),
        (["plugins", "check", "~nosuchuser/x"], "no such home folder"),
        (["plugins", "check", "a" * 5000], "File name too long"),
        (["search", "index", "~nosuchuser/x"], "no such home folder"),
        (["search", "query", "x", "--index", "/dev/zero"], "no document index"),
        (["image", "--repeat", "/dev/zero"], "is a device or pipe"),
        (["image", "a fox", "--out", ""], "is empty: name one"),
        (["ask", "--model", "~nosuchuser/x", "moss?"], "no such home folder"),
        (["models", "info", "a" * 5000], "File name too long"),
        (["plugins", "list", "a" * 5000], "a… (see moss-agent --help)"),
        pytest.param(["image", "a fox", "--size", "a" * 5000], "a…", marks=pytest.mark.slow),  # imports torch
        (["models", "pull", "no such name"], "no such name is no folder here"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(command: Program, arguments: list[str], told: str) -> None:
    done = command(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("moss-agent: ")
    assert told in done.stderr
    assert done.stderr.count("\n") == 1


def test_approval_of_what_is_no_plugin_is_one_line_and_exit_code_2(program: Program, tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('[approval]\nnetwrk = "ask"\n')
    done = program("ask", "moss?", MOSS_AGENT_SETTINGS=str(file))
    assert done.returncode == 2
    assert done.stderr.startswith("moss-agent: [approval] has a rule for 'netwrk', which is no plugin or effect")
    assert done.stderr.count("\n") == 1


def test_debug_shows_where_an_error_comes_from(program: Program) -> None:
    done = program("ask", "--plugins", "frob", "moss?", "--debug")
    assert done.returncode == 2
    assert "Traceback" in done.stderr


def test_an_internal_error_says_how_to_see_more(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_: object) -> int:
        raise ZeroDivisionError("a\nbug")

    monkeypatch.setattr(cli, "_run", broken)
    assert cli.main(["models"]) == 1
    told = "moss-agent: internal error: ZeroDivisionError: a bug (run again with --debug)\n"
    assert capsys.readouterr().err == told


def test_an_interrupt_is_quiet(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_run", interrupted)
    assert cli.main(["models"]) == 130
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("arguments", "error", "code"),
    [
        (["--frob"], "usage_error", 2),
        ([], "usage_error", 2),
        (["--plugins", "frob", "moss?"], "usage_error", 2),
        (["--quantize", "int2", "moss?"], "usage_error", 2),
        (["--model", str(ROOT / "tests"), "moss?"], "checkpoint_error", 1),
        (["--server", "http://127.0.0.1:1", "moss?"], "server_error", 1),
    ],
)
def test_json_ends_with_an_error_that_says_what_stderr_says(
    command: Program, arguments: list[str], error: str, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "PAUSE", 0.001)  # before it asks the server again
    done = command("ask", "--json", *arguments)
    told = json.loads(done.stdout)
    assert (done.returncode, told["type"], told["error"]) == (code, "error", error)
    assert done.stderr == f"moss-agent: {told['message']}\n" and done.stderr.count("\n") == 1
    assert error != "checkpoint_error" or "config.json is missing" in done.stderr


@pytest.mark.parametrize(
    ("problem", "error", "message", "code"),
    [
        (KeyboardInterrupt(), "interrupted", "interrupted", 130),
        (ContextFull("too\nlong"), "context_full", "too long", 1),
        (ZeroDivisionError("a bug"), "internal_error", "internal error: ZeroDivisionError: a bug", 1),
    ],
)
def test_json_ends_with_an_error_whatever_happens(
    problem: BaseException,
    error: str,
    message: str,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def broken(_: object) -> int:
        raise problem

    monkeypatch.setattr(cli, "_run", broken)
    assert cli.main(["ask", "moss?", "--json"]) == code
    assert json.loads(capsys.readouterr().out) == {"type": "error", "error": error, "message": message}
    for arguments in (["ask", "--", "--json"], ["ask", "moss?"], ["search", "query", "--json", "x"]):
        assert cli.main(arguments) == code
        assert capsys.readouterr().out == ""


@pytest.mark.skipif(sys.platform == "win32", reason="pipes break otherwise there")
@pytest.mark.parametrize("arguments", [["plugins", "list"], ["plugins", "run", "--jsonl"]])
def test_a_reader_that_leaves_is_no_error(arguments: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "moss_agent", *arguments],
        input=b'{"tool": "frob"}\n',
        stdout=writing,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["frob"]])
def test_what_needs_no_model_loads_none(arguments: list[str], tmp_path: Path) -> None:
    code = f"import sys, moss_agent.cli as c\ntry: c.main({arguments!r})\nfinally: print(*sys.modules, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    loaded = set(done.stderr.split())
    assert "moss_agent.cli" in loaded
    assert not loaded & (HEAVY | {"moss_agent.cli.ask", "moss_agent.settings"})
