"""The folder of a run is held by one process at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from moss_agent.errors import UsageError
from moss_agent.training.state import holding

pytestmark = pytest.mark.slow  # importing torch takes seconds


def test_a_folder_is_held_once_and_free_afterwards(tmp_path: Path) -> None:
    out = tmp_path / "a" / "run"
    refusal = "^another process trains in .*/a/run: let it finish, or name another folder$"
    for _ in range(2):
        with holding(out), pytest.raises(UsageError, match=refusal), holding(out):
            pytest.fail("it is held twice")


def test_a_folder_that_cannot_be_made_is_not_held(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    refusal = "^cannot write .*/file/run: Not a directory: name another folder$"
    with pytest.raises(UsageError, match=refusal), holding(tmp_path / "file" / "run"):
        pytest.fail("it is held")
