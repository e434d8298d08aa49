"""A real `transformers serve` in a process of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2


@contextmanager
def transformers_server(model: Path, work: Path) -> Iterator[str]:
    """Serve the model's folder; yield the address. work: an empty folder for the server's own files."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = Path(sys.executable).with_name("transformers")
    options = ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu", "--dtype", "float32"]
    environment = {**os.environ, "HF_HOME": str(work / "hub"), "HF_HUB_OFFLINE": "1"}
    environment["OMP_NUM_THREADS"] = "1"  # two processes with threads for every core wait for each other
    log = work / "log"
    with open(log, "w") as output:
        process = subprocess.Popen(
            [program, "serve", str(model), *options], stdout=output, stderr=output, env=environment
        )
    try:
        url = f"http://127.0.0.1:{port}"
        while not _is_up(url):
            time.sleep(0.2)
            assert process.poll() is None, log.read_text()
        yield url
    finally:
        process.terminate()
        process.wait()


def _is_up(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/health", timeout=None, trust_env=False).is_success
    except httpx2.TransportError:
        return False
