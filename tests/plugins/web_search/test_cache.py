from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from plugins.web_search import _cache
from plugins.web_search._cache import KEPT_DAYS, KEPT_ENTRIES, Cache

ROOT = Path(__file__).parents[3]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "entries.sqlite3"


def test_keeps_json_and_its_age(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1e9)
    Cache(file).put("键", ["文", 1, None])
    assert Cache(file).get("键") == (["文", 1, None], 0.0)
    monkeypatch.setattr(time, "time", lambda: 1e9 + 60)
    assert Cache(file).get("键") == (["文", 1, None], 60.0)
    assert Cache(file).get("other") == (None, 0.0)


def test_a_later_value_replaces_an_earlier_one(file: Path) -> None:
    Cache(file).put("a", 1)
    Cache(file).put("a", 2)
    assert Cache(file).get("a")[0] == 2


def test_a_value_is_changed_in_one_transaction(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_cache, "LOCK_SECONDS", 60.0)

    def count() -> None:
        for _ in range(20):
            Cache(file).change("a", lambda number: (number or 0) + 1)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Cache(file).get("a")[0] == 80


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_only_the_user_may_read_it(file: Path) -> None:
    Cache(file).put("a", 1)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_old_entries_go(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Cache(file).put("old", 1)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + KEPT_DAYS * 86400 + 1)
    assert Cache(file).get("old") == (None, 0.0)
    Cache(file).put("new", 2)
    assert (Cache(file).get("old")[0], Cache(file).get("new")[0]) == (None, 2)


def test_the_oldest_of_too_many_go(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plugins.web_search._cache.KEPT_ENTRIES", 3)
    for number in range(5):
        Cache(file).put(str(number), number)
    assert [Cache(file).get(str(number))[0] for number in range(5)] == [None, None, 2, 3, 4]
    assert KEPT_ENTRIES > 100


@pytest.mark.parametrize("content", [b"no database", b"SQLite format 3\0" + b"x" * 5000])
def test_a_broken_file_is_replaced(file: Path, content: bytes) -> None:
    file.parent.mkdir()
    file.write_bytes(content)
    assert Cache(file).get("a") == (None, 0.0)
    Cache(file).put("a", 1)
    assert Cache(file).get("a")[0] == 1


def test_no_file_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (None, tmp_path / "file" / "below", tmp_path):
        Cache(path).put("a", 1)
        assert Cache(path).get("a") == (None, 0.0)


def test_several_processes_and_threads_write_at_once(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_cache, "LOCK_SECONDS", 60.0)
    code = (
        "import sys; from pathlib import Path; from plugins.web_search import _cache\n"
        "_cache.LOCK_SECONDS = 60.0\n"
        "for n in range(20): _cache.Cache(Path(sys.argv[1])).put(f'{sys.argv[2]}-{n}', n)"
    )
    other = subprocess.Popen([sys.executable, "-c", code, str(file), "process"], cwd=ROOT)
    threads = [
        threading.Thread(target=lambda i=i: [Cache(file).put(f"{i}-{n}", n) for n in range(20)]) for i in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert other.wait(120) == 0
    names = ["process", "0", "1", "2"]
    assert all(Cache(file).get(f"{name}-{n}")[0] == n for name in names for n in range(20))
