"""A checkpoint to convert, made where a test asks for it: torch takes long to import."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from moss_agent.checkpoints.convert.source import Source


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the authors of MOSS published theirs. Not to be changed."""
    from tests.checkpoints.moss.published import write_checkpoint

    return write_checkpoint(tmp_path_factory.mktemp("published"))


@pytest.fixture(scope="session")
def source(published: Path) -> Source:
    from moss_agent.checkpoints.convert.source import open_source

    return open_source(str(published))
