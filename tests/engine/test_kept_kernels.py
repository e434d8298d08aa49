"""Shapes that never come again, such as lengths of texts, do not fill the memory with kernels for them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.engine.tiny import make_model, make_tokenizer

ROOT = Path(__file__).parents[2]
SCRIPT = """
import sys
import psutil
from moss_agent.engine.loading import load

load(sys.argv[1], device="cpu", dtype="fp32")
import torch

weights = torch.randn(1536, 576)
for length in range(1, 701):
    with torch.inference_mode():  # as linear layers in bf16 do on processors that have it
        torch.ops.mkldnn._linear_pointwise(torch.randn(length, 576), weights, None, "none", [], "")
    if length in (100, 400, 700):
        print(psutil.Process().memory_info().rss)
"""
NOISE = 6_000_000  # bytes; 300 more shapes took 288 MB where nothing limited their kernels
pytestmark = pytest.mark.slow


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="torch has no oneDNN here")
def test_memory_for_kernels_stops_growing(tmp_path: Path) -> None:
    make_model().save_pretrained(tmp_path)
    make_tokenizer([]).save_pretrained(tmp_path)
    command = [sys.executable, "-c", SCRIPT, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    first, middle, last = map(int, done.stdout.split())
    assert last - middle < NOISE, f"{first}, {middle}, {last}"
