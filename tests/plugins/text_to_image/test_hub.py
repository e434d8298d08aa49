"""A pipeline from a hub on loopback, in a process of its own: fetched once, drawn again when the hub is gone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.checkpoints.hub_server import COMMIT, serve

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[3]
NAME = "someone/tiny-sd"
SCRIPT = f"""
import json
from pathlib import Path
from moss_agent.errors import PluginError
from moss_agent.plugin_host import discover
plugin = discover()["Text2Image"]
first = plugin("a fox", pipeline="{NAME}", steps=2, seed=1)[0]
try:
    plugin("a fox", pipeline="someone/nothing")
except PluginError as error:
    unknown = str(error)
print("fetched", flush=True)
input()
plugin.release()
again = plugin("a fox", pipeline="{NAME}", revision=first.details["revision"], steps=2, seed=1)[0]
same = Path(first.path).read_bytes() == Path(again.path).read_bytes()
print(json.dumps([first.details["revision"], unknown, same]))
"""


def test_a_pipeline_is_fetched_once(stable_diffusion: Path, tmp_path: Path) -> None:
    (stable_diffusion / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"never fetched")
    environment = {**os.environ, "HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "0", "PYTHONPATH": str(ROOT)}
    with serve(NAME, stable_diffusion) as hub:
        process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT],
            env={**environment, "HF_ENDPOINT": hub.url},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout.readline() == "fetched\n"
    (stable_diffusion / "unet" / "diffusion_pytorch_model.bin").unlink()
    output, _ = process.communicate("\n")
    revision, unknown, same = json.loads(output.splitlines()[-1])
    assert revision == COMMIT and same
    assert unknown.startswith("the hub shows no pipeline someone/nothing: correct the name")
    assert "diffusion_pytorch_model.bin" not in hub.fetched()
