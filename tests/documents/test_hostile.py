"""Files that mean harm, or are none: each a line in the report, and the update goes on."""

from __future__ import annotations

import os
import random
import threading
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moss_agent.documents import DocumentIndex
from moss_agent.documents.passages import LENGTH
from moss_agent.documents.worker import Worker, extract
from tests.documents.making import CHINESE, ENGLISH, docx, html, pdf

pytestmark = pytest.mark.slow

NOISE = random.Random(1).randbytes(10_000)
posix_only = pytest.mark.skipif(os.name == "nt", reason="no such files on Windows")


@posix_only
def test_what_is_no_readable_file_is_reported(tmp_path: Path, index: DocumentIndex) -> None:
    folder = tmp_path / "hostile"
    folder.mkdir()
    (folder / "good.txt").write_text("walrus")
    (folder / "empty.txt").touch()
    (folder / ".hidden.txt").write_text("walrus hidden")
    (folder / "~$open.docx").write_bytes(b"lock")
    (folder / "program.exe").write_text("walrus program")
    (folder / "loop").symlink_to(folder)
    (folder / "endless").symlink_to("endless")
    (folder / "library.so").symlink_to("library.so.1")
    (folder / "link.txt").symlink_to("/etc/passwd")
    (folder / "dangling.md").symlink_to("nowhere")
    os.mkfifo(folder / "pipe.txt")
    with open(folder / "huge.txt", "wb") as file:
        file.truncate(1 << 30)  # takes no room on the disk
    (folder / "noise.txt").write_bytes(NOISE)
    (folder / "noise.pdf").write_bytes(b"%PDF-1.7" + NOISE)
    (folder / "locked.pdf").write_bytes(pdf([["walrus secret"]], password="x"))
    (folder / "noise.html").write_bytes(NOISE)
    (folder / "noise.docx").write_bytes(NOISE)
    report = index.update(folder)
    assert report.added == 2
    reasons = {path.name: reason for path, reason in report.failed.items()}
    assert reasons == {
        "loop": "a symbolic link, not followed: index what it leads to",
        "link.txt": "a symbolic link, not followed: index what it leads to",
        "dangling.md": "a symbolic link, not followed: index what it leads to",
        "pipe.txt": "a device or pipe, not a file",
        "huge.txt": "larger than 128 MB: split it into several files",
        "noise.txt": "not text in a known encoding: save it as UTF-8",
        "noise.html": "not text in a known encoding: save it as UTF-8",
        "noise.pdf": "damaged, or no PDF",
        "noise.docx": "damaged, or no Word file",
        "locked.pdf": "encrypted: save a copy without the password",
    }
    assert [found.title for found in index.search("walrus")] == ["good"]
    again = index.update(folder)
    assert (again.added, again.unchanged) == (0, 2)
    assert again.failed == report.failed


@posix_only
def test_any_file_name(tmp_path: Path, index: DocumentIndex) -> None:
    folder = tmp_path / "names"
    folder.mkdir()
    names = [b"\xff\xfe odd.txt", b"new\nline.txt", b"\x1b[31mred.txt", b"a?b#c%20d.txt", b" .TXT"]
    paths = [folder / os.fsdecode(name) for name in names]
    for number, path in enumerate(paths):
        path.write_text(f"walrus {number}")  # of the same text there would be one
    assert index.update(folder).added == len(paths)
    assert index.update(folder).unchanged == len(paths)
    found = index.search("walrus", limit=10)
    assert {each.url for each in found} == {path.as_uri() for path in paths}
    for each in found:
        each.title.encode()
        assert each.url.isascii()
    for path in paths:
        path.unlink()
    assert index.update(folder).removed == len(paths)


@pytest.mark.slow
@posix_only
def test_folders_deeper_than_calls_may_be(tmp_path: Path, index: DocumentIndex) -> None:
    deep = [tmp_path]
    while len(deep) < 1100:
        deep.append(deep[-1] / "d")
        deep[-1].mkdir()
    (deep[-1] / "walrus.txt").write_text("walrus")
    assert index.update(tmp_path).added == 1
    (deep[-1] / "walrus.txt").unlink()
    for folder in reversed(deep[1:]):  # pytest's own cleaning would go as deep
        folder.rmdir()


@pytest.mark.usefixtures("bound_by_permissions")
def test_what_may_not_be_opened_stays_as_it_was(folder: Path, index: DocumentIndex) -> None:
    index.update(folder)
    (folder / "seal.md").write_text("changed")
    (folder / "seal.md").chmod(0)
    (folder / "deep").chmod(0)
    try:
        report = index.update(folder)
    finally:
        (folder / "deep").chmod(0o700)
    assert set(report.failed.values()) == {"cannot be opened: Permission denied"}
    assert (report.removed, report.unchanged) == (0, 3)
    assert index.search("herring")
    assert index.search("whales")


def test_a_file_that_was_readable_and_is_damaged_leaves(tmp_path: Path, index: DocumentIndex) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf([["walrus"]]))
    index.update(tmp_path)
    (tmp_path / "a.pdf").write_bytes(b"%PDF damaged")
    assert list(index.update(tmp_path).failed.values()) == ["damaged, or no PDF"]
    assert index.search("walrus") == []
    assert index.status()[0].failed == {tmp_path / "a.pdf": "damaged, or no PDF"}


GOOD = {
    ".txt": CHINESE.encode("gb18030"),
    ".md": f"# Walrus\n\n| a | b |\n|---|---|\n\n> {ENGLISH}\n".encode(),
    ".html": html("Walrus", f"<h1>Walrus</h1><p>{ENGLISH}</p><table><tr><td>{CHINESE}</td></tr></table>"),
    ".pdf": pdf([[ENGLISH], [CHINESE]]),
    ".docx": docx("Walrus", [ENGLISH], [[CHINESE, "x"]]),
}


@pytest.mark.parametrize("suffix", GOOD)
@given(data=st.data())
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_files_are_read_or_refused(tmp_path: Path, suffix: str, data: st.DataObject) -> None:
    whole = GOOD[suffix]
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, min(len(whole), start + 200)))
    path = tmp_path / f"damaged{suffix}"
    path.write_bytes(whole[:start] + data.draw(st.binary(max_size=50)) + whole[end:])
    found = extract(path, None)
    assert found.passages or found.problem or not any(map(str.isalnum, found.title))
    assert all(0 < len(passage.text) <= LENGTH for passage in found.passages)
    assert "\n" not in found.problem


@pytest.fixture
def slow(tmp_path: Path) -> Path:
    """A file that takes many seconds to read."""
    path = tmp_path / "slow.md"
    path.write_text("[" * 2_000_000)
    return path


def test_a_file_that_takes_too_long_is_given_up(slow: Path) -> None:
    worker, before = Worker(seconds=1), set(psutil.Process().children())
    try:
        assert worker.extract(slow, None).problem == "takes longer than 1 s to read"
        psutil.wait_procs(set(psutil.Process().children()) - before)  # it is killed; the next file starts another
    finally:
        worker.close()


@posix_only
def test_a_file_that_ends_the_worker_is_given_up(tmp_path: Path, slow: Path) -> None:
    (tmp_path / "good.txt").write_text("walrus")
    worker, before = Worker(), set(psutil.Process().children(recursive=True))
    try:
        worker.extract(tmp_path / "good.txt", None)
        started = set(psutil.Process().children(recursive=True)) - before
        threading.Timer(1.0, lambda: [process.kill() for process in started]).start()
        assert worker.extract(slow, None).problem == "made the program that reads it crash"
        assert worker.extract(tmp_path / "good.txt", None).passages
    finally:
        worker.close()
