"""An adapter is trained in a folder, on a model of two layers that begins at random."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from transformers import LlamaConfig, LlamaForCausalLM

from moss_agent.training import lora
from moss_agent.training.batches import Batch
from moss_agent.training.lora import Run, with_adapter
from moss_agent.training.masking import batch_loss

TOKENS = 300
pytestmark = pytest.mark.slow  # importing peft takes seconds


def base() -> LlamaForCausalLM:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=64, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4
    )
    return LlamaForCausalLM(config)


def batches() -> Iterator[Batch]:
    """Two conversations in turns: numbers upwards and downwards, of which the last 15 are to be learned."""
    written = [False] * 15 + [True] * 15
    return itertools.cycle([[(list(range(30)), written)], [(list(range(30, 0, -1)), written)]])


def run(out: Path, tokens: int = TOKENS, start: Path | None = None) -> Run:
    return Run(out, with_adapter(base(), 4, "base/name"), batches(), tokens, lambda step, progress: 0.02, start)


def weights(made: Run) -> list[torch.Tensor]:
    return [parameter.detach().clone() for parameter in made.parameters]


def test_the_loss_is_that_of_the_written_tokens_only():
    model = with_adapter(base(), 4, "base/name").eval()
    short, long = (list(range(9)), [False] * 6 + [True] * 3), (list(range(40)), [False] * 39 + [True])
    with torch.no_grad():
        logits = [model(torch.tensor([ids])).logits[0].float() for ids, _ in (short, long)]
        losses = [-logits[0].log_softmax(-1)[place - 1, place] for place in (6, 7, 8)]
        losses.append(-logits[1].log_softmax(-1)[38, 39])
        torch.testing.assert_close(batch_loss(model, [short, long]), sum(losses) / 4, atol=2e-2, rtol=0)


def test_an_interrupted_run_goes_on_as_if_it_was_not(tmp_path, monkeypatch):
    monkeypatch.setattr(lora, "CHECKPOINT_EVERY", 2)
    whole = run(tmp_path / "whole")
    whole.train()
    first = run(tmp_path / "cut", tokens=TOKENS // 2)
    first.train()
    second = run(tmp_path / "cut")
    assert (second.step, second.seen) == (5, TOKENS // 2)
    second.train()
    assert all(map(torch.equal, weights(whole), weights(second)))
    logged = [json.loads(line) for line in (tmp_path / "cut" / "log.jsonl").read_text().splitlines()]
    assert [line["tokens"] for line in logged] == list(range(30, TOKENS + 1, 30))
    assert logged[8]["loss"] < logged[0]["loss"]


def test_a_run_ends_with_its_batches(tmp_path):
    made = Run(tmp_path, with_adapter(base(), 4, "base/name"), itertools.islice(batches(), 3), TOKENS, lambda *_: 0.02)
    made.train()
    assert made.step == 3 and (tmp_path / "adapter" / "adapter_model.safetensors").exists()


def test_the_exported_adapter_is_loaded_by_peft_and_begins_another_run(tmp_path):
    made = run(tmp_path / "first")
    made.train()
    adapter = tmp_path / "first" / "adapter"
    loaded = PeftModel.from_pretrained(base(), adapter)
    assert loaded.peft_config["default"].base_model_name_or_path == "base/name"
    assert len({file.stat().st_mode for file in adapter.iterdir()}) == 1  # safetensors writes for the owner alone
    ids = torch.arange(30)[None]
    with torch.no_grad():
        torch.testing.assert_close(loaded(ids).logits, made.model.eval()(ids).logits, atol=0.1, rtol=0.1)
    second = run(tmp_path / "second", start=adapter)
    for one, other in zip(weights(second), weights(made), strict=True):
        torch.testing.assert_close(one, other, atol=1e-2, rtol=1e-2)
