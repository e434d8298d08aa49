"""Standard streams that are full, closed, endless or in another encoding: one line, the right exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from moss_agent.cli import streams
from moss_agent.errors import UsageError
from tests.cli.conftest import ROOT

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a shell and devices")
ADD = "plugins run calculator 1+1"
CHAT = """
import sys
from moss_agent.cli import chat, program
from tests.cli.scenes import HELLO, make_runtime
chat.open_runtime = lambda *_: make_runtime(HELLO * 2)
sys.argv = ["moss-agent", "chat"]
program.run()
"""


def shell(command: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[bytes]:
    """Run a line of the shell, in which `moss-agent` and `chat` (on a scripted model) are this program."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "CHAT": CHAT, "PY": sys.executable}
    environment |= {"MOSS_AGENT_SETTINGS": "", "XDG_CONFIG_HOME": str(folder)} | variables
    line = command.replace("moss-agent", '"$PY" -m moss_agent').replace("chat", '"$PY" -c "$CHAT"')
    return subprocess.run(
        ["sh", "-c", line], stdin=subprocess.DEVNULL, capture_output=True, cwd=folder, env=environment, timeout=300
    )


@pytest.mark.slow
@pytest.mark.parametrize("to", ["> /dev/full", ">&-"])
@pytest.mark.parametrize("command", ["moss-agent --version", "moss-agent plugins list", f"moss-agent {ADD}", "chat"])
def test_output_that_cannot_be_written_is_one_line(command: str, to: str, tmp_path: Path) -> None:
    done = shell(f"echo Hi | {command} {to}", tmp_path)
    lines = done.stderr.decode().splitlines()
    assert done.returncode == 1
    assert lines[-1].startswith("moss-agent: standard output cannot be written: ")
    assert "Traceback" not in done.stderr.decode() and "Exception" not in done.stderr.decode()
    assert len(lines) == 1 or command == "chat"  # which shows the thoughts before


@pytest.mark.slow
@pytest.mark.parametrize("to", ["2> /dev/full", "2>&-", "<&-"])
@pytest.mark.parametrize(
    ("command", "code", "out"),
    [(f"moss-agent {ADD}", 0, b"2\n"), ("moss-agent plugins run calculator 1/0", 1, b""), ("moss-agent frob", 2, b"")],
)
def test_the_rest_works_where_nobody_reads_the_errors(
    command: str, to: str, code: int, out: bytes, tmp_path: Path
) -> None:
    done = shell(f"{command} {to}", tmp_path)
    assert (done.returncode, done.stdout) == (code, out)


@pytest.mark.parametrize(
    ("command", "code"), [("moss-agent ask", 2), ("moss-agent plugins run --jsonl", 0), ("chat", 0)]
)
def test_closed_input_is_empty(command: str, code: int, tmp_path: Path) -> None:
    done = shell(f"{command} <&-", tmp_path)
    assert (done.returncode, done.stdout) == (code, b"")
    assert len(done.stderr.splitlines()) == (1 if code else 0)


@pytest.mark.parametrize(
    "command", ["moss-agent ask", "moss-agent ask Well?", "moss-agent plugins run --jsonl", "chat"]
)
def test_endless_input_is_refused(command: str, tmp_path: Path) -> None:
    done = shell(f"{command} < /dev/zero", tmp_path)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"moss-agent: standard input has more than ")
    assert done.stderr.count(b"\n") == 1


def test_input_that_is_no_utf_8_is_in_the_encoding_of_the_console(tmp_path: Path) -> None:
    (tmp_path / "gbk").write_bytes("中文\n".encode("gbk"))
    (tmp_path / "utf8").write_bytes("\ufeff中文\n".encode())
    code = "import sys; from moss_agent.cli.streams import read_all; print(ascii(read_all(sys.stdin, 99)))"
    for file in ("gbk", "utf8"):
        done = shell(f"\"$PY\" -c '{code}' < {file}", tmp_path, PYTHONIOENCODING="gbk")
        assert done.stdout.decode() == "'\\u4e2d\\u6587\\n'\n", done.stderr


def test_what_was_typed_for_a_program_that_fails_is_not_left_to_the_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = pytest.importorskip("pty").openpty()
    with open(theirs, encoding="utf-8") as terminal, open(ours, "wb", buffering=0) as keys:
        monkeypatch.setattr(streams, "_own", [terminal])
        with pytest.raises(UsageError), streams.typing_waits():
            keys.write(b"reboot\n")
            assert streams.comes(terminal, 60)
            raise UsageError("no model")
        assert not streams.comes(terminal, 0)
