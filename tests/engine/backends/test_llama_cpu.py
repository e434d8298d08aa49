"""The backend for Llama models computes what transformers computes, for several sequences at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from moss_agent.engine.backends import llama_cpu
from moss_agent.engine.backends.llama_cpu import LlamaBackend, fits
from tests.engine.tiny import make_model

SIZES = {
    "vocab_size": 400,
    "hidden_size": 48,
    "intermediate_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 2048,
}
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 1e4,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}
YARN = {"rope_type": "yarn", "rope_theta": 1e4, "factor": 4.0, "original_max_position_embeddings": 64}
SHAPES = {
    "llama": lambda: LlamaForCausalLM(LlamaConfig(**SIZES)),
    "tied, biases, own head size": lambda: LlamaForCausalLM(
        LlamaConfig(**SIZES, tie_word_embeddings=True, attention_bias=True, mlp_bias=True, head_dim=16)
    ),
    "no shared heads": lambda: LlamaForCausalLM(LlamaConfig(**SIZES | {"num_key_value_heads": 4})),
    "llama3": lambda: LlamaForCausalLM(LlamaConfig(**SIZES, rope_parameters=LLAMA3)),
    "yarn": lambda: LlamaForCausalLM(LlamaConfig(**SIZES, rope_parameters=YARN)),
    "qwen2": lambda: Qwen2ForCausalLM(Qwen2Config(**SIZES)),
    "qwen3": lambda: Qwen3ForCausalLM(Qwen3Config(**SIZES, head_dim=8)),
}
LENGTHS = {1: 0, 7: 3, 300: 250, 40: 39}
"""How long sequences are, and how much of each is in its cache before."""
pytestmark = pytest.mark.slow


@pytest.mark.parametrize("shape", SHAPES)
def test_logits_of_sequences_of_any_lengths_are_those_of_transformers(shape: str) -> None:
    model = make_model(SHAPES[shape])
    assert fits(model)
    backend = LlamaBackend(model)
    sequences = [torch.randint(1, 400, (length,)).tolist() for length in LENGTHS]
    caches = [backend.new_cache() for _ in sequences]
    for cache, ids, known in zip(caches, sequences, LENGTHS.values(), strict=True):
        if known:
            backend.forward([cache], [ids[:known]])
    new = [ids[known:] for ids, known in zip(sequences, LENGTHS.values(), strict=True)]
    for ids, cache, logits in zip(sequences, caches, backend.forward(caches, new), strict=True):
        with torch.inference_mode():
            want = model(torch.tensor([ids])).logits[0, -1]
        assert cache.length == len(ids)
        assert (torch.from_numpy(logits) - want).norm() < 1e-5 * want.norm()


def test_a_new_token_is_written_behind_the_cached_ones() -> None:
    backend = LlamaBackend(make_model())
    cache = backend.new_cache()
    backend.forward([cache], [[5, 6, 7]])
    stored = cache._stored
    for token in range(llama_cpu.BLOCK - 3):
        backend.forward([cache], [[token % 400]])
    assert cache._stored is stored and cache.length == stored.shape[3] == llama_cpu.BLOCK
    backend.forward([cache], [[8]])
    assert cache._stored.shape[3] == 2 * llama_cpu.BLOCK


def test_a_copy_grows_on_its_own() -> None:
    backend = LlamaBackend(make_model())
    cache = backend.new_cache()
    backend.forward([cache], [[5, 6, 7]])
    copy = cache.copy()
    backend.forward([copy], [[8, 9]])
    (alone,) = backend.forward([cache], [[10]])
    (again,) = backend.forward([backend.new_cache()], [[5, 6, 7, 10]])
    assert (cache.length, copy.length) == (4, 5)
    assert np.allclose(alone, again, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Qwen2ForCausalLM(Qwen2Config(**SIZES, use_sliding_window=True, sliding_window=8, max_window_layers=1)),
        lambda: LlamaForCausalLM(
            LlamaConfig(**SIZES, rope_parameters={"rope_type": "dynamic", "rope_theta": 1e4, "factor": 2.0})
        ),
        lambda: LlamaForCausalLM(LlamaConfig(**SIZES)).to("meta"),
    ],
    ids=["sliding window", "turns by the length", "weights elsewhere"],
)
def test_other_models_are_left_to_transformers(make: Callable[[], PreTrainedModel]) -> None:
    assert not fits(make())
