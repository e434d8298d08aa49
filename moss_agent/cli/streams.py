"""The program's own standard streams, out of the reach of plugins and libraries.

Everybody else finds standard input empty, closes nothing by closing `sys.stdout`, and writes to standard error instead
of a pipe that carries the program's output.

Any text can be read and printed: pipes carry UTF-8, whatever the locale says; input that is no UTF-8 is read in the
encoding of the console. What cannot be written to standard output raises OutputError, once, so that nothing fails again
while the program ends. What cannot be written to standard error is dropped.
"""

from __future__ import annotations

import io
import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NoReturn, TextIO

from moss_agent.errors import UsageError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_STDIN, _STDOUT = 0, 1  # file descriptors

_own: list[TextIO] = []  # standard input, once it has been taken


class OutputError(OSError):
    """Standard output cannot be written."""

    def __str__(self) -> str:
        return f"standard output cannot be written: {self.strerror}: lead it to another place"


def take() -> None:
    """Take the standard streams of this process for the program; closed ones become empty or full ones."""
    _fill_gaps()
    sys.stdout, sys.stderr = _lasting(sys.stdout, is_vital=True), _lasting(sys.stderr, is_vital=False)
    encoding = sys.stdin.encoding if sys.stdin else "utf-8"
    own = os.dup(_STDIN)
    _empty_stdin()
    _own.append(open(own, encoding=encoding, errors="replace"))  # noqa: SIM115
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115


def _fill_gaps() -> None:
    """Let no other file get the number of a standard stream that is closed."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free


def _empty_stdin() -> None:
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, _STDIN)
    if empty != _STDIN:
        os.close(empty)


def own_stdin() -> TextIO:
    """Return standard input for the program alone."""
    return _own[0] if _own else sys.stdin


def comes(stdin: TextIO, seconds: float) -> bool:
    """Return whether something comes on standard input within that time, be it the end."""
    try:
        return bool(select.select([stdin], [], [], seconds)[0])
    except (OSError, ValueError):  # no file descriptor, or a system that cannot tell
        return True


def read_all(stdin: TextIO, limit: int) -> str:
    """Read what stands on standard input. Raises UsageError if it is more than `limit` bytes."""
    return _decoded(_limited(stdin.buffer.read(limit + 1), limit), stdin)


def read_line(stdin: TextIO, limit: int) -> str:
    """Read the next line, "" at the end. Raises UsageError if it is longer than `limit` bytes."""
    return _decoded(_limited(stdin.buffer.readline(limit + 1), limit), stdin)


def echoes() -> bool:
    """Return whether the terminal shows what is typed by itself, as it does outside of `typing_waits`."""
    try:
        from termios import ECHO, error, tcgetattr
    except ImportError:  # no such terminals here
        return True
    try:
        return bool(tcgetattr(own_stdin())[3] & ECHO)
    except (error, ValueError):  # no terminal
        return True


def is_interactive() -> bool:
    """Return whether a person sits at a terminal and sees what the program writes."""
    return own_stdin().isatty() and sys.stdout.isatty()


def prompt_line(prompt: str, limit: int) -> str:
    """Read the next line, edited on a terminal. Raises EOFError and KeyboardInterrupt as `input` does."""
    own = own_stdin()
    if is_interactive():
        with _lent(own):
            return input(prompt)
    line = read_line(own, limit)
    if not line:
        raise EOFError
    return line.removesuffix("\n")


def prompt_anew(prompt: str, begun: str) -> str:
    """Read a line that is typed on the terminal from now on; where lines can be edited, `begun` stands in it already.

    Raises EOFError and KeyboardInterrupt as `input` does.
    """
    own = own_stdin()
    with suppress(ImportError):
        from termios import TCIFLUSH, tcflush

        tcflush(own, TCIFLUSH)
    with _lent(own), _begun(begun):
        return input(prompt)


@contextmanager
def typing_waits() -> Iterator[None]:
    """Keep what is typed on the terminal between prompts, unseen and as keys, for the next one. Ctrl-C works as ever.

    Keys are kept as they come, not in lines, of which the terminal would cut long ones. After an error there is no next
    prompt, and a shell would run it: it is forgotten.
    """
    try:
        from termios import ECHO, ICANON, ICRNL, TCIFLUSH, TCSANOW, tcflush, tcgetattr, tcsetattr
    except ImportError:  # no such terminals here
        yield
        return
    own = own_stdin()
    before = tcgetattr(own)
    quiet = [before[0] & ~ICRNL, before[1], before[2], before[3] & ~(ECHO | ICANON), *before[4:]]
    tcsetattr(own, TCSANOW, quiet)
    try:
        yield
    except BaseException:
        tcflush(own, TCIFLUSH)
        raise
    finally:
        tcsetattr(own, TCSANOW, before)


@contextmanager
def _begun(text: str) -> Iterator[None]:
    """Let `input` begin with that text."""
    try:
        import readline
    except ImportError:
        yield
        return
    readline.set_startup_hook(lambda: readline.insert_text(text))
    try:
        yield
    finally:
        readline.set_startup_hook()


@contextmanager
def _lent(own: TextIO) -> Iterator[None]:
    """Put the terminal back where `input` looks for it."""
    if own is sys.stdin:
        yield
        return
    names = sys.stdin, sys.stdout
    sys.stdout.flush()
    os.dup2(own.fileno(), _STDIN)
    os.dup2(sys.stdout.fileno(), _STDOUT)
    sys.stdin = open(_STDIN, closefd=False, encoding=own.encoding, errors="replace")  # noqa: SIM115
    sys.stdout = open(_STDOUT, "w", closefd=False, encoding=sys.stdout.encoding, errors="replace")  # noqa: SIM115
    try:
        yield
    finally:
        sys.stdin, sys.stdout = names
        _empty_stdin()


@contextmanager
def own_stdout() -> Iterator[TextIO]:
    """Yield standard output for the program alone: in a pipe, what others print goes to standard error."""
    names = sys.stdout, sys.stderr
    if sys.stdout.isatty():
        try:
            yield sys.stdout
        finally:
            sys.stdout, sys.stderr = names
        return
    sys.stdout.flush()
    numbers = {sys.stdout.fileno(), _STDOUT}
    raw = _Output(os.dup(sys.stdout.fileno()), is_vital=True)
    out = io.TextIOWrapper(io.BufferedWriter(raw), encoding="utf-8", errors="replace")
    for number in numbers:
        os.dup2(sys.stderr.fileno(), number)
    try:
        yield out
        out.flush()
    finally:
        sys.stdout, sys.stderr = names
        sys.stdout.flush()
        for number in numbers:
            os.dup2(out.fileno(), number)
        with suppress(OSError):
            out.close()


def _limited(content: bytes, limit: int) -> bytes:
    if len(content) > limit:
        raise UsageError(f"standard input has more than {limit / 1e6:g} MB in one piece: give less")
    return content


def _decoded(content: bytes, stdin: TextIO) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode(stdin.encoding, "replace")


def _lasting(stream: TextIO | None, *, is_vital: bool) -> TextIO:
    """Return the stream, on a file descriptor that nobody knows and in an object that nobody can close.

    is_vital: whether it is an error of the program if it cannot be written, as it is if it was closed.
    """
    if stream is None:
        raw, encoding = _Output(os.open(os.devnull, os.O_RDONLY), is_vital=is_vital), "utf-8"
    else:
        stream.flush()
        raw = _Output(os.dup(stream.fileno()), is_vital=is_vital)
        encoding = stream.encoding if stream.isatty() else "utf-8"
    is_terminal = stream is not None and stream.isatty()
    return _LastingText(_LastingBuffer(raw), encoding, "replace", line_buffering=is_terminal or not is_vital)


class _Output(io.FileIO):
    """A file descriptor to write to, on which one failure is one exception at most."""

    def __init__(self, number: int, *, is_vital: bool) -> None:
        super().__init__(number, "w")
        self._is_vital = is_vital
        self._failed = False

    def write(self, data: ReadableBuffer, /) -> int:
        if not self._failed:
            try:
                return super().write(data)
            except OSError as error:
                self._failed = True
                if self._is_vital:
                    raise _as_output_error(error) from None
        return memoryview(data).nbytes


class _LastingBuffer(io.BufferedWriter):
    def close(self) -> None:
        self.flush()

    def detach(self) -> NoReturn:
        raise io.UnsupportedOperation("a standard stream of the program")


class _LastingText(io.TextIOWrapper):
    def close(self) -> None:
        self.flush()

    def detach(self) -> NoReturn:
        raise io.UnsupportedOperation("a standard stream of the program")


def _as_output_error(error: OSError) -> OSError:
    return error if isinstance(error, BrokenPipeError) else OutputError(error.errno, error.strerror)
