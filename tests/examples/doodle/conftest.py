"""A run on few drawings."""

from __future__ import annotations

from pathlib import Path

import pytest

from examples.doodle import drawings
from tests.examples.doodle import package


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run, with a package of the drawings as npm has it."""
    folder = tmp_path_factory.mktemp("run")
    package.write(folder)
    return folder


@pytest.fixture(scope="module")
def pictures(run: Path) -> drawings.Drawings:
    return drawings.load(run)
