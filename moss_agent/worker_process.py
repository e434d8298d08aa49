"""One worker process that can be killed: for code that may spin, crash or fill the memory.

The program and its worker exchange pickles, each behind its length, over two pipes. A thread of the program writes and
reads them, so that a caller waits for the reply, the end of its time, a cancellation or the death of the worker,
whichever comes first, and for nothing else: no half-sent message can keep a call, or the program, from ending.
"""

from __future__ import annotations

import ctypes
import faulthandler
import gc
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from io import FileIO
from typing import IO, Any, NoReturn, TypeAlias, TypeVar

from moss_agent.cancellation import Cancellation
from moss_agent.errors import Cancelled

ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL", "NUMEXPR")}
LARGEST = 512 << 20  # bytes of a message
LOOK_SECONDS = 0.2  # between two looks at whether the worker is still there
LAST_SECONDS = 2.0  # for reading what a dead worker has left in the pipe
LATE_SECONDS = 0.5  # at most, to look once more for a reply whose time ended while the program itself stood still
OVERTIME = 5.0  # seconds after its time when a call ends its worker, if the program is not there to do it
REST_SECONDS = 0.3  # without a request, after which a worker tidies up
_HEADER = 8  # bytes of a message's length
_PIECE = 1 << 20  # bytes read at once

T = TypeVar("T")
Reply: TypeAlias = tuple[bool, Any] | type[Exception]
"""Whether it is an error and what the function returned or raised, or the exception to raise."""
Replies: TypeAlias = "queue.SimpleQueue[Reply]"


class WorkerDied(Exception):
    """The worker ended before it had replied."""


class WorkerTimeout(Exception):
    """The call took longer than its time."""


class Worker:
    """A process that runs one call at a time. It ends with this object and with the program."""

    def __init__(self, memory: int) -> None:
        """Start the process, which may take that many bytes of address space. Raises OSError if it cannot start."""
        self._process = subprocess.Popen(
            [sys.executable, "-c", _program(memory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,  # a thread that waits in a buffered file would abort the interpreter at its end
            env={**os.environ, **ONE_THREAD},
            creationflags=0x200 if sys.platform == "win32" else 0,  # Ctrl-C is for the program
            start_new_session=sys.platform != "win32",
        )
        _enlarge(_pipes(self._process))
        requests: queue.SimpleQueue[tuple[bytes, Replies] | None] = queue.SimpleQueue()
        self._requests = requests
        threading.Thread(target=_exchange, args=(self._process, requests), daemon=True).start()
        self.kill = weakref.finalize(self, _end, self._process, requests)  # also when the program ends

    def call(
        self, function: Callable[..., T], *arguments: object, seconds: float, cancellation: Cancellation | None = None
    ) -> T:
        """Call a function of a module in the worker; return and raise what it does.

        Raises WorkerTimeout, WorkerDied or Cancelled if it does not come to its end; the worker is killed then.
        """
        request = pickle.dumps((function, arguments, seconds))
        replies: Replies = queue.SimpleQueue()
        end = time.monotonic() + seconds
        self._requests.put((request, replies))
        try:
            with (cancellation or Cancellation()).calling(lambda: replies.put(Cancelled)):
                reply = self._wait(replies, end)
            if reply is WorkerDied and time.monotonic() >= end + OVERTIME:
                reply = WorkerTimeout  # the program stood still, and the call ended its worker
            if isinstance(reply, type):
                raise reply("the worker process was ended")
        except BaseException:
            self.kill()
            raise
        is_error, value = reply
        if is_error:
            raise value
        result: T = value
        return result

    def _wait(self, replies: Replies, end: float) -> Reply:
        while True:
            left = end - time.monotonic()
            with suppress(queue.Empty):
                return replies.get(timeout=max(0.0, min(LOOK_SECONDS, left)))
            if _has_ended(self._process):  # its children may keep the pipe open
                with suppress(queue.Empty):
                    return replies.get(timeout=LAST_SECONDS)
                return WorkerDied
            if left <= 0:
                with suppress(queue.Empty):  # as long as the end is past: next to nothing if it is noticed in time
                    return replies.get(timeout=min(LATE_SECONDS, time.monotonic() - end))
                raise WorkerTimeout("the call took too long")


def _program(memory: int) -> str:
    """Return the code that the new interpreter runs: it takes over this one's path, not its main script."""
    folder = _working_folder()
    path = [os.path.join(folder, entry) for entry in sys.path if isinstance(entry, str)]
    return f"import sys; sys.path[:] = {path!a}; from {__name__} import serve; serve({memory})"


def _working_folder() -> str:
    try:
        return os.getcwd()
    except OSError:  # it has been removed
        return os.path.abspath(os.sep)


def _exchange(process: subprocess.Popen[bytes], requests: queue.SimpleQueue[tuple[bytes, Replies] | None]) -> None:
    """Pass requests and replies on, in a thread of the program, until the worker ends or is not needed any more."""
    while _pass_on(process, requests.get()):
        pass
    process.wait()
    with suppress(OSError):
        for pipe in _pipes(process):
            pipe.close()


def _pass_on(process: subprocess.Popen[bytes], item: tuple[bytes, Replies] | None) -> bool:
    """Pass one request and its reply on; whether the worker can take another one."""
    if item is None:
        return False
    request, replies = item
    outgoing, incoming = _pipes(process)
    try:
        _send(outgoing, request)
        is_error, value = pickle.loads(_receive(incoming))
        replies.put((is_error, value))
        return True
    except BaseException:  # a reply is not to be trusted either
        _kill(process)
        replies.put(WorkerDied)
        return False


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    """Return the worker's standard input and output."""
    assert process.stdin is not None and process.stdout is not None
    return process.stdin, process.stdout


def _enlarge(pipes: tuple[IO[bytes], IO[bytes]]) -> None:
    """Let more of a message stand in the pipes, where the system has room for it."""
    if sys.platform == "linux":
        import fcntl

        with suppress(AttributeError, OSError):  # /proc/sys/fs/pipe-max-size, pipe-user-pages-soft
            for pipe in pipes:
                fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIECE)


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Return whether the process has ended; it is not reaped for that, where the system can look without."""
    if sys.platform == "win32" or process.returncode is not None or not hasattr(os, "waitid"):
        return process.poll() is not None
    try:
        return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:  # it is reaped: by another thread, or by a system that is told to ignore SIGCHLD
        return process.poll() is not None


def _end(process: subprocess.Popen[bytes], requests: queue.SimpleQueue[tuple[bytes, Replies] | None]) -> None:
    _kill(process)
    requests.put(None)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End the worker and the processes that it has started, which may go on when it has ended itself."""
    _has_ended(process)
    if process.returncode is None:  # once it is reaped, its number may be that of another group
        with suppress(OSError):
            if sys.platform == "win32":
                process.kill()
            else:
                os.killpg(process.pid, signal.SIGKILL)


def _send(pipe: IO[bytes], message: bytes) -> None:
    for part in len(message).to_bytes(_HEADER, "big"), message:
        left = memoryview(part)
        while left:
            left = left[pipe.write(left) :]


def _receive(pipe: IO[bytes]) -> bytearray:
    """Return the next message. Raises EOFError if there is none or it is too long."""
    length = int.from_bytes(_read(pipe, _HEADER), "big")
    if length > LARGEST:
        raise EOFError("not a message")
    return _read(pipe, length)


def _read(pipe: IO[bytes], length: int) -> bytearray:
    data = bytearray()
    while len(data) < length:
        piece = pipe.read(min(_PIECE, length - len(data)))
        if not piece:
            raise EOFError("the other end is closed")
        data += piece
    return data


def serve(memory: int) -> NoReturn:
    """Carry out requests, in the worker, until the program ends."""
    incoming, outgoing, nowhere = _take_pipes()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform != "win32":
        import resource

        with suppress(ValueError, OSError):  # a lower limit is set already, or the system has none
            resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    requests: queue.SimpleQueue[bytearray] = queue.SimpleQueue()
    threading.Thread(target=_read_on, args=(incoming, requests), daemon=True).start()
    process, folder = os.getpid(), _working_folder()
    while True:
        with suppress(OSError):  # a function may have left it, and it may be gone
            os.chdir(folder)
        _serve_one(_next(requests), outgoing, nowhere, process)


def _next(requests: queue.SimpleQueue[bytearray]) -> bytearray:
    """Return the next request. While there is none, memory that the last ones do not need any more is given back."""
    try:
        return requests.get(timeout=REST_SECONDS)
    except queue.Empty:
        gc.collect()  # what a call keeps beyond Python's memory, such as clients with threads, may lie in cycles
        with suppress(AttributeError, OSError, TypeError):  # a C library without it
            ctypes.CDLL(None).malloc_trim(0)
        return requests.get()


def _serve_one(request: bytearray, outgoing: FileIO, nowhere: int, process: int) -> None:
    reply = _answer(request, nowhere)
    try:
        if os.getpid() == process:  # otherwise a function has forked and returned twice
            _send(outgoing, reply)
            return
    except OSError:
        pass
    os._exit(1)


def _take_pipes() -> tuple[FileIO, FileIO, int]:
    """Return the two pipes and the null device, which the functions find in place of all standard streams."""
    incoming, outgoing = FileIO(os.dup(0), "rb"), FileIO(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(nowhere, number)
    return incoming, outgoing, nowhere


def _read_on(pipe: FileIO, requests: queue.SimpleQueue[bytearray]) -> None:
    """Receive requests while others run, so that this process ends as soon as the program does."""
    try:
        while True:
            requests.put(_receive(pipe))
    finally:
        os._exit(1)


def _answer(request: bytearray, nowhere: int) -> bytes:
    """Return the reply to a request, whatever its function does."""
    try:
        function, arguments, seconds = pickle.loads(request)
        # It needs no interpreter: the process ends even if the function never lets one of its threads run.
        faulthandler.dump_traceback_later(seconds + OVERTIME, exit=True, file=nowhere)
        reply = pickle.dumps((False, function(*arguments)))
        if len(reply) > LARGEST:
            raise ValueError(f"the result is larger than {LARGEST >> 20} MB")
        return reply
    except BaseException as error:
        return _failure(error)
    finally:
        faulthandler.cancel_dump_traceback_later()


def _failure(error: BaseException) -> bytes:
    try:
        reply = pickle.dumps((True, error))
        pickle.loads(reply)
        if len(reply) <= _PIECE:
            return reply
    except BaseException:  # an exception of somebody's own may not survive it
        pass
    return pickle.dumps((True, RuntimeError(f"{type(error).__name__}, which cannot be sent")))
