"""Fetching a model from a hub on loopback: resumed, checked, used without the hub afterwards."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.checkpoints.hub_server import Hub, serve
from tests.checkpoints.moss.published import write_checkpoint

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
NAME = "fnlp/moss-tiny"
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
