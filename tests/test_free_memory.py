"""The memory that is free, on a machine and in a container."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from moss_agent import free_memory
from moss_agent.free_memory import free_ram

MB = 10**6


@pytest.fixture
def container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A container that may take 64 MB and has 60 MB."""
    (tmp_path / "memory.max").write_text(f"{64 * MB}\n")
    (tmp_path / "memory.current").write_text(f"{60 * MB}\n")
    monkeypatch.setattr(free_memory, "CGROUP", tmp_path)
    return tmp_path


def test_a_container_may_take_what_is_left_of_its_limit(container: Path) -> None:
    assert free_ram() == 4 * MB


def test_files_that_were_read_count_as_free(container: Path) -> None:
    (container / "memory.stat").write_text(f"anon 5\nfile {52 * MB}\ninactive_file {50 * MB}\nactive_file {2 * MB}\n")
    assert free_ram() == 54 * MB


def test_no_more_is_free_than_the_limit(container: Path) -> None:
    (container / "memory.stat").write_text(f"inactive_file {70 * MB}\n")
    assert free_ram() == 64 * MB


@pytest.mark.parametrize("limit", ["max", str(1 << 60)])
def test_a_limit_above_the_machine_is_none(container: Path, limit: str) -> None:
    (container / "memory.max").write_text(limit)
    assert 64 * MB < free_ram() <= psutil.virtual_memory().total
