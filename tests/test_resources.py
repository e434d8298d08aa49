"""What a person names is read whole, or refused in one line: never waited for, never without end."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from moss_agent import Conversation
from moss_agent.cli.image import recipe
from moss_agent.cli.pictures import as_text
from moss_agent.documents import DocumentIndex
from moss_agent.errors import UsageError
from moss_agent.plugin_host import load_folder
from moss_agent.resources import read_bytes, read_text, user_path
from moss_agent.settings import load_settings

posix = pytest.mark.skipif(sys.platform == "win32", reason="other names and no such devices there")
NAMES = ["", "~nosuchuser/x", "a\0b", "a" * 5000, "a/" * 3000, "\ud800"]


@pytest.fixture(params=["pipe", "/dev/zero", "folder", "link to a pipe"])
def no_file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """What is no regular file, by its name."""
    path = tmp_path / "pipe"
    if request.param == "/dev/zero":
        return Path(request.param)
    if request.param == "folder":
        return tmp_path
    os.mkfifo(path)
    if request.param == "pipe":
        return path
    (tmp_path / "link").symlink_to(path)
    return tmp_path / "link"


@posix
def test_what_is_no_regular_file_is_refused_at_once(no_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for read in (lambda path: read_text(path, 9), Conversation.load, Conversation().save, DocumentIndex, recipe):
        with pytest.raises(UsageError) as caught:
            read(no_file)
        assert len(str(caught.value).splitlines()) == 1
        assert str(no_file) in str(caught.value)
    monkeypatch.setenv("MOSS_AGENT_SETTINGS", str(no_file))
    with pytest.raises(UsageError):
        load_settings()
    assert as_text(str(no_file), {"COLORTERM": "truecolor"}) == ""


def test_a_file_has_a_size_limit(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"12345")
    assert read_bytes(path, 5) == b"12345"
    with pytest.raises(UsageError, match="larger than"):
        read_bytes(path, 4)


def test_text_is_utf_8_and_loses_its_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes("\ufeff苔\ufeff藓".encode())
    assert read_text(path, 99) == "苔\ufeff藓"
    path.write_bytes(b"moss \xff")
    with pytest.raises(UsageError, match="no UTF-8 at byte 5"):
        read_text(path, 99)


def test_settings_and_conversations_may_have_a_byte_order_mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "settings.toml"
    path.write_bytes(b'\xef\xbb\xbfmodel = "x"\n')
    monkeypatch.setenv("MOSS_AGENT_SETTINGS", str(path))
    monkeypatch.delenv("MOSS_AGENT_MODEL", raising=False)
    assert load_settings().model == "x"
    Conversation("preamble").save(path)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert Conversation.load(path) == Conversation("preamble")


@posix
@pytest.mark.parametrize("name", NAMES)
def test_names_that_no_file_can_have_are_one_line(name: str) -> None:
    for use in (user_path, Conversation.load, Conversation().save, DocumentIndex):
        with pytest.raises(UsageError) as caught:
            use(name)
        assert len(str(caught.value).splitlines()) == 1
        assert len(str(caught.value)) < 250
        str(caught.value).encode()


@posix
def test_a_link_to_itself_is_refused(tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    for use in (user_path, Conversation.load, Conversation().save, DocumentIndex, DocumentIndex().update, load_folder):
        with pytest.raises(UsageError, match="loop: Too many levels of symbolic links"):
            use(loop)


@posix
def test_other_names_are_paths(tmp_path: Path) -> None:
    for name in ("x", "~", "~root/x", str(tmp_path / "no" / "such"), "苔藓", os.fsdecode(b"\xff"), "a\nb"):
        assert user_path(name) == Path(name).expanduser()


@pytest.mark.skipif(not os.access("/proc/kmsg", os.R_OK), reason="no such file, or not ours")
def test_a_file_that_has_nothing_yet_is_not_waited_for() -> None:
    with pytest.raises(UsageError, match="regular file|can be read"):
        while True:  # what the kernel has said since then comes first
            read_text(Path("/proc/kmsg"), 1_000_000)
