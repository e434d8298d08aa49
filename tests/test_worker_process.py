"""However a worker ends, at any byte of what it sends or receives, the call fails and the program ends."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from moss_agent import worker_process
from moss_agent.cancellation import Cancellation
from moss_agent.errors import Cancelled
from moss_agent.worker_process import Worker, WorkerDied, WorkerTimeout

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
MEMORY = 4 << 30
LIMIT = 60  # seconds; nothing here comes near it unless it hangs
posix_only = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")


@pytest.fixture
def worker() -> Iterator[Worker]:
    made = Worker(MEMORY)
    yield made
    made.kill()


def die_while_sending(length: int) -> None:
    """In the worker: replace the next reply by so many bytes of a 100 MB one, and die of SIGKILL."""

    def send(pipe, message: bytes) -> None:
        frame = (100 << 20).to_bytes(8, "big") + bytes(length)
        pipe.write(memoryview(frame)[:length])
        os.kill(os.getpid(), signal.SIGKILL)

    worker_process._send = send


def fork_and_die(pid_file: str) -> None:
    """In the worker: die, and leave a child in a session of its own that keeps the pipes open."""
    child = os.fork()
    if child == 0:
        os.setsid()
        Path(pid_file).with_suffix(".part").write_text(str(os.getpid()))
        Path(pid_file).with_suffix(".part").rename(pid_file)
        time.sleep(2 * LIMIT)
        os._exit(0)
    while not Path(pid_file).exists():  # else it would end with this process
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGKILL)


def fork_and_crash(folder: str) -> None:
    """In the worker: crash, and leave a child that keeps the pipes open and tells of it if it is not ended."""
    child = os.fork()
    if child == 0:
        time.sleep(LIMIT)
        Path(folder, "survived").touch()
        os._exit(0)
    Path(folder, "pid").write_text(str(child))
    os.kill(os.getpid(), signal.SIGSEGV)


def fork_and_return() -> int:
    """In the worker: return in both processes."""
    return os.fork() and 1


def leave_a_cycle(size: int) -> int:
    """In the worker: leave memory that only the garbage collector finds."""
    cycle: list[object] = [b"x" * size]
    cycle.append(cycle)
    return os.getpid()


def end_calls_without_overtime() -> None:
    """In the worker: let later calls end it as soon as their time is over."""
    worker_process.OVERTIME = 0.0


def call_here(worker: Worker, function: str, *arguments: object) -> object:
    return worker.call(call_by_name, function, *arguments, seconds=LIMIT)


def call_by_name(function: str, *arguments: object) -> object:
    return globals()[function](*arguments)


@posix_only
@pytest.mark.parametrize("length", [0, 1, 7, 8, 9, 70_000, 5_000_000])
def test_a_worker_killed_at_any_byte_of_its_reply_is_gone(worker: Worker, length: int) -> None:
    with pytest.raises(WorkerDied):
        call_here(worker, "die_while_sending", length)
    with pytest.raises(WorkerDied):
        worker.call(abs, -1, seconds=LIMIT)


@posix_only
def test_a_worker_killed_while_it_receives_is_gone(worker: Worker) -> None:
    worker.call(abs, -1, seconds=LIMIT)
    (process,) = (child for child in psutil.Process().children() if child.pid == worker._process.pid)
    process.suspend()
    threading.Timer(0.3, process.kill).start()
    with pytest.raises(WorkerDied):
        worker.call(len, bytes(50 << 20), seconds=LIMIT)


@posix_only
def test_a_child_that_keeps_the_pipes_open_holds_nobody_up(worker: Worker, tmp_path: Path) -> None:
    with pytest.raises(WorkerDied):
        call_here(worker, "fork_and_die", str(tmp_path / "pid"))
    child = psutil.Process(int((tmp_path / "pid").read_text()))
    assert child.status() != psutil.STATUS_ZOMBIE
    child.kill()


@pytest.mark.skipif(not hasattr(os, "waitid"), reason="the system cannot look at a process and not reap it")
def test_the_children_of_a_worker_that_crashes_end_with_it(worker: Worker, tmp_path: Path) -> None:
    with pytest.raises(WorkerDied):
        call_here(worker, "fork_and_crash", str(tmp_path))
    with suppress(psutil.NoSuchProcess):
        child = psutil.Process(int((tmp_path / "pid").read_text()))
        while child.status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.05)
    assert not (tmp_path / "survived").exists()


def test_a_worker_starts_where_its_pipes_may_not_be_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_process, "_PIECE", 1 << 31)
    worker = Worker(MEMORY)
    assert worker.call(abs, -7, seconds=LIMIT) == 7
    worker.kill()


@posix_only
def test_a_function_that_forks_replies_once(worker: Worker) -> None:
    assert call_here(worker, "fork_and_return") == 1
    assert worker.call(abs, -7, seconds=LIMIT) == 7


def test_a_call_ends_with_its_time_or_its_cancellation() -> None:
    for seconds, error in (0.2, WorkerTimeout), (LIMIT, Cancelled):
        worker, token = Worker(MEMORY), Cancellation()
        if error is Cancelled:
            threading.Timer(0.2, token.cancel).start()
        with pytest.raises(error):
            worker.call(time.sleep, LIMIT, seconds=seconds, cancellation=token)
        assert worker._process.wait(LIMIT) != 0


def test_a_call_that_ended_its_worker_took_too_long(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program was stopped, as by Ctrl-Z: the worker is gone when it looks."""
    monkeypatch.setattr(worker_process, "OVERTIME", 0.0)
    call_here(worker, "end_calls_without_overtime")
    wait = worker._wait

    def wait_after_a_stop(*given):
        while not worker_process._has_ended(worker._process):
            time.sleep(0.01)
        return wait(*given)

    monkeypatch.setattr(worker, "_wait", wait_after_a_stop)
    with pytest.raises(WorkerTimeout):
        worker.call(time.sleep, LIMIT, seconds=0.2)


def test_a_reply_that_came_while_the_program_stood_still_is_in_time(worker: Worker) -> None:
    class Replies(queue.SimpleQueue):
        """Has a reply once it was looked at in vain."""

        def get(self, **options):
            try:
                return super().get(**options)
            except queue.Empty:
                self.put((False, 7))
                raise

    assert worker._wait(Replies(), time.monotonic() - LIMIT) == (False, 7)


def test_a_result_too_large_to_send_fails_the_call_only(worker: Worker) -> None:
    with pytest.raises(ValueError, match="the result is larger than 512 MB"):
        worker.call(bytes, worker_process.LARGEST, seconds=LIMIT)
    assert worker.call(abs, -7, seconds=LIMIT) == 7


def test_what_cannot_be_sent_fails_the_call_only(worker: Worker) -> None:
    with pytest.raises(TypeError, match="cannot pickle"):
        worker.call(threading.Lock, seconds=LIMIT)
    with pytest.raises(SystemExit):
        worker.call(sys.exit, 3, seconds=LIMIT)
    assert worker.call(abs, -7, seconds=LIMIT) == 7


def test_a_function_finds_empty_streams_and_the_working_folder(worker: Worker, capfd: pytest.CaptureFixture) -> None:
    worker.call(print, "do not mind me", seconds=LIMIT)
    with pytest.raises(EOFError):
        worker.call(input, seconds=LIMIT)
    worker.call(os.chdir, "/", seconds=LIMIT)
    assert worker.call(os.getcwd, seconds=LIMIT) == os.getcwd()
    assert capfd.readouterr() == ("", "")


PROGRAM = """
import sys
from moss_agent.worker_process import Worker
worker = Worker(4 << 30)
print(worker._process.pid, flush=True)
sys.stdin.readline()
worker.call(eval, f"open({sys.argv[2]!r}, 'w').close() or {sys.argv[1]}", seconds=60)
"""


@pytest.mark.slow
@posix_only
@pytest.mark.parametrize("expression", ["__import__('time').sleep(60)", "9 ** 9 ** 9"])
def test_a_worker_ends_with_a_program_that_was_killed(expression: str, tmp_path: Path) -> None:
    """The power never lets another thread of the interpreter run; only its time ends it then."""
    source = PROGRAM.replace("seconds=60", "seconds=1" if "**" in expression else "seconds=60")
    command = [sys.executable, "-c", source, expression, str(tmp_path / "begun")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    program = subprocess.Popen(command, cwd=ROOT, **pipes)
    worker = psutil.Process(int(program.stdout.readline()))
    program.stdin.write("go on\n")
    program.stdin.flush()
    while not (tmp_path / "begun").exists():
        time.sleep(0.01)
    program.kill()
    program.wait()
    program.stdin.close()
    program.stdout.close()
    psutil.wait_procs([worker], timeout=LIMIT)
    assert not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE


SEGFAULT = "__import__('faulthandler')._sigsegv()"
HALF_A_REPLY = (
    "__import__('moss_agent.worker_process', fromlist=['serve']).__dict__.update("
    "_send=lambda pipe, reply: (pipe.write((100 << 20).to_bytes(8, 'big') + bytes(10)), __import__('os')._exit(0)))"
)


@posix_only
@pytest.mark.parametrize("end", [SEGFAULT, HALF_A_REPLY])
def test_a_crash_is_silent_and_the_program_ends(end: str) -> None:
    code = (
        "import sys\n"
        "from moss_agent.worker_process import Worker, WorkerDied\n"
        "worker = Worker(4 << 30)\n"
        "try:\n    worker.call(eval, sys.argv[1], seconds=60)\n"
        "except WorkerDied:\n    print('died')\n"
    )
    variables = {**os.environ, "PYTHONFAULTHANDLER": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code, end], capture_output=True, text=True, cwd=ROOT, env=variables, timeout=LIMIT
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "died\n", "")


def test_a_worker_without_requests_gives_memory_back(worker: Worker) -> None:
    size = 100 << 20
    process = psutil.Process(call_here(worker, "leave_a_cycle", size))
    while process.memory_info().rss > size:
        time.sleep(0.1)
    assert worker.call(len, "abc", seconds=LIMIT) == 3
