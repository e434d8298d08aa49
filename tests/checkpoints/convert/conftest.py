from __future__ import annotations

from pathlib import Path

import pytest

from moss_agent.checkpoints.convert.source import Source, open_source
from tests.checkpoints.moss.published import write_checkpoint


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the authors of MOSS published theirs. Not to be changed."""
    return write_checkpoint(tmp_path_factory.mktemp("published"))


@pytest.fixture(scope="session")
def source(published: Path) -> Source:
    return open_source(str(published))
