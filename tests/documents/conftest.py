from __future__ import annotations

from pathlib import Path

import pytest

from moss_agent.documents import DocumentIndex
from tests.documents.making import CHINESE, ENGLISH, docx, html, pdf


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a file of every kind; each says something that no other does."""
    folder = tmp_path / "collection"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "walrus.txt").write_text(f"{ENGLISH} {CHINESE}", encoding="utf-8")
    (folder / "gb.txt").write_bytes("水獭用石头砸开贝壳。".encode("gb18030"))
    (folder / "seal.md").write_text("# Seals\n\n## Food\n\nSeals eat herring.\n", encoding="utf-8")
    (folder / "orca.html").write_bytes(html("Orcas", "<h1>Orcas</h1><p>Orcas hunt in pods.</p>"))
    (folder / "deep" / "whale.pdf").write_bytes(pdf([["Whales sing."], ["鲸鱼唱歌。"]], title="Whales"))
    (folder / "deep" / "er" / "bear.docx").write_bytes(docx("Bears", ["Polar bears swim.", "北极熊会游泳。"]))
    return folder


@pytest.fixture
def index(tmp_path: Path) -> DocumentIndex:
    return DocumentIndex(tmp_path / "index" / "documents.sqlite")


@pytest.fixture
def bound_by_permissions(tmp_path: Path) -> None:
    """Skips for a user who may do everything."""
    secret = tmp_path / "secret"
    secret.touch()
    secret.chmod(0)
    try:
        secret.read_bytes()
    except OSError:
        return
    pytest.skip("permissions do not bind this user")
