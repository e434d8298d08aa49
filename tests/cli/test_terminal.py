"""The chat in a process of its own on a real terminal: prompt, colours, Ctrl-C, Ctrl-D."""

from __future__ import annotations

import os
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pty = pytest.importorskip("pty", reason="no pseudo-terminals on this system")

SCRIPT = Path(__file__).with_name("scenes.py")
ROOT = SCRIPT.parents[2]


class Terminal:
    """A terminal with the chat in it: type, and read until something appears."""

    def __init__(self) -> None:
        self._ours, theirs = pty.openpty()
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "PYTHON_BASIC_REPL": "1"}
        environment.pop("NO_COLOR", None)
        self.process = subprocess.Popen(
            [sys.executable, str(SCRIPT)],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=environment,
            start_new_session=True,
        )
        os.close(theirs)

    def type(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def read_until(self, pattern: str) -> str:
        """All that has appeared since the last call, up to a match of `pattern` and a little more."""
        seen, deadline = "", time.monotonic() + 60
        while not re.search(pattern, seen, re.DOTALL):
            ready, _, _ = select.select([self._ours], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, f"no {pattern!r} in {seen[-500:]!r}"
            seen += os.read(self._ours, 4096).decode()
        return seen

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._ours)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    opened = Terminal()
    yield opened
    opened.close()


def test_a_chat_on_a_terminal(terminal: Terminal) -> None:
    terminal.read_until("> ")
    terminal.type("What is 1+2?\n")
    seen = terminal.read_until(r"=> 3.*> ")
    assert "\x1b[2mLe\x1b[0m" in seen
    assert re.search(r'\n→ Add\("1,2"\)\r\n  = 3 \(\d\.\d\d s\)\r\nIt is 3\[1\]\.\r\n', seen)

    terminal.type("Talk.\n")
    terminal.read_until("wo")
    terminal.type("\x03")
    assert "Stopped" in terminal.read_until("Stopped.*> ")
    assert terminal.process.poll() is None

    terminal.type("Hi\n")
    assert "\r\nHello.\r\n" in terminal.read_until(r"Hello\.\r\n.*> ")
    terminal.type("\x04")
    assert terminal.process.wait(20) == 0
