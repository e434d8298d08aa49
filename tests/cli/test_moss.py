"""The published MOSS layout as a user runs it: tiny, random, so that its answers mean nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.checkpoints.moss.published import write_checkpoint
from tests.cli.conftest import ROOT, Program

pytestmark = pytest.mark.slow
QUESTION = ["--temperature", "0", "--max-new-tokens", "6", "--plugins", "none", "--json", "Who are you?"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("moss"))


def test_a_turn_runs_and_is_the_same_in_two_processes(program: Program, folder: Path, tmp_path: Path) -> None:
    done = program("ask", "--model", str(folder), *QUESTION)
    assert (done.returncode, done.stderr) == (0, "")
    alone = json.loads(done.stdout.splitlines()[-1])
    assert alone["type"] == "answer" and alone["usage"]["generated_tokens"] > 0

    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [*torchrun, "-m", "moss_agent", "ask", "--tp", "2", "--model", str(folder), *QUESTION]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    both = subprocess.run(command, capture_output=True, encoding="utf-8", env=environment)
    assert both.returncode == 0, both.stderr
    (answer,) = (line for line in both.stdout.splitlines() if '"type": "answer"' in line)  # rank 0 alone talks
    assert json.loads(answer)["text"] == alone["text"]


def test_processes_that_are_not_there_are_asked_for(command: Program, folder: Path) -> None:
    done = command("ask", "--tp", "2", "--model", str(folder), "Hi")
    assert done.returncode == 2
    assert done.stderr.startswith("moss-agent: --tp 2 needs 2 processes and there is 1: torchrun --nproc-per-node 2 ")
