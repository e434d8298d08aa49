"""`search`: folders indexed and searched on the command line."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from moss_agent import cli
from tests.cli.conftest import Program


@pytest.fixture
def papers(tmp_path: Path) -> Path:
    folder = tmp_path / "papers"
    folder.mkdir()
    (folder / "walrus.md").write_text("# Walrus\n\n## Food\n\nWalruses eat clams.\n", encoding="utf-8")
    (folder / "海象.txt").write_text("海象吃蛤蜊。", encoding="utf-8")
    (folder / "broken.pdf").write_bytes(b"broken")
    return folder


def test_index_query_status_forget(program: Program, papers: Path, tmp_path: Path) -> None:
    data = {"XDG_DATA_HOME": str(tmp_path / "data")}
    done = program("search", "index", "papers", **data)
    assert done.returncode == 0
    assert done.stdout.startswith("2 added, 0 changed, 0 removed, 0 unchanged, 1 not read; index: ")
    assert done.stderr == f"not read: {papers}/broken.pdf: damaged, or no PDF\n"
    assert program("search", "index", "papers", **data).stdout.startswith("0 added, 0 changed, 0 removed, 2 unchanged")

    found = program("search", "query", "what", "do", "walruses", "eat?", **data)
    assert found.stdout == f"1. Walrus › Food\n   Walruses eat clams.\n   {papers}/walrus.md\n"
    found = program("search", "query", "海象", "--json", "--limit", "1", **data)
    (line,) = found.stdout.splitlines()
    passage = json.loads(line)
    assert passage.pop("score") > 0
    assert passage == {"text": "海象吃蛤蜊。", "title": "海象", "url": (papers / "海象.txt").as_uri()}

    lines = program("search", "status", **data).stdout.splitlines()
    assert lines[0].split() == ["FOLDER", "FILES", "PASSAGES", "NOT", "READ"]
    assert lines[1].split() == [str(papers), "2", "2", "1"]
    assert lines[2] == f"not read: {papers}/broken.pdf: damaged, or no PDF"
    assert lines[3].startswith(f"index: {tmp_path}/data/moss_agent/documents.sqlite (0.")

    assert program("search", "forget", "papers", **data).stdout == "3 files taken out of the index\n"
    done = program("search", "query", "walrus", **data)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "nothing found\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["query", "x"], "moss-agent search index FOLDER"),
        (["status"], "no document index"),
        (["forget", "papers"], "no document index"),
        (["index", "nowhere"], "no folder"),
        (["query", "x", "--limit", "0"], "must be 1 or more"),
        (["query"], "QUERY"),
        (["index", "papers", "--index", "papers"], "name another file"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    papers: Path,
    arguments: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(papers.parent)
    monkeypatch.setenv("XDG_DATA_HOME", str(papers / "nothing"))
    assert cli.main(["search", *arguments]) == 2
    errors = capsys.readouterr().err
    assert errors.count("\n") == 1
    assert message in errors


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="no such file names on Windows")
def test_nothing_in_documents_or_their_names_steers_the_terminal(program: Program, papers: Path) -> None:
    (papers / "\x1b[31mred\n\x07.md").write_text(
        f"# \x1b]0;title\x07 Otter \u202e\n\nOtters \x1b[2J\x9b1m swim. {'More words. ' * 30}"
    )
    (papers / "\x1b[31mred\n.pdf").write_bytes(b"broken")
    indexed = program("search", "index", "papers", "--index", "x")
    found = program("search", "query", "otters", "--index", "x")
    status = program("search", "status", "--index", "x")
    assert "swim." in found.stdout
    for text in (indexed.stdout, indexed.stderr, found.stdout, status.stdout):
        assert not set(text) & set("\x1b\x07\x9b\u202e")
    assert len(found.stdout.splitlines()) == 3
