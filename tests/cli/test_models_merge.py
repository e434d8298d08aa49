"""`models merge` as a user runs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Program

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an adapter, which is in the folder of its base."""
    from tests.checkpoints.test_merge import write_adapter, write_llama

    folder = tmp_path_factory.mktemp("merge")
    return write_adapter(folder / "adapter", write_llama(folder / "base"))


def test_an_adapter_is_merged(program: Program, adapter: Path, tmp_path: Path) -> None:
    done = program("models", "merge", str(adapter), "out")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("out is ready; its logits differ from those of base and adapter by ")
    assert (tmp_path / "out" / "model.safetensors").is_file()


def test_what_cannot_be_is_refused_in_one_line(command: Program, adapter: Path, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    for arguments, said in [
        ((str(adapter), "there"), "there is there already"),
        (("nothing", "out"), "nothing has no adapter_config.json"),
        ((str(adapter), "out", "--base", "there"), "there is no checkpoint"),
    ]:
        done = command("models", "merge", *arguments)
        assert done.returncode in (1, 2) and done.stderr.count("\n") == 1 and said in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["there"]
