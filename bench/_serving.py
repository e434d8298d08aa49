"""A model's server in a process of its own. Used by the benchmarks that compare with one."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx2

TOLD = 2000  # characters of what a server has printed that did not start


@contextmanager
def server_process(
    command: Sequence[str | Path], folder: Path | None = None, variables: Mapping[str, str] | None = None
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Yield the address and the process of a server that answers, and end all of its processes afterwards.

    command: gets `--host` and `--port`. folder, variables: to start it in; those of this process if they are not given.
    Raises RuntimeError with the end of what it printed if it ends before it answers.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [*command, "--host", "127.0.0.1", "--port", str(port)]
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, cwd=folder, env=variables, start_new_session=True
        )
        try:
            while not _answers(f"{url}/health"):
                if process.poll() is not None:
                    output.seek(0)
                    said = output.read().decode(errors="replace")[-TOLD:]
                    raise RuntimeError(f"{command[0]} did not start:\n{said}")
                time.sleep(0.1)
            yield url, process
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the server as its owner would; then what is left: killing its first process leaves those that compute."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(60)
    with suppress(ProcessLookupError, AttributeError):  # Windows has no groups of processes
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _answers(url: str) -> bool:
    try:
        return httpx2.get(url, timeout=5, trust_env=False).is_success
    except httpx2.TransportError:
        return False
