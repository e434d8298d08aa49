"""An index over real folders: what is found, and what an update notices."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moss_agent.documents import DocumentIndex, Found, Progress, Report, contents, store
from moss_agent.documents.folder import Entry
from moss_agent.documents.worker import extract
from moss_agent.errors import DocumentIndexError, UsageError
from moss_agent.text_search import words
from tests.documents.making import CHINESE

pytestmark = pytest.mark.slow


def names(found: list[Found]) -> list[str]:
    return [passage.url.rpartition("/")[2] for passage in found]


@pytest.mark.slow
def test_every_kind_of_file_is_found_in_both_languages(folder: Path, index: DocumentIndex) -> None:
    assert index.update(folder) == Report(added=6)
    for query, name, title, text in [
        ("clams mussels", "walrus.txt", "walrus", "They dive for clams and mussels."),
        ("海象吃什么", "walrus.txt", "walrus", CHINESE),
        ("水獭", "gb.txt", "gb", "水獭用石头砸开贝壳。"),
        ("what do seals eat?", "seal.md", "Seals › Food", "Seals eat herring."),
        ("hunting orcas", "orca.html", "Orcas", "Orcas hunt in pods."),
        ("whale song sing", "whale.pdf#page=1", "Whales", "Whales sing."),
        ("鲸鱼", "whale.pdf#page=2", "Whales", "鲸鱼唱歌。"),
        ("北極熊", "bear.docx", "Bears", "Polar bears swim. 北极熊会游泳。"),
    ]:
        best = index.search(query)[0]
        assert (names([best])[0], best.title) == (name, title), query
        assert text in best.text
        assert best.url.startswith(folder.as_uri())
        assert best.score > 0


def test_all_words_come_before_some_words(tmp_path: Path, index: DocumentIndex) -> None:
    for name, text in {"a": "ice " * 30, "b": "walrus walrus walrus", "c": "filler " * 50 + "walrus on ice"}.items():
        (tmp_path / f"{name}.txt").write_text(text)
    index.update(tmp_path)
    assert names(index.search("walrus ice"))[0] == "c.txt"
    assert sorted(names(index.search("walrus ice"))) == ["a.txt", "b.txt", "c.txt"]
    assert names(index.search("walrus ice", limit=1)) == ["c.txt"]
    assert index.search("walrus", limit=0) == []


def test_the_title_counts_more_than_the_text(tmp_path: Path, index: DocumentIndex) -> None:
    (tmp_path / "a.md").write_text("# Walrus\n\nRests on ice and says a few words.")
    (tmp_path / "b.md").write_text("# Seal\n\nIs no walrus and says a few words.")
    index.update(tmp_path)
    assert names(index.search("walrus")) == ["a.md", "b.md"]


def test_a_heading_without_text_is_not_lost(tmp_path: Path, index: DocumentIndex) -> None:
    (tmp_path / "a.md").write_text(
        "# Manual\n\n## Installing\n\n### Linux\n\nUse the package.\n\n## Thanks\n\n## Licence\n"
    )
    (tmp_path / "b.md").write_text("# Otters\n")
    index.update(tmp_path)
    assert [found.text for found in index.search("otters")] == ["Otters"]
    assert [found.title for found in index.search("installing")] == ["Manual › Installing › Linux"]
    assert [found.text for found in index.search("licence")] == ["Thanks › Licence"]


def test_one_document_does_not_hide_the_others(tmp_path: Path, index: DocumentIndex) -> None:
    (tmp_path / "big.txt").write_text("\n\n".join(f"walrus walrus {number} " + "x" * 390 for number in range(300)))
    (tmp_path / "small.txt").write_text("filler words " * 20 + "and a walrus")
    (tmp_path / "copy.txt").write_text("filler words " * 20 + "and a walrus")
    index.update(tmp_path)
    found = names(index.search("walrus", limit=5))
    assert found[:2] == ["big.txt", "big.txt"]
    assert found[2] in ("small.txt", "copy.txt")  # the same text is shown once
    assert found[3:] == ["big.txt", "big.txt"]  # nothing else is left
    assert names(index.search("walrus", limit=2, per_document=1))[0] == "big.txt"


@pytest.mark.slow
def test_a_document_of_thousands_of_passages_does_not_hide_the_others(tmp_path: Path, index: DocumentIndex) -> None:
    (tmp_path / "big.txt").write_text("\n\n".join(f"walrus walrus {number} " + "x" * 380 for number in range(3000)))
    (tmp_path / "same.txt").write_text("\n\n".join(["walrus walrus " + "x" * 380] * 3000))
    (tmp_path / "small.txt").write_text("filler words " * 20 + "and a walrus")
    index.update(tmp_path)
    assert names(index.search("walrus", limit=4)) == ["same.txt", "big.txt", "big.txt", "small.txt"]


def test_all_words_in_one_document_do_not_hide_the_others(tmp_path: Path, index: DocumentIndex) -> None:
    (tmp_path / "big.txt").write_text("\n\n".join(f"walrus on ice {number} " + "x" * 380 for number in range(9)))
    (tmp_path / "small.txt").write_text("filler words " * 20 + "and a walrus")
    index.update(tmp_path)
    assert names(index.search("walrus ice", limit=4)) == ["big.txt", "big.txt", "small.txt", "big.txt"]


def test_any_query_is_answered(tmp_path: Path, index: DocumentIndex) -> None:
    (tmp_path / "only.txt").write_text("nothing to find")
    index.update(tmp_path)
    for query in ["", "the", '"', "NEAR(a, b)", "text: x", "a* -b", "\0", "\ud800", "海" * 5000]:
        assert isinstance(index.search(query), list)


def test_an_update_reads_only_what_is_new(folder: Path, index: DocumentIndex) -> None:
    index.update(folder)
    assert index.update(folder) == Report(unchanged=6)

    (folder / "seal.md").write_text("Seals eat salmon.")
    (folder / "gb.txt").unlink()
    (folder / "new.txt").write_text("Penguins live elsewhere.")
    os.utime(folder / "walrus.txt", (1, 1))  # the same text
    told: list[Progress] = []
    assert index.update(folder, told.append) == Report(added=1, changed=1, removed=1, unchanged=4)
    assert {(progress.path.name, progress.outcome) for progress in told} >= {
        ("seal.md", "changed"),
        ("gb.txt", "removed"),
        ("new.txt", "added"),
        ("walrus.txt", "unchanged"),
    }
    assert [progress.done for progress in told] == list(range(1, 8))
    assert {progress.total for progress in told} == {7}
    assert index.search("herring") == []
    assert index.search("水獭") == []
    assert names(index.search("salmon")) == ["seal.md"]
    assert names(index.search("penguin")) == ["new.txt"]
    with sqlite3.connect(index.path) as db:
        db.execute("INSERT INTO terms (terms) VALUES ('integrity-check')")
        assert (
            db.execute("SELECT count(*) FROM terms").fetchone()
            == db.execute("SELECT count(*) FROM passages").fetchone()
        )


def test_several_folders_share_an_index(tmp_path: Path, index: DocumentIndex) -> None:
    for name in ("a", "a b", "a-c"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.txt").write_text(f"walrus {name}")
        index.update(tmp_path / name)
    assert len(index.search("walrus")) == 3
    assert [(status.folder.name, status.files, status.passages) for status in index.status()] == [
        ("a", 1, 1),
        ("a b", 1, 1),
        ("a-c", 1, 1),
    ]
    shutil.rmtree(tmp_path / "a")
    with pytest.raises(UsageError, match="search forget"):
        index.update(tmp_path / "a")
    assert len(index.search("walrus")) == 3
    assert index.forget(tmp_path / "a") == 1
    assert sorted(found.text for found in index.search("walrus")) == ["walrus a b", "walrus a-c"]
    assert len(index.status()) == 2
    with pytest.raises(UsageError, match="not in the index"):
        index.forget(tmp_path / "a")


@pytest.mark.parametrize(("forgotten", "kept"), [("a", "a/b"), ("a/b", "a")])
def test_what_is_in_another_folder_too_is_not_forgotten(
    tmp_path: Path, index: DocumentIndex, forgotten: str, kept: str
) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "x.txt").write_text("walrus")
    index.update(tmp_path / "a")
    index.update(tmp_path / "a" / "b")
    assert index.forget(tmp_path / forgotten) == 0
    assert len(index.search("walrus")) == 1
    assert index.forget(tmp_path / kept) == 1
    assert index.search("walrus") == []


def test_terms_are_made_anew_when_the_libraries_that_shape_them_change(
    tmp_path: Path, index: DocumentIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.txt").write_text("Walrus.")
    (tmp_path / "b.txt").write_text("Seal.")
    with monkeypatch.context() as other:
        other.setattr("moss_agent.documents.store.terms", lambda text: words.terms(text)[::-1])
        other.setattr("moss_agent.documents.contents.signature", lambda: "another library")
        index.update(tmp_path)
    assert index.search("walrus") == []
    (tmp_path / "b.txt").unlink()
    assert index.update(tmp_path) == Report(removed=1, unchanged=1)
    assert names(index.search("walrus")) == ["a.txt"]
    assert index.search("seal") == []


PIECES = [
    "walrus",
    "ice",
    "seal",
    "drift",
    "北极",
    "海象",
    "浮冰",
    "在",
    "上",
    "休息",
    "臺灣",
    "２０２３",
    "G20",
    "，",
    "。",
    ".",
    " ",
    "\n\n",
]
TEXTS = st.lists(st.lists(st.sampled_from(PIECES), min_size=1, max_size=120).map("".join), min_size=1, max_size=4)


@given(TEXTS)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_text_is_found_by_each_word_that_it_alone_has(tmp_path: Path, texts: list[str]) -> None:
    index = DocumentIndex(tmp_path / f"{uuid4()}.sqlite")
    path = tmp_path / "x.txt"
    with store.writing(index.path, waits=lambda: None) as db:
        for number, text in enumerate(texts):
            path.write_text(f"{text} only{number}", encoding="utf-8")
            contents.add(db, Entry(tmp_path / f"{number}.txt"), extract(path, None), instead_of=None)
    for number, text in enumerate(texts):
        words_of = {*re.findall("(?<![A-z])[a-z]+(?![A-z])|[北极海象浮冰休息]{2,}", text), f"only{number}"}
        for word in (word for word in words_of if not any(word in other for other in texts if other != text)):
            assert f"{number}.txt" in names(index.search(word, limit=20)), word


def test_no_index_yet(index: DocumentIndex) -> None:
    for ask in (lambda: index.search("x"), index.status, lambda: index.forget("x")):
        with pytest.raises(UsageError, match="moss-agent search index FOLDER"):
            ask()
    assert not index.path.exists()


def damaged(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[5000:] = os.urandom(len(data) - 5000)
    path.write_bytes(data)


def test_what_is_no_index_is_refused_with_the_remedy(folder: Path, index: DocumentIndex) -> None:
    index.path.parent.mkdir()
    for make, remedy in [
        (lambda: index.path.write_bytes(b"something else" * 500), "delete it"),
        (lambda: sqlite3.connect(index.path).execute("CREATE TABLE x (y)").connection.close(), "name another file"),
    ]:
        index.path.unlink(missing_ok=True)
        make()
        before = index.path.read_bytes()
        for ask in (lambda: index.search("walrus"), lambda: index.update(folder)):
            with pytest.raises(DocumentIndexError, match=remedy):
                ask()
        assert index.path.read_bytes() == before


@pytest.mark.slow
def test_a_damaged_index_is_refused_with_the_remedy(folder: Path, index: DocumentIndex) -> None:
    index.update(folder)
    damaged(index.path)
    for ask in (lambda: index.search("walrus"), lambda: index.update(folder)):
        with pytest.raises(DocumentIndexError, match="delete it and run moss-agent search index again"):
            ask()


def test_an_index_of_another_version_is_refused(folder: Path, index: DocumentIndex) -> None:
    index.update(folder)
    with sqlite3.connect(index.path) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(DocumentIndexError, match="another version of moss_agent: delete it"):
        index.search("walrus")


def test_no_place_for_an_index(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DocumentIndexError, match="(File exists|Not a directory): choose another place"):
        DocumentIndex(tmp_path / "file" / "x.sqlite").update(folder)
    with pytest.raises(UsageError, match="name another file"):
        DocumentIndex(tmp_path)


def test_an_index_is_for_its_owners_eyes(folder: Path, index: DocumentIndex) -> None:
    index.update(folder)
    assert index.path.stat().st_mode & 0o077 == 0


def test_the_documented_example(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    (folder / "battery.txt").write_text("Battery storage: keep it half charged.")
    page = Path(__file__).parents[2] / "docs" / "documents.md"
    (code,) = re.findall("```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    exec(code.replace("~/papers", str(folder)), {})
    shown = capsys.readouterr().out
    assert "outcome='added'" in shown
    assert "7 0 0 0 {}" in shown
    assert "battery.txt Battery storage: keep it half charged." in shown


@pytest.mark.skipif(not os.path.exists("/proc/self/mem"), reason="no such file on this system")
def test_a_file_that_sqlite_would_wait_for_is_refused():
    with pytest.raises(UsageError, match="name a file that can be read"):
        DocumentIndex("/proc/self/mem")
