"""The base of the mini model as transformers has it, dense in bf16: what is trained, and merged for other programs.

The result is the same as that of transformers' own GGUF support, which takes 36 seconds on one core of an AMD EPYC,
this 3.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from moss_agent.checkpoints.mini_base import Base, read_base, special_tokens


def load(path: Path) -> tuple[LlamaForCausalLM, PreTrainedTokenizerFast]:
    """Return the model, dense in bf16, and its tokenizer."""
    base = read_base(path)
    weights = {f"{name}.weight": torch.from_numpy(weight).bfloat16() for name, weight in base.weights}
    model = LlamaForCausalLM.from_pretrained(
        None, config=_config(base.metadata), state_dict=weights, dtype=torch.bfloat16
    )
    return model, _tokenizer(base)


def _config(metadata: dict[str, Any]) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=metadata["llama.vocab_size"],
        hidden_size=metadata["llama.embedding_length"],
        intermediate_size=metadata["llama.feed_forward_length"],
        num_hidden_layers=metadata["llama.block_count"],
        num_attention_heads=metadata["llama.attention.head_count"],
        num_key_value_heads=metadata["llama.attention.head_count_kv"],
        head_dim=metadata["llama.rope.dimension_count"],
        rope_parameters={"rope_type": "default", "rope_theta": metadata["llama.rope.freq_base"]},
        max_position_embeddings=metadata["llama.context_length"],
        rms_norm_eps=metadata["llama.attention.layer_norm_rms_epsilon"],
        tie_word_embeddings=True,
        **{f"{name}_token_id": number for name, number in special_tokens(metadata).items()},
    )


def _tokenizer(base: Base) -> PreTrainedTokenizerFast:
    tokens = base.metadata["tokenizer.ggml.tokens"]
    return PreTrainedTokenizerFast(
        tokenizer_object=base.tokenizer(),
        chat_template=base.metadata.get("tokenizer.chat_template"),
        **{f"{name}_token": tokens[number] for name, number in special_tokens(base.metadata).items()},
    )
