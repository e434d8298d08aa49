"""An interrupted conversion leaves nothing that looks complete, and its memory does not grow with the model."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from tokenizers.models import BPE

from moss_agent.checkpoints.convert.source import Source
from moss_agent.checkpoints.convert.staging import staged
from moss_agent.checkpoints.convert.to_safetensors import to_safetensors
from moss_agent.checkpoints.moss.configuration import MossConfig
from moss_agent.checkpoints.moss.modeling import MossForCausalLM
from moss_agent.errors import CheckpointError, UsageError
from tests.checkpoints.moss.published import write_checkpoint

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.slow


def test_a_folder_gets_its_name_when_it_is_complete(tmp_path: Path) -> None:
    with staged(tmp_path / "a" / "out", 10) as part:
        (part / "file").write_text("x")
        assert not (tmp_path / "a" / "out").exists()
    assert [path.name for path in (tmp_path / "a").rglob("*")] == ["out", "file"]


def test_after_an_error_nothing_is_left(source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> float:
        raise KeyboardInterrupt

    monkeypatch.setattr("moss_agent.checkpoints.convert.to_safetensors.check_logits", fail)
    with pytest.raises(KeyboardInterrupt):
        to_safetensors(source, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_behind_is_removed_by_the_next(tmp_path: Path) -> None:
    code = "from moss_agent.checkpoints.convert.staging import staged\nfrom pathlib import Path\nimport time\n"
    code += f"with staged(Path({str(tmp_path / 'out')!r}), 1) as part:\n (part / 'old').touch()\n time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    while not (tmp_path / "out.part" / "old").exists():
        time.sleep(0.02)
    with pytest.raises(CheckpointError, match="another process is writing"), staged(tmp_path / "out", 1):
        pass
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert (tmp_path / "out.part").exists()
    with staged(tmp_path / "out", 1) as part:
        assert list(part.iterdir()) == []
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_what_is_there_is_kept_and_a_full_disk_is_told_first(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(UsageError, match="is there already"), staged(tmp_path / "out", 1):
        pass
    (tmp_path / "link").symlink_to("nowhere")
    with pytest.raises(UsageError, match="is there already"), staged(tmp_path / "link", 1):
        pytest.fail("it began")
    (tmp_path / "link").unlink()
    with pytest.raises(CheckpointError, match="GB are free: make room there"), staged(tmp_path / "new", 10**18):
        pass
    with (
        pytest.raises(CheckpointError, match=r"No space left on device\): make room there"),
        staged(tmp_path / "new", 1),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.skipif(sys.platform != "linux", reason="limits the size of files as Linux does")
@pytest.mark.parametrize(
    "write",
    [
        lambda folder: (folder / "text").write_bytes(bytes(2000)),
        lambda folder: save_file({"weight": torch.zeros(500)}, folder / "model.safetensors"),
        lambda folder: Tokenizer(BPE({str(n): n for n in range(500)}, [])).save(str(folder / "tokenizer.json")),
    ],
    ids=["Python", "safetensors", "tokenizers"],
)
def test_a_full_disk_is_told_whichever_library_writes(tmp_path: Path, write: Callable[[Path], object]) -> None:
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with (
            pytest.raises(CheckpointError, match=r"cannot write .*/out \(File too large\): make room there$"),
            staged(tmp_path / "out", 1) as part,
        ):
            write(part)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["file/out", "n" * 251])  # no folder; too long a name for the lock
def test_where_nothing_can_be_written_another_folder_is_asked_for(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    refusal = r"cannot write .*: name a folder that can be written$"
    with pytest.raises(CheckpointError, match=refusal), staged(tmp_path / name, 1):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.skipif(sys.platform == "win32", reason="no modes there")
@pytest.mark.parametrize("mask", [0o022, 0o027, 0o077])
def test_what_is_converted_has_the_mode_that_the_umask_allows(mask: int, source: Source, tmp_path: Path) -> None:
    """As a container's user has to read it."""
    before = os.umask(mask)
    try:
        to_safetensors(source, tmp_path / "out")
    finally:
        os.umask(before)
    modes = {file.name: file.stat().st_mode & 0o777 for file in (tmp_path / "out").iterdir()}
    assert set(modes.values()) == {0o666 & ~mask} and "model-00001-of-00001.safetensors" in modes


MEASURE = """
import resource, sys
from pathlib import Path
from moss_agent.checkpoints.convert import tensors
from moss_agent.checkpoints.convert.source import open_source
from moss_agent.checkpoints.convert.to_gptj import to_gptj
tensors.LARGEST_FILE = int(sys.argv[3])
source = open_source(sys.argv[1])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
to_gptj(source, Path(sys.argv[2]))
print(1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts memory as Linux does")
def test_memory_is_bounded_by_a_file_not_by_the_model(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    write_checkpoint(folder)
    sizes = {"n_embd": 512, "n_layer": 16, "n_head": 8}
    config = json.loads((folder / "config.json").read_text()) | sizes
    (folder / "config.json").write_text(json.dumps(config))
    total, shard = write_blocks(folder, config)
    command = [sys.executable, "-c", MEASURE, str(folder), str(tmp_path / "out"), str(shard)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr
    grown = int(done.stdout)
    assert total > 7 * shard and grown < 5 * shard, (grown, shard, total)


def write_blocks(folder: Path, config: dict[str, Any]) -> tuple[int, int]:
    """A larger checkpoint in place of the tiny one, a .bin file for every two blocks. Bytes of all, and of one file."""
    for file in folder.glob("*.bin"):
        file.unlink()
    with torch.device("meta"):
        shapes = MossForCausalLM(MossConfig(**config)).state_dict()
    where = {}
    for first in range(0, config["n_layer"], 2):
        mine = [name for name in shapes if any(f".h.{layer}." in name for layer in (first, first + 1))]
        mine += [name for name in shapes if first == 0 and ".h." not in name]
        file = f"pytorch_model-{first}.bin"
        torch.save({name: torch.randn(shapes[name].shape) / 20 for name in mine}, folder / file)
        where |= dict.fromkeys(mine, file)
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps({"metadata": {}, "weight_map": where}))
    files = [file.stat().st_size for file in folder.glob("*.bin")]
    return sum(files), max(files)
