"""A run on few drawings, with few steps."""

from __future__ import annotations

from pathlib import Path

import pytest

from examples.doodle import components, denoiser, drawings, latents, measure
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


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A training of a minute, not of hours, and a measure of few drawings."""
    monkeypatch.setattr(components, "SCENES", 40)
    monkeypatch.setattr(latents, "COMPOSED", 30)
    monkeypatch.setattr(denoiser, "BATCH", 4)
    monkeypatch.setattr(denoiser, "CHECKPOINT_EVERY", 2)
    monkeypatch.setattr(measure, "NAMES", 4)
    monkeypatch.setattr(measure, "SEEDS", (1, 2))
    monkeypatch.setattr(measure, "SHEET", (3, 2))
