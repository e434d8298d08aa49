"""Tests do not see the developer's own settings, nor which precision this processor is fast in."""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it, as do its programs

ALL_SLOW = re.compile(r"^pytestmark = .*pytest\.mark\.slow", re.MULTILINE)

settings.register_profile("unhurried", deadline=None)  # how long an example takes decides nothing
settings.register_profile("fast", deadline=None, max_examples=20)
settings.load_profile("unhurried")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out modules whose tests are all slow if those are not wanted: to import them takes seconds itself."""
    if is_fast(config) and collection_path.suffix == ".py":
        return bool(ALL_SLOW.search(collection_path.read_text(encoding="utf-8"))) or None
    return None


def pytest_collection_finish(session: pytest.Session) -> None:
    if is_fast(session.config) and session.items and "torch" in sys.modules:
        raise pytest.UsageError("a module of fast tests imports torch: mark it as slow (pytestmark = pytest.mark.slow)")


@pytest.fixture(autouse=True)
def fast_tests_need_no_torch(request: pytest.FixtureRequest) -> Iterator[None]:
    before = "torch" in sys.modules
    yield
    if is_fast(request.config) and not before and "torch" in sys.modules:
        pytest.fail("it imports torch: mark it as slow", pytrace=False)


def is_fast(config: pytest.Config) -> bool:
    return bool(config.option.markexpr == "not slow")


@pytest.fixture(scope="session", autouse=True)
def no_settings_of_the_developer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    file = tmp_path_factory.mktemp("settings") / "settings.toml"
    file.touch()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOSS_AGENT_SETTINGS", str(file))
        for name in ("MODEL", "DEVICE", "DTYPE", "SERVER", "API_KEY"):
            patch.delenv(f"MOSS_AGENT_{name}", raising=False)
        patch.setenv("MOSS_AGENT_HISTORY", str(file.parent / "history.sqlite"))
        patch.setenv("MOSS_AGENT_DTYPE", "fp32")  # of every program that is started: texts depend on it
        yield file
