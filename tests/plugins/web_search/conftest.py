from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.plugins.web_search.site import Site, serve


@pytest.fixture(autouse=True)
def cache_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOSS_AGENT_CACHE", str(tmp_path / "cache"))
    for name in ("http_proxy", "https_proxy", "all_proxy", "ddgs_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(autouse=True)
def time_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits that no test reaches, however long the machine stalls; those that are a test's subject it sets itself."""
    monkeypatch.setattr("plugins.web_search._finding.SECONDS", 240.0)
    monkeypatch.setattr("plugins.web_search._finding.READING", 120.0)
    monkeypatch.setattr("plugins.web_search._fetching.CONNECT_SECONDS", 60.0)
    monkeypatch.setattr("plugins.web_search._fetching.IDLE_SECONDS", 60.0)


@pytest.fixture
def site() -> Iterator[Site]:
    with serve() as served:
        yield served
