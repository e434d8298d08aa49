"""Several processes at one index, and processes that are killed or may not write."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from moss_agent.documents import DocumentIndex, Report
from moss_agent.errors import DocumentIndexError

resource = pytest.importorskip("resource", reason="no such limits on Windows")
ROOT = Path(__file__).parents[2]
UPDATE = """
import sys
from moss_agent.documents import DocumentIndex
report = DocumentIndex(sys.argv[1]).update(sys.argv[2], lambda progress: print(progress.outcome, flush=True))
print(f"{report.added} added, {report.unchanged} unchanged")
"""


STEP = 50  # files
IN_STEPS = UPDATE.replace(
    "lambda progress: print(progress.outcome, flush=True)",
    f"lambda progress: (print(progress.outcome, flush=True), progress.done % {STEP} or sys.stdin.readline())",
)
"""Goes on after every so many files when it is sent a line."""


@contextmanager
def updating(
    index: DocumentIndex, folder: Path, source: str = UPDATE, **options: object
) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", source, str(index.path), str(folder)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, **options
    ) as it:
        try:
            yield it
        finally:
            it.kill()


@pytest.fixture
def many(tmp_path: Path) -> Path:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(200):
        (folder / f"{number:03}.txt").write_text(
            f"walrus number {number}, " + f"海象第{number}号。" * 100, encoding="utf-8"
        )
    return folder


@pytest.mark.slow
def test_two_updates_at_once_while_others_search(many: Path, index: DocumentIndex) -> None:
    with updating(index, many, source=IN_STEPS, stdin=subprocess.PIPE) as one:
        told = [one.stdout.readline() for _ in range(STEP)]
        with updating(index, many) as other:
            assert other.stdout.readline() == "waiting\n"
            counts = [len(index.search("walrus", limit=1000))]
            for _ in range(200 // STEP - 1):
                print(file=one.stdin, flush=True)
                told += [one.stdout.readline() for _ in range(STEP)]
                counts.append(len(index.search("walrus", limit=1000)))
            (done, errors), (waited, more_errors) = one.communicate("\n"), other.communicate()
    assert (errors, more_errors) == ("", "")
    assert told == ["added\n"] * 200 and counts == [50, 100, 150, 200]
    assert done == "200 added, 0 unchanged\n"
    assert waited.endswith("0 added, 200 unchanged\n")


@pytest.mark.slow
def test_a_killed_update_keeps_what_it_had_finished(many: Path, index: DocumentIndex) -> None:
    with updating(index, many, source=IN_STEPS, stdin=subprocess.PIPE) as it:
        told = [it.stdout.readline() for _ in range(STEP)]
        print(file=it.stdin, flush=True)
        told.append(it.stdout.readline())  # it is at work when it is killed, and stays before the end of the step
        assert told == ["added\n"] * (STEP + 1)
        helpers = psutil.Process(it.pid).children(recursive=True)
        it.send_signal(signal.SIGKILL)
        it.wait()
    kept = len(index.search("walrus", limit=1000))
    assert STEP < kept <= 2 * STEP
    assert index.update(many) == Report(added=200 - kept, unchanged=kept)
    assert len(index.search("walrus", limit=1000)) == 200
    psutil.wait_procs(helpers)  # they do not outlive the update


@pytest.mark.slow
def test_a_full_disk_is_one_line_and_costs_nothing(many: Path, index: DocumentIndex) -> None:
    index.update(many)
    for number in range(300):
        (many / f"more{number}.txt").write_text(f"seal {number} " * 50)

    def limit() -> None:
        size = index.path.stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    with updating(index, many, preexec_fn=limit) as it:
        _, errors = it.communicate()
    assert it.returncode == 1
    assert "DocumentIndexError: document index" in errors
    assert "no room to write" in errors
    assert 200 <= index.status()[0].files < 500
    assert index.search("walrus")
    assert index.update(many).failed == {}
    assert index.status()[0].files == 500


@pytest.mark.usefixtures("bound_by_permissions")
def test_a_read_only_place_can_be_searched(folder: Path, index: DocumentIndex) -> None:
    index.update(folder)
    index.path.chmod(0o400)
    index.path.parent.chmod(0o500)
    try:
        assert index.search("seals")
        with pytest.raises(DocumentIndexError, match="cannot be opened or written"):
            index.update(folder)
    finally:
        index.path.parent.chmod(0o500)
