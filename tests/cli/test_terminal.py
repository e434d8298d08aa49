"""Programs of their own on a real terminal: the chat with prompt, colours, Ctrl-C, Ctrl-D; drawing with its bar."""

from __future__ import annotations

import codecs
import os
import re
import signal
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pty = pytest.importorskip("pty", reason="no pseudo-terminals on this system")
fcntl = pytest.importorskip("fcntl")
termios = pytest.importorskip("termios")

SCRIPT = Path(__file__).with_name("scenes.py")
ROOT = SCRIPT.parents[2]


class Terminal:
    """A terminal with a program of Python in it: type, and read until something appears."""

    def __init__(self, *arguments: str, folder: Path, **variables: str) -> None:
        self._rest = ""  # what has appeared and was not asked for yet
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", 24, 80, 0, 0))
        own = {"PYTHONPATH": str(ROOT), "TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1", "MOSS_AGENT_SETTINGS": ""}
        environment = {**os.environ, **own, "XDG_CONFIG_HOME": str(folder / "config"), **variables}
        environment.pop("NO_COLOR", None)
        self.process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=folder,
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
        """All that has appeared since the end of the last match, up to the end of the first match of `pattern`."""
        while not (found := re.search(pattern, self._rest, re.DOTALL)):
            assert (more := self._read()), f"no {pattern!r} in {self._rest[-500:]!r}"
            self._rest += more
        seen, self._rest = self._rest[: found.end()], self._rest[found.end() :]
        return seen

    def read_all(self) -> str:
        """All that appears since the end of the last match, up to the end of the program."""
        seen, self._rest = self._rest + "".join(iter(self._read, "")), ""
        return seen

    def _read(self) -> str:
        """What has appeared meanwhile; nothing at the end of the program."""
        try:
            return self._decoder.decode(os.read(self._ours, 4096), final=False)
        except OSError:  # Linux's way to say that nobody writes any more
            return ""

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._ours)


Opener = Callable[..., Terminal]
PROMPT = r"\x1b\[\?2004h.*?\x1b\[\?25h"  # of prompt_toolkit, which is ready to read then


def lasting(text: str) -> str:
    """The text without what was passing by on its lines."""
    return re.sub(r"[^\n]*\r\x1b\[K", "", text)


def plain(text: str) -> str:
    """The text without escape sequences."""
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text)


@pytest.fixture
def on_terminal(tmp_path: Path) -> Iterator[Opener]:
    """Starts a program on a terminal, in an empty folder and without the user's settings."""
    opened = []

    def start(*arguments: str, **variables: str) -> Terminal:
        opened.append(Terminal(*arguments, folder=tmp_path, **variables))
        return opened[-1]

    yield start
    for terminal in opened:
        terminal.close()


@pytest.mark.slow
def test_a_chat_on_a_terminal(on_terminal: Opener) -> None:
    terminal = on_terminal(str(SCRIPT))
    terminal.read_until(PROMPT)
    terminal.type("What is 1+2?\r")
    terminal.read_until("Let")
    terminal.type("Post it.\r")  # waits for the next prompt, unseen
    seen = terminal.read_until("tokens/s.*?" + PROMPT)
    assert "Post" not in seen.partition("tokens/s")[0]
    assert "\x1b[2mLet me think.\x1b[0m" in seen
    assert re.search(r'\n→ Add\("1,2"\)\r\n  = 3 \(\d+\.\d\d s\)\r\nIt is 3\[1\]\.\r\n', lasting(seen))
    assert re.search(r"\d+ tokens read \(\d+ cached\), \d+ written, \d+\.\d s, \d+ tokens/s", seen)

    seen = terminal.read_until(r"lways:.*?\?25h")
    assert '\n? Post("hi", place="there") needs approval (touches network)\r\n' in plain(seen)
    terminal.type("y\r")
    seen = plain(lasting(terminal.read_until(r"Done\..*?" + PROMPT)))
    assert re.search(r'\n→ Post\("hi", place="there"\)\r\n  = \'hi\' posted there \(', seen)

    terminal.type("Post it.\r")
    terminal.read_until(r"lways:.*?\?25h")
    terminal.type("e\r")
    terminal.read_until(r"instead:.*?there.*?\?25h")
    terminal.type("\x7f" * len('there")') + 'nowhere")\r')
    assert "  = 'hi' posted nowhere (" in plain(terminal.read_until(r"Done\..*?" + PROMPT))

    terminal.type("Talk.\r")
    terminal.read_until("word.*?word")
    terminal.type("\x03")
    seen = plain(terminal.read_until("Stopped.*?" + PROMPT))
    assert re.search(r" \[…\].*Stopped\. What was written is kept: /continue", seen, re.DOTALL)
    assert terminal.process.poll() is None

    terminal.type("Hi\r")
    terminal.read_until(r"Hello\..*?" + PROMPT)

    terminal.type("\x04")
    assert terminal.process.wait() == 0


@pytest.mark.slow
def test_what_is_pasted_is_one_question(on_terminal: Opener) -> None:
    terminal = on_terminal(str(SCRIPT))
    terminal.read_until(PROMPT)
    terminal.type("\x1b[200~one\ntwo\nthree\x1b[201~")
    terminal.read_until("three")
    terminal.type("\r")
    terminal.read_until("tokens/s.*?" + PROMPT)
    terminal.type("/turns\r")
    assert "1. one two three" in plain(terminal.read_until("1. one.*?" + PROMPT))
    terminal.type("/he\t")
    terminal.read_until("/he.*?lp")  # which may be shown in two pieces


@pytest.mark.slow
def test_what_is_pasted_while_the_model_writes_is_one_question(on_terminal: Opener) -> None:
    terminal = on_terminal(str(SCRIPT))
    terminal.read_until(PROMPT)
    terminal.type("What is 1+2?\r")
    seen = terminal.read_until("Let")
    assert seen.rfind("\x1b[?2004h") > seen.rfind("\x1b[?2004l")  # the terminal marks pastes
    long = "long " * 2000  # more than a terminal keeps of one line
    terminal.type(f"\x1b[200~one\rtwo {long}\x1b[201~\r")
    terminal.read_until(r"lways:.*?\?25h")
    terminal.type("n\r")
    seen = terminal.read_until(r"Done\..*?" + PROMPT)
    terminal.type("/turns\r")
    seen += terminal.read_until("2. one.*?" + PROMPT)
    assert "2. one two long long" in plain(seen) and "3. " not in plain(seen)
    assert "KEYS ARE SHOWN" not in seen


@pytest.mark.slow
def test_a_call_is_approved_by_nothing_that_was_typed_before(on_terminal: Opener) -> None:
    terminal = on_terminal(str(SCRIPT))
    terminal.read_until(PROMPT)
    terminal.type("What is 1+2?\rPost it.\ry\r")
    terminal.read_until(r"lways:.*?\?25h")
    terminal.type("n\r")
    assert "refused" in plain(terminal.read_until(r"posted|refused"))


@pytest.mark.slow
def test_a_picture_on_a_terminal(on_terminal: Opener, tmp_path: Path) -> None:
    arguments = ("-m", "moss_agent", "image", "a fox reading", "--steps", "3", "--out", "drawn")
    terminal = on_terminal(*arguments, COLORTERM="truecolor", TMUX="", OMP_NUM_THREADS="1")
    seen = terminal.read_until(r"\.png\r\n")
    assert terminal.process.wait() == 0
    assert re.search(r"1/3 .*2/3 .*3/3 ", seen, re.DOTALL)
    note = "\rnote: the pipeline doodle does not know and leaves out: reading\r\n"
    assert note in seen
    shown = seen.rpartition("step]")[2]
    assert shown.count("▀") == 40 * 20
    path = shown.rstrip().rpartition("\n")[2]
    assert (tmp_path / path).is_file()


@pytest.mark.slow
@pytest.mark.parametrize("moment", [r"\| +torch\.", r"[1-9]\d*/1000 "], ids=["torch is loaded", "it draws"])
def test_an_interrupt_leaves_nothing_behind(on_terminal: Opener, tmp_path: Path, moment: str) -> None:
    arguments = ("-X", "importtime", "-m", "moss_agent", "image", "a fox", "--steps", "1000", "--out", "drawn")
    terminal = on_terminal(*arguments)
    terminal.read_until(moment)
    terminal.process.send_signal(signal.SIGINT)
    seen = terminal.read_all()
    assert terminal.process.wait() == 130
    assert not re.search("terminate|Traceback|Exception", re.sub("import time:.*", "", seen)), seen[-2000:]
    assert not list(tmp_path.glob("drawn/*"))
