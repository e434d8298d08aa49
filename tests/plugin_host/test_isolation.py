"""Isolated calls run in processes that may die, are reused, and end with the program."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from moss_agent.errors import MissingDependency, PluginContractError, PluginError
from moss_agent.plugin_host import PluginRunner, isolation, load_folder
from moss_agent.plugin_host.isolation import MOST

pytestmark = pytest.mark.slow

ISOLATED = """
import os
from pathlib import Path
from moss_agent import plugin, PluginError

class Odd(PluginError):
    def __init__(self, one, other):
        super().__init__(one + other)

@plugin("Work", label="Work", timeout=3600, isolated=True)
def work(text: str, *, suffix: str = "!") -> str:
    if text.startswith("spin "):
        Path(text.removeprefix("spin ")).touch()
        while True:
            pass
    if text == "exit":
        os._exit(3)
    if text == "quit":
        raise SystemExit("bye")
    if text == "interrupt":
        raise KeyboardInterrupt
    if text == "memory":
        return "x" * (1 << 40)
    if text == "refuse":
        raise PluginError("not this")
    if text == "odd":
        raise Odd("this", "that")
    if text == "pid":
        return str(os.getpid())
    return text + suffix
"""


SPIN = """
from moss_agent import plugin

@plugin("Spin", label="Spin", timeout=0.5, isolated=True)
def spin(text: str) -> str:
    while True:
        pass
"""


@pytest.fixture
def runner(tmp_path):
    (tmp_path / "work.py").write_text(ISOLATED)
    (tmp_path / "spin.py").write_text(SPIN)
    made = PluginRunner(load_folder(tmp_path), {"work": {"suffix": "?"}})
    yield made
    made.close()


def test_isolated_calls_run_in_one_reused_process_with_their_settings(runner):
    assert runner.run("Work", ["hello"]) == "hello?"
    assert runner.run("Work", ["pid"]) == runner.run("Work", ["pid"])


@pytest.mark.parametrize(
    ("name", "argument", "reason"),
    [
        ("Spin", "", r"took longer than 0\.5 s"),
        ("Work", "exit", "crashed its worker process"),
        ("Work", "quit", "SystemExit: bye"),
        ("Work", "interrupt", "KeyboardInterrupt"),
        ("Work", "memory", "MemoryError"),
        ("Work", "refuse", "^not this$"),
        ("Work", "odd", "^thisthat$"),
    ],
)
def test_whatever_an_isolated_call_does_the_next_one_is_answered(runner, name, argument, reason):
    with pytest.raises(PluginError, match=reason):
        runner.run(name, [argument])
    assert runner.run("Work", ["next"]) == "next?"


def wait_for(path: Path) -> None:
    while not path.exists():
        time.sleep(0.01)


def test_closing_ends_running_calls(runner, tmp_path):
    failures = []

    def call() -> None:
        try:
            runner.run("Work", [f"spin {tmp_path / 'spins'}"])
        except PluginError as error:
            failures.append(str(error))

    thread = threading.Thread(target=call)
    thread.start()
    wait_for(tmp_path / "spins")
    runner.close()
    thread.join()
    assert failures == ["Work was ended with the agent"]
    with pytest.raises(PluginError, match="has been closed"):
        runner.run("Work", ["again"])


def test_calls_that_are_given_up_leave_their_workers_to_the_next_turn(tmp_path):
    (tmp_path / "work.py").write_text(ISOLATED)
    with closing(PluginRunner(load_folder(tmp_path))) as runner:
        cancellation = runner.turn()
        for index in range(3 * MOST):
            cancellation.start(index, "Work", [f"spin {tmp_path / 'spins'}"])
        wait_for(tmp_path / "spins")
        cancellation.cancel()
        assert runner.run("Work", ["next"]) == "next!"


def test_a_call_during_the_warm_up_waits_for_it(tmp_path):
    begun = tmp_path / "begun"
    (tmp_path / "module_of_the_warm_up.py").write_text(f"import time\nopen({str(begun)!r}, 'w')\ntime.sleep(1)\n")
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "work.py").write_text(
        f"import os, sys\nsys.path.append({str(tmp_path)!r})\n"
        "from moss_agent import plugin\n"
        "@plugin('Work', label='Work', isolated=True, imports=('module_of_the_warm_up',))\n"
        "def work(text: str) -> str:\n"
        "    return str(os.getpid())\n"
    )
    with closing(PluginRunner(load_folder(tmp_path / "plugins"))) as runner:
        runner.warm_up()
        wait_for(begun)
        processes = {runner.run("Work", ["during"]), runner.run("Work", ["after"])}
        assert len(processes) == 1
        assert len(runner._workers._idle) == 1


def test_calls_do_not_wait_for_each_other_while_the_warm_up_waits_for_a_worker(runner, tmp_path):
    running = runner.turn()
    running.start(0, "Work", [f"spin {tmp_path / 'spins'}"])
    wait_for(tmp_path / "spins")
    runner.warm_up()
    assert runner.run("Work", ["meanwhile"]) == "meanwhile?"
    assert not list(running.finished(wait=False))


def test_a_module_that_is_not_there_is_the_plugins_failure(tmp_path):
    (tmp_path / "work.py").write_text(ISOLATED.replace("isolated=True", "isolated=True, imports=('no_such',)"))
    with (
        closing(PluginRunner(load_folder(tmp_path))) as runner,
        pytest.raises(PluginError, match="Work cannot be loaded"),
    ):
        runner.run("Work", ["x"])


def test_an_interrupted_call_does_not_leave_a_running_worker_behind(tmp_path):
    (tmp_path / "work.py").write_text(ISOLATED)
    script = f"""
import _thread, threading, time
from pathlib import Path
from moss_agent.plugin_host import PluginRunner, load_folder
runner = PluginRunner(load_folder(Path({str(tmp_path / "work.py")!r})))
begun = Path({str(tmp_path / "begun")!r})
def interrupt():
    while not begun.exists():
        time.sleep(0.01)
    _thread.interrupt_main()
threading.Thread(target=interrupt).start()
try:
    runner.run("Work", [f"spin {{begun}}"])
except KeyboardInterrupt:
    print(runner.run("Work", ["next"]))
runner.close()
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env={"PYTHONPATH": str(Path.cwd())}
    )
    assert done.stdout == "next!\n", done.stderr


def test_workers_end_soon_after_a_program_that_was_killed(tmp_path):
    (tmp_path / "work.py").write_text(ISOLATED)
    script = f"""
import time
from pathlib import Path
from moss_agent.plugin_host import PluginRunner, load_folder
print(PluginRunner(load_folder(Path({str(tmp_path / "work.py")!r}))).run("Work", ["pid"]), flush=True)
time.sleep(60)
"""
    program = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env={"PYTHONPATH": str(Path.cwd())}
    )
    worker = int(program.stdout.readline())
    program.kill()
    program.wait()
    while psutil.pid_exists(worker) and psutil.Process(worker).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.1)


def test_every_error_of_the_tree_crosses_the_process_border():
    made = [PluginContractError("Weather", "broken"), MissingDependency("bitsandbytes", "quantize"), PluginError("no")]
    for error in made:
        copy = pickle.loads(pickle.dumps(error))
        assert (type(copy), str(copy)) == (type(error), str(error))


def test_workers_are_limited_and_a_short_call_waits_for_one(tmp_path, monkeypatch):
    (tmp_path / "nap.py").write_text(
        "import os, time\n"
        "from moss_agent import plugin\n"
        "@plugin('Nap', label='Nap', isolated=True)\n"
        "def nap(seconds: str) -> str:\n"
        "    time.sleep(float(seconds))\n"
        "    return str(os.getpid())\n"
    )
    with closing(PluginRunner(load_folder(tmp_path))) as runner:
        first = runner.run("Nap", ["0"])
        for seconds, number, most, patience in ("0", 4, 1, 3600), ("0.3", 6, MOST, 0.1):
            monkeypatch.setattr(isolation, "PATIENCE", patience)
            calls = runner.turn()
            for index in range(number):
                calls.start(index, "Nap", [seconds])
            processes = {outcome.output for outcome in calls.finished(wait=True)}
            assert first in processes and len(processes) <= most


def test_the_worker_imports_beforehand_what_the_plugin_names(tmp_path):
    (tmp_path / "slow_module.py").touch()
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "work.py").write_text(
        f"import sys\nsys.path.append({str(tmp_path)!r})\n"
        "from moss_agent import plugin\n"
        "@plugin('Work', label='Work', isolated=True, imports=('slow_module',))\n"
        "def work(text: str) -> str:\n"
        "    return str(text in sys.modules)\n"
    )
    with closing(PluginRunner(load_folder(tmp_path / "plugins"))) as runner:
        assert [runner.run("Work", [name]) for name in ("slow_module", "nothing")] == ["True", "False"]


def test_an_idle_worker_that_died_is_replaced(runner):
    os.kill(int(runner.run("Work", ["pid"]).rstrip("?")), signal.SIGKILL)
    assert runner.run("Work", ["next"]) == "next?"


def test_an_interrupt_from_the_terminal_does_not_reach_the_workers(runner):
    pid = int(runner.run("Work", ["pid"]).rstrip("?"))
    os.kill(pid, signal.SIGINT)
    assert int(runner.run("Work", ["pid"]).rstrip("?")) == pid


def test_a_script_without_a_main_guard_can_use_isolated_plugins(tmp_path):
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "work.py").write_text(ISOLATED)
    script = tmp_path / "script.py"
    script.write_text(
        "from pathlib import Path\n"
        "from moss_agent.plugin_host import PluginRunner, load_folder\n"
        f"print(PluginRunner(load_folder(Path({str(tmp_path / 'plugins')!r}))).run('Work', ['once']))\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, env={"PYTHONPATH": str(Path.cwd())}
    )
    assert done.stdout == "once!\n", done.stderr


HANGING = """
import threading, time
from moss_agent import plugin

@plugin("Sleep", label="Sleep", timeout=0.5)
def sleep(text: str) -> str:
    time.sleep(10_000)

@plugin("Pool", label="Pool", isolated=True)
def pool(text: str) -> str:
    threading.Thread(target=time.sleep, args=(10_000,)).start()
    return text
"""


@pytest.mark.parametrize(("name", "answer"), [("Sleep", "Sleep took longer than 0.5 s"), ("Pool", "text")])
def test_calls_that_hang_keep_no_script_from_ending(tmp_path, name, answer):
    (tmp_path / "hanging.py").write_text(HANGING)
    script = f"""
from pathlib import Path
from moss_agent.plugin_host import PluginRunner, load_folder
calls = PluginRunner(load_folder(Path({str(tmp_path)!r}))).turn()
calls.start(1, {name!r}, ["text"])
for outcome in calls.finished(wait=True):
    print(outcome.output or outcome.error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, encoding="utf-8")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{answer}\n", "")


def test_settings_that_cannot_be_sent_fail_the_call(tmp_path):
    (tmp_path / "work.py").write_text(ISOLATED.replace("suffix: str", "suffix: object"))
    with closing(PluginRunner(load_folder(tmp_path), {"work": {"suffix": threading.Lock()}})) as runner:
        with pytest.raises(PluginError, match="Work failed: TypeError: cannot pickle"):
            runner.run("Work", ["x"])
        assert len(runner._workers._busy) == 0
