"""The plugin's modules, and pipelines to draw with, made where a test asks for one: diffusers takes long to import."""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from moss_agent.events import Picture
from moss_agent.plugin_host.loading import load_module
from moss_agent.resources import bundled

FOLDER = bundled("plugins") / "text_to_image"


@pytest.fixture(scope="session")
def module() -> Callable[[str], ModuleType]:
    """A module of the plugin by its name; "" is the plugin's own."""
    package = load_module(FOLDER)
    return lambda name="": importlib.import_module(f".{name}", package.__name__) if name else package


@pytest.fixture
def draw(module: Callable[[str], ModuleType]) -> Callable[..., list[Picture]]:
    return module().text_to_image


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def stable_diffusion(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.plugins.text_to_image.pipelines import write_stable_diffusion

    return write_stable_diffusion(tmp_path_factory.mktemp("stable-diffusion"))


@pytest.fixture(scope="session")
def stable_diffusion_xl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.plugins.text_to_image.pipelines import write_stable_diffusion_xl

    return write_stable_diffusion_xl(tmp_path_factory.mktemp("stable-diffusion-xl"))


@pytest.fixture(scope="session")
def flux(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.plugins.text_to_image.pipelines import write_flux

    return write_flux(tmp_path_factory.mktemp("flux"))


@pytest.fixture
def broken(stable_diffusion: Path, tmp_path: Path) -> Path:
    """A copy of a pipeline for a test to break."""
    return Path(shutil.copytree(stable_diffusion, tmp_path / "broken"))
