"""The published layout, through the Auto classes: loaded, saved again, split over processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, AutoTokenizer

from moss_agent.checkpoints.moss.modeling import MossForCausalLM, MossModel
from moss_agent.checkpoints.moss.tokenization import MossTokenizer
from tests.checkpoints.moss.published import make_reference
from tests.checkpoints.moss.test_modeling import IDS, WAYS, generate, largest_difference

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def reference(checkpoint):
    return make_reference(json.loads((checkpoint / "config.json").read_text())["vocab_size"])


def test_auto_classes_load_the_published_layout_whole(checkpoint, reference):
    model, info = AutoModelForCausalLM.from_pretrained(checkpoint, output_loading_info=True)
    assert type(model) is MossForCausalLM
    assert not any(info.values())
    want = reference.state_dict()
    assert model.state_dict().keys() == want.keys()
    assert all(torch.equal(weight, want[name]) for name, weight in model.state_dict().items())
    assert type(AutoModel.from_pretrained(checkpoint)) is MossModel
    assert type(AutoTokenizer.from_pretrained(checkpoint)) is MossTokenizer


def test_code_of_the_checkpoint_is_not_run_even_if_trusted(checkpoint):
    for trust in (None, True):
        assert type(AutoModelForCausalLM.from_pretrained(checkpoint, trust_remote_code=trust)) is MossForCausalLM
    assert not hasattr(sys, "code_of_a_checkpoint_was_run")


def test_saved_again_it_is_the_same_without_auto_map(checkpoint, tmp_path):
    model, tokenizer = (auto.from_pretrained(checkpoint) for auto in (AutoModelForCausalLM, AutoTokenizer))
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    assert all("auto_map" not in path.read_text() for path in tmp_path.glob("*.json"))
    again = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert again.state_dict().keys() == model.state_dict().keys()
    assert all(torch.equal(weight, model.state_dict()[name]) for name, weight in again.state_dict().items())
    assert AutoConfig.from_pretrained(tmp_path).to_diff_dict() == model.config.to_diff_dict()
    text = "<|Human|>: 你好  there<eoh>\n"
    assert AutoTokenizer.from_pretrained(tmp_path).encode(text) == tokenizer.encode(text)


def test_two_ranks_compute_what_one_does(checkpoint, reference, tmp_path):
    output = tmp_path / "output.pt"
    script = [str(ROOT / "tests/checkpoints/moss/on_two_ranks.py"), str(checkpoint), str(output)]
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *script]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    ids = IDS % reference.config.vocab_size
    for got in torch.load(output).values():
        assert got["shard"] == [3 * 64 // 2, 64]
        with torch.no_grad():
            assert largest_difference(got["logits"], reference(ids).logits) < 1e-5
        assert got["tokens"] == {way: generate(reference, ids, **options) for way, options in WAYS.items()}
