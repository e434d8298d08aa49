"""The program's own standard streams, out of the reach of plugins and libraries.

Everybody else finds standard input empty, closes nothing by closing `sys.stdout`, and writes to standard error instead
of a pipe that carries the program's output.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

_STDIN, _STDOUT = 0, 1  # file descriptors

_own: list[TextIO] = []  # standard input, once it has been taken


def take() -> None:
    """Take the standard streams of this process for the program."""
    _fill_gaps()
    sys.stdout, sys.stderr = _lasting(sys.stdout), _lasting(sys.stderr)
    if sys.stdin is None:  # it is closed
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115
        return
    own = os.dup(_STDIN)
    _empty_stdin()
    _own.append(open(own, encoding=sys.stdin.encoding, errors=sys.stdin.errors))  # noqa: SIM115


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
    """Standard input for the program alone."""
    return _own[0] if _own else sys.stdin


def read_line(prompt: str) -> str:
    """The next line of standard input, edited on a terminal. Raises EOFError and KeyboardInterrupt as `input` does."""
    if not _own:
        return input(prompt)
    own = own_stdin()
    if own.isatty() and sys.stdout.isatty():
        with _lent(own):
            return input(prompt)
    line = own.readline()
    if not line:
        raise EOFError
    return line.removesuffix("\n")


@contextmanager
def _lent(own: TextIO) -> Iterator[None]:
    """Put the terminal back where `input` looks for it."""
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
    """Standard output for the program alone: in a pipe, what plugins and libraries print goes to standard error."""
    names = sys.stdout, sys.stderr
    if sys.stdout.isatty():
        try:
            yield sys.stdout
        finally:
            sys.stdout, sys.stderr = names
        return
    sys.stdout.flush()
    numbers = {sys.stdout.fileno(), _STDOUT}
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8", errors="replace")
    for number in numbers:
        os.dup2(sys.stderr.fileno(), number)
    try:
        yield out
    finally:
        sys.stdout, sys.stderr = names
        sys.stdout.flush()
        for number in numbers:
            os.dup2(out.fileno(), number)
        with suppress(BrokenPipeError):
            out.close()


def _lasting(stream: TextIO | None) -> TextIO | None:
    """The stream, on a file descriptor that nobody knows and in an object that nobody can close."""
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    stream.flush()
    buffer = _LastingBuffer(open(os.dup(stream.fileno()), "wb", buffering=0))  # noqa: SIM115
    return _LastingText(buffer, stream.encoding, stream.errors, line_buffering=stream.line_buffering)


class _LastingBuffer(io.BufferedWriter):
    def close(self) -> None:
        self.flush()

    def detach(self) -> io.RawIOBase:
        raise io.UnsupportedOperation("a standard stream of the program")


class _LastingText(io.TextIOWrapper):
    def close(self) -> None:
        self.flush()

    def detach(self) -> io.BufferedIOBase:
        raise io.UnsupportedOperation("a standard stream of the program")
