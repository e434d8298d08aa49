"""`fetch` against a real HTTP server on loopback that can misbehave in every way that was thought of."""

from __future__ import annotations

import hashlib
import io
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from moss_agent.checkpoints import download, files
from moss_agent.errors import CheckpointError

pytestmark = pytest.mark.slow  # waits as servers make it wait

BODY = random.Random(0).randbytes(600_000)
SHA256 = hashlib.sha256(BODY).hexdigest()
HALF = len(BODY) // 2
ROOT = Path(download.__file__).parents[2]


@dataclass
class Answer:
    """How the server answers one request."""

    body: bytes = BODY
    status: int = 200
    ranges: bool = True
    stop_after: int | None = None
    """Cut the connection after so many bytes ..."""
    stall: threading.Event | None = None
    """... but wait for this first."""
    say_length: bool = True
    retry_after: str = ""
    location: str = ""


@dataclass
class Served:
    """What one test's server is told to do, and what it has done."""

    url: str
    plan: list[Answer] = field(default_factory=list)
    default: Answer = field(default_factory=Answer)
    ranges: list[str | None] = field(default_factory=list)
    sent: list[int] = field(default_factory=list)


def _handler(served: Served) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = served.plan.pop(0) if served.plan else served.default
            asked = self.headers["Range"]
            served.ranges.append(asked)
            start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and answer.ranges else 0
            # Counted before it is sent, so that the client cannot be done before the count is.
            request = len(served.sent)
            served.sent.append(0)
            self._headers(answer, start)
            body = answer.body[start:][: answer.stop_after]
            try:
                for at in range(0, len(body), 10_000):
                    served.sent[request] += len(body[at : at + 10_000])
                    self.wfile.write(body[at : at + 10_000])
                if answer.stall:
                    answer.stall.wait(600)
            except OSError:  # the client was killed
                pass
            self.close_connection = True

        def _headers(self, answer: Answer, start: int) -> None:
            self.send_response(206 if start and answer.status == 200 else answer.status)
            if answer.say_length:
                self.send_header("Content-Length", str(len(answer.body) - start))
            if answer.retry_after:
                self.send_header("Retry-After", answer.retry_after)
            if answer.location:
                self.send_header("Location", answer.location)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(answer.body) - 1}/{len(answer.body)}")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """A server of BODY."""
    monkeypatch.setattr(download, "BACKOFF", 0.001)
    state = Served("")
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(state)) as server:
        server.daemon_threads = True
        state.url = f"http://127.0.0.1:{server.server_port}/file.bin"
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield state
        server.shutdown()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Where the file shall go: in a folder that does not exist yet."""
    return tmp_path / "cache" / "file.bin"


def _fetch(served: Served, target: Path, progress: bool = False) -> Path:
    return download.fetch(served.url, target, sha256=SHA256, size=len(BODY), label="thing", progress=progress)


def _process(served: Served, target: Path, prelude: str = "") -> subprocess.Popen[str]:
    """Fetch in another process."""
    code = f"""{prelude}
from pathlib import Path
from moss_agent.checkpoints.download import fetch
fetch({served.url!r}, Path({str(target)!r}), sha256={SHA256!r}, size={len(BODY)}, label="thing", progress=True)
"""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)


def _begin(target: Path, begun: bytes) -> Path:
    part = files.beside(target, ".part")
    part.parent.mkdir()
    part.write_bytes(begun)
    return part


def _wait_for(condition: Callable[[], object]) -> None:
    while not condition():
        time.sleep(0.01)


def _assert_whole(target: Path) -> None:
    assert target.read_bytes() == BODY
    assert sorted(path.name for path in target.parent.iterdir()) == ["file.bin", "file.bin.lock"]


def test_fetches_once(served: Served, target: Path) -> None:
    assert _fetch(served, target) == target
    _assert_whole(target)
    _fetch(served, target)
    assert served.ranges == [None]


def test_a_damaged_file_is_fetched_anew(served: Served, target: Path) -> None:
    target.parent.mkdir()
    target.write_bytes(BODY[:-1] + b"x")
    _fetch(served, target)
    _assert_whole(target)


def test_goes_on_where_it_stopped(served: Served, target: Path) -> None:
    _begin(target, BODY[:HALF])
    _fetch(served, target)
    _assert_whole(target)
    assert (served.ranges, served.sent) == ([f"bytes={HALF}-"], [len(BODY) - HALF])


def test_starts_over_without_range_support(served: Served, target: Path) -> None:
    served.default = Answer(ranges=False)
    _begin(target, BODY[:HALF])
    _fetch(served, target)
    _assert_whole(target)
    assert served.sent == [len(BODY)]


def test_starts_over_without_range_support_after_a_drop(served: Served, target: Path) -> None:
    served.plan = [Answer(stop_after=HALF)]
    served.default = Answer(ranges=False, say_length=False)
    _fetch(served, target)
    _assert_whole(target)


@pytest.mark.parametrize("say_length", [True, False])
def test_survives_dropped_connections(served: Served, target: Path, say_length: bool) -> None:
    served.default = Answer(stop_after=100_000, say_length=say_length)
    _fetch(served, target)
    _assert_whole(target)
    assert len(served.sent) >= 6
    assert sum(served.sent) < len(BODY) + len(served.sent) * files.CHUNK


def test_survives_a_stalled_connection(served: Served, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine a good one may stall too, before it has brought anything."""
    monkeypatch.setattr(download, "READ_SECONDS", 0.2)
    monkeypatch.setattr(download, "SILENT_CONNECTIONS", 13)
    served.plan = [Answer(stop_after=HALF, stall=threading.Event())]
    _begin(target, BODY[:1])
    _fetch(served, target)
    _assert_whole(target)
    assert len(served.ranges) >= 2 and all(served.ranges)  # it goes on where it stopped, each time


def test_survives_a_busy_server(served: Served, target: Path) -> None:
    served.plan = [Answer(status=503, body=b"busy"), Answer(status=429, body=b"slowly")]
    _fetch(served, target)
    _assert_whole(target)


def test_waits_as_long_as_a_busy_server_asks_for(served: Served, target: Path) -> None:
    served.plan = [Answer(status=429, body=b"slowly", retry_after="1")]
    began = time.monotonic()
    _fetch(served, target)
    assert time.monotonic() - began >= 1  # instead of a thousandth


def test_a_refused_range_starts_over(served: Served, target: Path) -> None:
    served.plan = [Answer(status=416, body=b"", ranges=False)]
    _begin(target, BODY[:HALF])
    _fetch(served, target)
    _assert_whole(target)
    assert served.ranges == [f"bytes={HALF}-", None]


@pytest.mark.parametrize("begun", [b"x" * HALF, b"x" * len(BODY), BODY + b"x"])
def test_a_damaged_part_is_discarded(
    served: Served, target: Path, begun: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    _begin(target, begun)
    _fetch(served, target, progress=True)
    _assert_whole(target)
    assert "thing: what was fetched is damaged, so it is fetched anew." in capsys.readouterr().err
    assert served.ranges[-1] is None


def test_wrong_bytes_are_refused(served: Served, target: Path) -> None:
    served.default = Answer(body=BODY[::-1])
    with pytest.raises(CheckpointError, match=r"^thing: 127\.0\.0\.1 sends other bytes.*try another source$"):
        _fetch(served, target)
    assert [path.name for path in target.parent.iterdir()] == ["file.bin.lock"]
    assert len(served.sent) == 2


def test_a_file_of_another_size_is_refused_at_once_and_costs_nothing(served: Served, target: Path) -> None:
    served.default = Answer(body=b"<html>Please log in</html>", ranges=False)
    part = _begin(target, BODY[:HALF])
    with pytest.raises(CheckpointError, match="offers 26 bytes instead of 600000"):
        _fetch(served, target)
    assert part.read_bytes() == BODY[:HALF]
    assert len(served.sent) == 1


def test_a_log_in_page_of_unknown_length_costs_nothing(served: Served, target: Path) -> None:
    served.plan = [Answer(body=b"<html>Please log in</html>", ranges=False, say_length=False)]
    _begin(target, BODY[:HALF])
    _fetch(served, target)
    _assert_whole(target)
    assert served.ranges == [f"bytes={HALF}-"] * 2


def test_a_redirect_to_itself_is_not_asked_for_again_and_again(served: Served, target: Path) -> None:
    served.default = Answer(status=302, body=b"", location=served.url)
    with pytest.raises(CheckpointError, match="it redirects again and again"):
        _fetch(served, target)
    assert len(served.sent) < 2 * 20 + 2  # of one connection, with what httpx2 follows


def test_a_body_that_does_not_end_is_cut_and_refused(served: Served, target: Path) -> None:
    served.default = Answer(body=BODY[1:] * 50, say_length=False)
    with pytest.raises(CheckpointError, match="other bytes"):
        _fetch(served, target)
    assert [path.name for path in target.parent.iterdir()] == ["file.bin.lock"]
    assert max(served.sent) < len(BODY) * 50


def test_a_missing_file_is_not_asked_for_again(served: Served, target: Path) -> None:
    served.default = Answer(status=404, body=b"gone")
    with pytest.raises(CheckpointError, match="HTTP status 404"):
        _fetch(served, target)
    assert len(served.sent) == 1


def test_a_server_that_brings_nothing_is_given_up(served: Served, target: Path) -> None:
    served.default = Answer(status=500, body=b"")
    with pytest.raises(CheckpointError, match="HTTP status 500.*run the same command again"):
        _fetch(served, target)
    assert len(served.sent) == download.SILENT_CONNECTIONS


@pytest.mark.parametrize(
    ("url", "reason"),
    [("http://someone:secret@127.0.0.1:9/x", "nothing listens there"), ("file:///nowhere", "not an http address")],
)
def test_no_server(served: Served, target: Path, url: str, reason: str) -> None:
    served.url = url
    with pytest.raises(CheckpointError, match=reason) as caught:
        _fetch(served, target)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_killed_process_is_continued(served: Served, target: Path) -> None:
    served.plan = [Answer(stop_after=HALF, stall=threading.Event())]
    part = files.beside(target, ".part")
    process = _process(served, target)
    _wait_for(lambda: part.exists() and part.stat().st_size > HALF // 2)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not target.exists()
    have = part.stat().st_size
    _fetch(served, target)
    _assert_whole(target)
    assert served.sent[1:] == [len(BODY) - have]


def test_two_processes_fetch_once(served: Served, target: Path) -> None:
    go_on = threading.Event()
    served.plan = [Answer(stop_after=HALF, stall=go_on)]
    first = _process(served, target)
    _wait_for(lambda: served.sent)
    second = _process(served, target)
    assert second.stderr is not None
    assert second.stderr.readline() == "thing: another process is at it, waiting for it...\n"
    go_on.set()
    assert [process.wait() for process in (first, second)] == [0, 0]
    _assert_whole(target)
    assert sum(served.sent) < len(BODY) + files.CHUNK
    for process in (first, second):
        process.communicate()


def test_a_full_disk_leaves_nothing_that_looks_whole(served: Served, target: Path) -> None:
    # A limit on the size of files stands in for a full disk: the same failure of write(), with another number.
    resource = pytest.importorskip("resource")
    limit = f"import resource; resource.setrlimit({resource.RLIMIT_FSIZE}, ({HALF}, {HALF}))"
    process = _process(served, target, limit)
    _, stderr = process.communicate()
    message = stderr.splitlines()[-1]
    assert message.startswith(f"moss_agent.errors.CheckpointError: thing: cannot write in {target.parent} (File too")
    assert message.endswith("make room there, or set MOSS_AGENT_CACHE to another folder")
    assert not target.exists()
    assert len(served.sent) == 1
    _fetch(served, target)
    _assert_whole(target)


def test_a_folder_that_cannot_be_made_is_one_line(served: Served, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CheckpointError, match="cannot write in"):
        _fetch(served, tmp_path / "file" / "file.bin")


def test_progress_off_a_terminal_is_one_line(served: Served, target: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _fetch(served, target, progress=True)
    assert capsys.readouterr().err == "Fetching thing (1 MB)...\n"


def test_progress_on_a_terminal_is_a_bar(served: Served, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys, "stderr", terminal)
    served.plan = [Answer(stop_after=HALF), Answer(ranges=False)]
    _fetch(served, target, progress=True)
    assert "Fetching thing: 100%" in terminal.getvalue()


def test_no_progress_is_silent(served: Served, target: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _begin(target, b"x" * HALF)
    _fetch(served, target)
    captured = capsys.readouterr()
    assert captured.out + captured.err == ""


def test_install_refuses_other_bytes(tmp_path: Path) -> None:
    target = tmp_path / "file.bin"
    with pytest.raises(CheckpointError, match="damaged"):
        files.install(io.BytesIO(BODY[:-1]), target, sha256=SHA256, size=len(BODY), label="thing")
    assert list(tmp_path.iterdir()) == []
    files.install(io.BytesIO(BODY), target, sha256=SHA256, size=len(BODY), label="thing")
    assert [path.name for path in tmp_path.iterdir()] == ["file.bin"]


def test_importing_is_cheap() -> None:
    heavy = "{'httpx2', 'requests', 'tqdm', 'filelock', 'torch', 'transformers', 'peft', 'pypi_simple'}"
    code = f"import sys, moss_agent.checkpoints.mini; assert not {heavy} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ | {"PYTHONPATH": str(ROOT)})
