"""Several sequences in one pass have the logits that the model gives each of them alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, GPT2Config, LlamaConfig, PreTrainedModel, Qwen2Config

from moss_agent.checkpoints.moss.configuration import MossConfig
from moss_agent.checkpoints.moss.modeling import MossForCausalLM
from moss_agent.engine.attention import FAMILIES, leaves_attention
from moss_agent.engine.backends import batched
from moss_agent.engine.backends.batched import BatchedBackend
from tests.engine.tiny import llama, make_model

SIZES = {
    "vocab_size": 400,
    "hidden_size": 48,
    "intermediate_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 2048,
    "sliding_window": None,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
EXPERTS = {
    "num_experts": 4,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 32,
    "shared_expert_intermediate_size": 32,
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
OF_FAMILIES: Mapping[str, Mapping[str, Any]] = {
    "mixtral": {"num_local_experts": 4},
    "qwen2_moe": EXPERTS,
    "qwen3_moe": EXPERTS,
    "qwen3": {"head_dim": 8},
    "gemma": {"head_dim": 16},
    "helium": {"head_dim": 12},
    "hunyuan_v1_dense": {"head_dim": 12},
}
LENGTHS = {1: 0, 7: 3, 300: 250, 40: 39}
"""How long sequences are, and how much of each is in its cache before."""
pytestmark = pytest.mark.slow


def of_family(family: str, **options: Any) -> Callable[[], PreTrainedModel]:
    """Make a model of that `model_type`."""
    if family == "moss":
        return lambda: MossForCausalLM(
            MossConfig(vocab_size=400, n_embd=48, n_layer=3, n_head=4, n_positions=2048, rotary_dim=4)
        )
    if family == "gpt2":
        return lambda: AutoModelForCausalLM.from_config(
            GPT2Config(vocab_size=400, n_embd=48, n_layer=3, n_head=4, n_positions=2048)
        )
    config = AutoConfig.for_model(family, **{**SIZES, **OF_FAMILIES.get(family, {}), **options})
    return lambda: AutoModelForCausalLM.from_config(deepcopy(config))  # the model changes its own


SHAPES = {family: of_family(family) for family in sorted(FAMILIES)} | {
    "tied, biases, own head size": of_family(
        "llama", tie_word_embeddings=True, attention_bias=True, mlp_bias=True, head_dim=16
    ),
    "no shared heads": of_family("llama", num_key_value_heads=4),
    "llama3": of_family("llama", rope_parameters=LLAMA3),
    "yarn": of_family("llama", rope_parameters=YARN),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_logits_of_sequences_of_any_lengths_are_those_of_the_model(shape: str) -> None:
    own, model = make_model(SHAPES[shape]), make_model(SHAPES[shape])
    assert leaves_attention(model)
    backend = BatchedBackend(model)
    sequences = [torch.randint(3, 400, (length,)).tolist() for length in LENGTHS]
    caches = [backend.new_cache() for _ in sequences]
    for cache, ids, known in zip(caches, sequences, LENGTHS.values(), strict=True):
        if known:
            backend.forward([cache], [ids[:known]])
    new = [ids[known:] for ids, known in zip(sequences, LENGTHS.values(), strict=True)]
    for ids, cache, logits in zip(sequences, caches, backend.forward(caches, new), strict=True):
        with torch.inference_mode():
            want = own(torch.tensor([ids])).logits[0, -1]
        assert cache.length == len(ids)
        assert (torch.from_numpy(logits) - want).norm() < 1e-4 * want.norm()


@pytest.mark.parametrize("family", ["llama", "moss", "qwen3"])
def test_in_16_bits_too_up_to_their_rounding(family: str) -> None:
    own, model = (make_model(of_family(family)).to(torch.bfloat16) for _ in range(2))
    texts = [torch.randint(3, 400, (length,)).tolist() for length in (5, 90, 33)]
    backend = BatchedBackend(model)
    for ids, logits in zip(texts, backend.forward([backend.new_cache() for _ in texts], texts), strict=True):
        with torch.inference_mode():
            want = own(torch.tensor([ids])).logits[0, -1].float()
        assert (torch.from_numpy(logits) - want).norm() < 0.1 * want.norm()


def test_a_new_token_is_written_behind_the_cached_ones() -> None:
    backend = BatchedBackend(make_model(llama))
    cache = backend.new_cache()
    backend.forward([cache], [[5, 6, 7]])
    stored = cache._layers[0][0]
    for token in range(batched.BLOCK - 3):
        backend.forward([cache], [[token % 400]])
    assert cache._layers[0][0] is stored and cache.length == stored.shape[2] == batched.BLOCK
    backend.forward([cache], [[8]])
    assert cache._layers[0][0].shape[2] == 2 * batched.BLOCK


def test_a_copy_grows_on_its_own() -> None:
    backend = BatchedBackend(make_model(llama))
    cache = backend.new_cache()
    backend.forward([cache], [[5, 6, 7]])
    copy = cache.copy()
    backend.forward([copy], [[8, 9]])
    (alone,) = backend.forward([cache], [[10]])
    (again,) = backend.forward([backend.new_cache()], [[5, 6, 7, 10]])
    assert (cache.length, copy.length) == (4, 5)
    assert np.allclose(alone, again, rtol=1e-4, atol=1e-4)


def test_a_cache_that_is_cut_to_nothing_holds_nothing() -> None:
    backend = BatchedBackend(make_model(llama))
    cache = backend.new_cache()
    backend.forward([cache], [[5, 6, 7]])
    cache.cut(0)
    assert cache.length == 0 and not cache._layers


@pytest.mark.parametrize(
    "config",
    [
        Qwen2Config(**SIZES | {"use_sliding_window": True, "sliding_window": 8, "max_window_layers": 1}),
        LlamaConfig(**SIZES, rope_parameters={"rope_type": "dynamic", "rope_theta": 1e4, "factor": 2.0}),
        AutoConfig.for_model("mistral", **SIZES | {"sliding_window": 16}),
        AutoConfig.for_model(
            "mixtral", **SIZES | {"sliding_window": 16}, use_sliding_window=False, num_local_experts=2
        ),
        LlamaConfig(**SIZES, is_causal=False),
        AutoConfig.for_model("gemma", **SIZES, head_dim=16, use_bidirectional_attention=True),
        AutoConfig.for_model("gemma2", **SIZES),
        AutoConfig.for_model("codegen", vocab_size=400, n_embd=64, n_layer=2, n_head=4, rotary_dim=8),
    ],
    ids=[
        "sliding window",
        "turns by the length",
        "looks back a little",
        "window it heeds all the same",
        "not causal",
        "both ways",
        "capped",
        "attention of its own",
    ],
)
def test_other_models_are_left_to_transformers(config: Any) -> None:
    assert not leaves_attention(AutoModelForCausalLM.from_config(config))
