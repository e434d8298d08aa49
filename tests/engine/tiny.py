"""Tiny random models of several architectures, and a real byte-level tokenizer, made on the spot."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    CodeGenConfig,
    CodeGenForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

TEXT = [
    "The agent thinks, writes commands and answers. <eoh> <eot> <eoc> <eor> <eom>",
    "机器人先思考，再调用插件，然后回答问题。你好，世界！ 😀🎉",
    '<|Human|>: <|Inner Thoughts|>: <|Commands|>: Search("a"), Calculate("1+1") <|Results|>: <|MOSS|>:',
]


def make_tokenizer(special: list[str]) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer in which the texts of `special` are single tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=360,
        special_tokens=["<|endoftext|>", *special],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXT, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|endoftext|>")


def llama():
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=400,
            hidden_size=48,
            intermediate_size=96,
            num_hidden_layers=3,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=2048,
        )
    )


def gpt2():
    return GPT2LMHeadModel(GPT2Config(vocab_size=400, n_embd=48, n_layer=3, n_head=4, n_positions=2048))


def codegen():
    return CodeGenForCausalLM(
        CodeGenConfig(vocab_size=400, n_embd=64, n_layer=2, n_head=4, rotary_dim=8, n_positions=2048)
    )


def mistral():
    """Attention that looks back 16 tokens only."""
    return MistralForCausalLM(
        MistralConfig(
            vocab_size=400,
            hidden_size=48,
            intermediate_size=96,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            sliding_window=16,
        )
    )


def make_model(make: Callable[[], PreTrainedModel] = llama) -> PreTrainedModel:
    """A random model that is sharper than freshly initialised, so that ties do not occur."""
    torch.manual_seed(7)
    made = make().eval()
    for parameter in made.parameters():
        parameter.data.mul_(3)
    made.generation_config.eos_token_id = 0
    return made


@contextmanager
def own_attention(model: PreTrainedModel) -> Iterator[None]:
    """Let a model that a backend computes attend as it does by itself."""
    before = model.config._attn_implementation
    model.set_attn_implementation("eager")
    try:
        yield
    finally:
        model.set_attn_implementation(before)
