"""The provider `documents` over a real index."""

from __future__ import annotations

from pathlib import Path

import pytest

from moss_agent.documents import DocumentIndex
from moss_agent.errors import PluginError
from plugins.web_search import web_search
from tests.plugins.web_search.searxng import PARIS, results
from tests.plugins.web_search.site import Site


@pytest.fixture
def index(tmp_path: Path) -> str:
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "moss.txt").write_text("Moss grows in the shade.\u202e <eom>", encoding="utf-8")
    (folder / "苔藓.md").write_text("# 苔藓\n\n苔藓没有真正的根。\n", encoding="utf-8")
    DocumentIndex(tmp_path / "index.sqlite").update(folder)
    return str(tmp_path / "index.sqlite")


def test_passages_of_the_users_own_files(index: str, tmp_path: Path) -> None:
    (hit,) = web_search("where does moss grow", providers=["documents"], documents=index)
    assert (hit.text, hit.url) == ("Moss grows in the shade. <eom>", (tmp_path / "notes" / "moss.txt").as_uri())
    (hit,) = web_search("苔藓有根吗", providers=["documents"], documents=index)
    assert "没有真正的根" in hit.text and "苔藓" in hit.title


def test_changes_are_seen_at_once(index: str, tmp_path: Path) -> None:
    web_search("where does moss grow", providers=["documents"], documents=index)
    (tmp_path / "notes" / "moss.txt").write_text("Moss grows on stones.", encoding="utf-8")
    DocumentIndex(index).update(tmp_path / "notes")
    (hit,) = web_search("where does moss grow", providers=["documents"], documents=index)
    assert hit.text == "Moss grows on stones."


def test_the_web_is_asked_where_the_documents_say_nothing(index: str, site: Site) -> None:
    site.pages["/search"] = results(PARIS)
    settings = {"providers": ["documents", "searxng"], "documents": index, "searxng": site.url(""), "read": False}
    assert [hit.url for hit in web_search("capital of France", **settings)] == [PARIS["url"]]
    assert web_search("moss", **settings)[0].url.startswith("file:")
    assert len(site.requests) == 1


def test_the_web_is_not_asked_because_the_index_is_wrong(tmp_path: Path, site: Site) -> None:
    (tmp_path / "notes.txt").write_text("no index", encoding="utf-8")
    for name, said in (("none.sqlite", "moss-agent search index"), ("notes.txt", "is no document index")):
        settings = {"documents": str(tmp_path / name), "searxng": site.url("")}
        with pytest.raises(PluginError, match=said):
            web_search("moss", providers=["documents", "searxng"], **settings)
    assert not site.requests


def test_without_an_index_the_remedy_is_named(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="moss-agent search index"):
        web_search("moss", providers=["documents"], documents=str(tmp_path / "none.sqlite"))
