"""Whatever a plugin does to the process, the program goes on, answers in order and ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from moss_agent.plugin_host import probe
from tests.cli.conftest import ROOT, Program
from tests.cli.test_terminal import Terminal

RUDE = """
import concurrent.futures, os, sys, threading, time
from moss_agent import PluginError, plugin

class Exits(PluginError):
    def __str__(self):
        raise SystemExit(7)

class Interrupts(Exception):
    def __str__(self):
        raise KeyboardInterrupt

class Fails:
    def __del__(self):
        raise ValueError("at its end")

def wait():
    time.sleep(1000)

@plugin("Rude", label="Rude")
def rude(deed: str) -> str:
    if deed == "read":
        return repr((sys.stdin.readline(), os.read(0, 100), sys.stdin.buffer.read()))
    if deed == "close":
        for stream in (sys.stdin, sys.stdout, sys.stderr):
            stream.close()
    if deed == "close deeply":
        sys.stdout.buffer.close()
        os.close(1)
        os.close(2)
    if deed == "replace":
        sys.stdout = sys.stderr = None
    if deed == "leave":
        os.chdir("/")
    if deed == "thread":
        threading.Thread(target=wait, daemon=False).start()
    if deed == "pool":
        concurrent.futures.ThreadPoolExecutor().submit(wait)
    if deed == "fail aside":
        threads = [threading.Thread(target=target) for target in (lambda: int("two\\nlines"), sys.exit)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()  # the program does not wait for them at its end
        Fails()
    if deed == "exit":
        raise Exits
    if deed == "interrupt":
        raise Interrupts
    return os.getcwd()
"""
HIDING = """
import sys
from moss_agent import plugin

class Touchy:
    @property
    def __class__(self):
        raise SystemExit(6)

first = Touchy()

@plugin("Hiding{number}", label="Hiding {number}", isolated=True)
def hiding_{number}(text: str) -> str:
    return text

touchy = Touchy()
{deed}
"""
AT_IMPORT = {
    "at_once": "import os; os._exit(0)",
    "exit": "raise SystemExit('bye')",
    "interrupt": "raise KeyboardInterrupt",
    "crash": "import faulthandler; faulthandler._sigsegv()",
    "str": "class Odd(Exception):\n    def __str__(self):\n        import os\n        os._exit(0)\nraise Odd",
    "read": "input()",
    "kill": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
}
DEEDS = ["read", "close", "close deeply", "replace", "leave", "thread", "pool", "exit", "interrupt", "last"]


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "rude.py").write_text(RUDE)
    return folder


def test_every_line_is_answered_whatever_the_plugin_did_before(program: Program, mine: Path, tmp_path: Path) -> None:
    lines = [json.dumps({"id": deed, "tool": "Rude", "argument": deed}) for deed in DEEDS]
    done = program("plugins", "run", "--jsonl", "--plugin-dir", str(mine), stdin="\n".join(lines))
    assert done.returncode == 0
    answers = {answer["id"]: answer for answer in map(json.loads, done.stdout.splitlines())}
    assert list(answers) == DEEDS
    assert answers["read"]["result"] == "('', b'', b'')"
    assert {answers[deed]["error"] for deed in ("exit", "interrupt")} == {
        "it cannot say why",
        "Rude failed: Interrupts: it cannot say why",
    }
    assert str(tmp_path) in answers["last"]["result"]


def test_what_nobody_can_catch_is_one_line(program: Program, mine: Path) -> None:
    call = json.dumps({"id": 1, "tool": "rude", "argument": "fail aside"})
    done = program("plugins", "run", "--jsonl", "--plugin-dir", str(mine), stdin=call)
    assert json.loads(done.stdout)["ok"] and done.returncode == 0
    assert sorted(done.stderr.splitlines()) == [
        "note: a finalizer failed: ValueError: at its end",
        "note: a thread failed: ValueError: invalid literal for int() with base 10: 'two\\nlines'",
    ]
    debugged = program("plugins", "run", "--debug", "--jsonl", "--plugin-dir", str(mine), stdin=call)
    assert debugged.stderr.count("Traceback") == 2


def test_a_file_that_ends_the_process_at_import_is_one_line(program: Program, mine: Path) -> None:
    for name, text in AT_IMPORT.items():
        (mine / f"bad_{name}.py").write_text(text)
    checked = program("plugins", "check", str(mine))
    assert (checked.returncode, checked.stdout) == (1, "- Rude: enabled. API: Rude(deed)\n")
    listed = program("plugins", "list", "--plugin-dir", str(mine))
    assert listed.returncode == 0 and "Rude(deed)" in listed.stdout and "calculator" in listed.stdout
    for stderr, beginning in ((checked.stderr, ""), (listed.stderr, "note: ")):
        told = [
            f"{beginning}plugin bad_{name}: {mine / f'bad_{name}.py'} does not load: " for name in sorted(AT_IMPORT)
        ]
        lines = stderr.splitlines()
        assert len(lines) == len(told)
        assert all(line.startswith(each) for line, each in zip(lines, told, strict=True)), stderr


def test_a_module_that_hides_itself_is_found(program: Program, mine: Path) -> None:
    deeds = ["del sys.modules[__name__]", "sys.modules[__name__] = None", "__file__ = 1"]
    for number, deed in enumerate(deeds):
        (mine / f"hiding_{number}.py").write_text(HIDING.format(deed=deed, number=number))
    listed = program("plugins", "list", "--plugin-dir", "mine")
    for number, deed in enumerate(deeds):
        assert listed.returncode == 0 and str(mine / f"hiding_{number}.py") in listed.stdout, listed.stderr
        done = program("plugins", "run", "--plugin-dir", "mine", f"hiding_{number}", "text")
        assert (done.returncode, done.stdout, done.stderr) == (0, "text\n", ""), deed


@pytest.mark.slow
def test_a_file_that_never_ends_its_import_is_one_line(
    command: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "SECONDS", 0.5)
    (tmp_path / "bad.py").write_text("import time\n\nwhile True:\n    time.sleep(1)\n")
    checked = command("plugins", "check", "bad.py")
    assert (checked.returncode, checked.stdout) == (1, "")
    assert "its import takes longer than 0.5 s: do in the function what takes long" in checked.stderr
    assert checked.stderr.count("\n") == 1


def test_what_a_file_does_to_the_process_at_import_is_undone(program: Program, mine: Path) -> None:
    (mine / "bad.py").write_text(
        "import atexit, os, sys, threading, time\n"
        "threading.Thread(target=time.sleep, args=(1000,)).start()\n"
        "os.chdir('/')\nsys.stdout.close()\nsys.stdout = sys.stderr = None\n"
    )
    done = program("plugins", "run", "rude", "last", "--plugin-dir", "mine")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{mine.parent}\n", "")


def test_the_next_line_of_a_terminal_is_for_the_program(tmp_path: Path) -> None:
    script = (
        "import sys, threading\n"
        "from moss_agent.cli import streams\n"
        "streams.take()\n"
        "print('ready', flush=True)\n"
        "for _ in range(2):\n"
        "    with streams.own_stdout() as out:\n"
        "        taken = sys.stdin.readline()\n"
        "        sys.stdin.close()\n"
        "        sys.stdout.close()\n"
        "        print(repr((taken, streams.prompt_line('> ', 1000))), file=out, flush=True)\n"
        "        sys.stdin = open(0, closefd=False)\n"
    )
    terminal = Terminal("-c", script, folder=tmp_path)
    try:
        for line in ("one", "two"):
            terminal.type(f"{line}\n")
            terminal.read_until(rf"\('', '{line}'\)")
        assert terminal.process.wait(60) == 0
    finally:
        terminal.close()


@pytest.mark.parametrize("module", ["moss_agent.cli", "moss_agent.errors", "argparse", "moss_agent.cli.plugins"])
def test_an_interrupt_while_the_program_is_imported_ends_it_quietly(tmp_path: Path, module: str) -> None:
    script = (
        "import runpy, signal, sys\n"
        "class Interrupting:\n"
        "    def find_spec(self, name, *_):\n"
        f"        if name == {module!r}:\n"
        "            signal.raise_signal(signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupting())\n"
        "sys.argv = ['moss-agent', 'plugins', 'list']\n"
        "runpy.run_module('moss_agent', run_name='__main__')\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", cwd=tmp_path, env=environment)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")
