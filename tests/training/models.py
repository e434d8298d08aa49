"""Models of two layers that begin at random, and conversations for them."""

from __future__ import annotations

import torch
from transformers import (
    Gemma2Config,
    Gemma2ForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    OPTConfig,
    OPTForCausalLM,
    PreTrainedModel,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from moss_agent.checkpoints.moss.configuration import MossConfig
from moss_agent.checkpoints.moss.modeling import MossForCausalLM
from moss_agent.training.packing import Tokens

VOCABULARY = 64
SIZES = {"vocab_size": VOCABULARY, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}


def llama() -> PreTrainedModel:
    torch.manual_seed(0)
    return LlamaForCausalLM(LlamaConfig(**SIZES, num_attention_heads=4, num_key_value_heads=2))


def qwen() -> PreTrainedModel:
    torch.manual_seed(0)
    return Qwen2ForCausalLM(Qwen2Config(**SIZES, num_attention_heads=4, num_key_value_heads=4))


def moss() -> PreTrainedModel:
    torch.manual_seed(0)
    config = MossConfig(vocab_size=VOCABULARY, n_embd=32, n_layer=2, n_head=4, n_positions=256, rotary_dim=4)
    return MossForCausalLM(config)


def gpt2() -> PreTrainedModel:
    """Drops a tenth."""
    torch.manual_seed(0)
    return GPT2LMHeadModel(GPT2Config(vocab_size=VOCABULARY, n_embd=32, n_layer=2, n_head=4, n_positions=256))


def opt() -> PreTrainedModel:
    torch.manual_seed(0)
    sizes = {"ffn_dim": 64, "word_embed_proj_dim": 32, "num_attention_heads": 4, "max_position_embeddings": 256}
    return OPTForCausalLM(OPTConfig(**{**SIZES, **sizes}, dropout=0.5, layerdrop=0.5))


def gemma2() -> PreTrainedModel:
    """Attention that looks back 8 tokens only in every other layer."""
    torch.manual_seed(0)
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "sliding_window": 8}
    return Gemma2ForCausalLM(Gemma2Config(**SIZES, **heads, attention_dropout=0.5))


def conversation(number: int, length: int = 24) -> Tokens:
    """Six tokens that all have, then some that follow from the number; the second half has to be written."""
    ids = [1, 2, 3, 4, 5, 6] + [(number * 7 + place * (number + 3)) % VOCABULARY for place in range(length - 6)]
    return ids, [place >= length // 2 for place in range(length)]
