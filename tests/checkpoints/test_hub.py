"""Fetching a model from a hub on loopback: resumed, checked, used without the hub afterwards."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.checkpoints.hub_server import COMMIT, Hub, serve
from tests.checkpoints.moss.published import write_checkpoint

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
NAME = "fnlp/moss-tiny"
FETCH = "import sys; from moss_agent.checkpoints import hub; print(hub.fetch(sys.argv[1]), hub.verify(sys.argv[1]))"
SCRIPT = "import json, sys; from moss_agent.cli import main; print(*[main(line) for line in json.loads(sys.argv[1])])"


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("published"))


@pytest.fixture
def hub(published: Path) -> Iterator[Hub]:
    with serve(NAME, published) as found:
        yield found


def run(hub: Hub, home: Path, *commands: list[str]) -> subprocess.CompletedProcess[str]:
    """Commands of `moss-agent`, one after the other in one process, of somebody who uses this hub as a mirror.

    The last line on standard output is their exit codes.
    """
    mirror = {"HF_ENDPOINT": hub.url, "HF_HOME": str(home), "HF_HUB_OFFLINE": "0", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", SCRIPT, json.dumps(commands)]
    return subprocess.run(command, capture_output=True, encoding="utf-8", env={**os.environ, **mirror})


def fetch(hub: Hub, home: Path, prelude: str = "", offline: bool = False) -> subprocess.CompletedProcess[str]:
    """Fetch and, if there is a network, verify the model in a process of its own."""
    variables = {"HF_ENDPOINT": hub.url, "HF_HOME": str(home), "HF_HUB_OFFLINE": str(int(offline))}
    code = prelude + (FETCH.replace(", hub.verify(sys.argv[1])", "") if offline else FETCH)
    command = [sys.executable, "-c", code, hub.name]
    environment = {**os.environ, **variables, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, capture_output=True, encoding="utf-8", env=environment)


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[Hub]:
    """A hub with a model of few files, two of which are the same, and an adapter."""
    folder = tmp_path / "plain"
    folder.mkdir()
    for name in ("config.json", "generation_config.json"):
        (folder / name).write_text('{"model_type": "moss"}')
    (folder / "adapter_config.json").write_text("{}")
    (folder / "pytorch_model.bin").write_bytes(bytes(100_000))
    with serve(NAME, folder) as found:
        yield found


def cached_by_another(hub: Hub, home: Path, *names: str) -> Path:
    """What a program leaves in the cache that fetches single files of the model: no list of what else there is."""
    cache = home / "hub" / "models--fnlp--moss-tiny"
    snapshot = cache / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    (cache / "refs").mkdir()
    (cache / "refs" / "main").write_text(COMMIT)
    for name in names:
        shutil.copy(hub.folder / name, snapshot)
    return snapshot


def test_what_another_program_fetched_is_used_and_completed(plain, tmp_path):
    whole = cached_by_another(plain, tmp_path / "whole", "config.json", "generation_config.json", "pytorch_model.bin")
    done = fetch(plain, tmp_path / "whole", offline=True)
    assert done.stdout == f"{whole}\n", done.stderr
    assert not plain.requests
    done = fetch(plain, tmp_path / "whole")
    assert done.stdout.startswith(f"{whole} "), done.stderr
    assert not plain.fetched()

    part = cached_by_another(plain, tmp_path / "part", "pytorch_model.bin")
    done = fetch(plain, tmp_path / "part")
    assert done.stdout.startswith(f"{part} ") and (part / "config.json").is_file(), done.stderr
    assert not plain.fetched() & {"pytorch_model.bin", "adapter_config.json"}  # transformers would apply the adapter


def test_damaged_files_that_are_one_in_the_cache_are_fetched_anew(plain, tmp_path):
    assert fetch(plain, tmp_path / "home").returncode == 0
    config = next((tmp_path / "home").rglob("config.json"))
    config.write_text("damaged")
    failed = fetch(plain, tmp_path / "home").stderr
    assert "damaged and removed: config.json, generation_config.json: run the same command again" in failed
    assert fetch(plain, tmp_path / "home").returncode == 0 and config.read_text() == '{"model_type": "moss"}'


@pytest.mark.skipif(sys.platform == "win32", reason="no limits there")
@pytest.mark.parametrize("limit", [10, 50_000])  # for the small files; for the weights
def test_a_full_disk_names_the_variable_that_moves_the_cache(plain, tmp_path, limit):
    failed = fetch(plain, tmp_path, f"import resource as r; r.setrlimit(r.RLIMIT_FSIZE, ({limit}, {limit}));").stderr
    assert f"cannot write in {tmp_path / 'hub'}" in failed
    assert failed.endswith("(File too large): make room there, or set HF_HOME to another folder\n"), failed


def test_info_fetches_no_weights_and_an_unknown_name_is_told_in_one_line(hub, tmp_path):
    done = run(hub, tmp_path, ["models", "info", NAME], ["models", "pull", "fnlp/nothing"])
    assert done.stdout.endswith("\n0 1\n"), done.stderr
    assert "189,305 parameters" in done.stdout and "CPU memory" in done.stdout
    assert "config.json" in hub.fetched() and not any(file.endswith((".bin", ".py")) for file in hub.fetched())
    told = f"moss-agent: fnlp/nothing is no folder here and no model that {hub.url} shows you\n"
    assert done.stderr.endswith(told)


def test_a_pulled_model_is_whole_used_without_the_hub_and_mended(hub, tmp_path):
    hub.breaks = 2  # connections that end in the middle of a file
    done = run(hub, tmp_path, ["models", "pull", NAME])
    assert f"{NAME} is ready in" in done.stdout, done.stderr
    assert hub.breaks == 0 and any(part for _, _, part in hub.requests)
    assert not any(file.endswith(".py") for file in hub.fetched())

    hub.requests.clear()
    done = run(hub, tmp_path, ["ask", "--model", NAME, "--max-new-tokens", "4", "--plugins", "none", "Hi"])
    assert done.stdout.endswith("\n0\n"), done.stderr
    assert not hub.requests

    (shard,) = tmp_path.rglob("pytorch_model-00001-of-00002.bin")
    shard.write_bytes(b"x" * shard.stat().st_size)
    done = run(hub, tmp_path, ["models", "pull", NAME], ["models", "pull", NAME])
    assert done.stdout.endswith("\n1 0\n"), done.stderr
    assert "damaged and removed: pytorch_model-00001-of-00002.bin" in done.stderr
    assert {file for file in hub.fetched() if file.endswith(".bin")} == {shard.name}
