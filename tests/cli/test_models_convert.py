"""`models convert` as a user runs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.checkpoints.moss.published import write_checkpoint
from tests.cli.conftest import ROOT, Program

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("published"))


def test_a_checkpoint_is_converted(program: Program, published: Path, tmp_path: Path) -> None:
    done = program("models", "convert", str(published), "out", "--to", "ctranslate2", "--int8")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("out is ready; its logits differ from the source's by 0.")
    assert (tmp_path / "out" / "model.bin").is_file()


def test_what_cannot_be_is_refused_before_anything_is_loaded(command: Program, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    done = command("models", "convert", "nothing", "there")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1) and "there is there already" in done.stderr
    done = command("models", "convert", "nothing", "out", "--int8")
    assert done.returncode == 2 and "--int8 is for --to ctranslate2" in done.stderr


def test_a_missing_converter_is_told_before_the_model_is_fetched(program: Program, tmp_path: Path) -> None:
    info = tmp_path / "site" / "moss_agent-1.dist-info"
    info.mkdir(parents=True)
    needs = "Requires-Dist: no-such-package; extra == 'ctranslate2'"
    (info / "METADATA").write_text(f"Metadata-Version: 2.4\nName: moss-agent\nVersion: 1\n{needs}\n")
    done = program("models", "convert", "nothing", "out", "--to", "ctranslate2", PYTHONPATH=f"{info.parent}:{ROOT}")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "moss-agent: no-such-package is not installed: pip install 'moss-agent[ctranslate2]'\n"
