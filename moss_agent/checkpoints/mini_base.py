"""The base of the mini model, a Llama with a byte-level BPE tokenizer, from its GGUF file.

The result is the same as that of transformers' own GGUF support, which takes 36 seconds on one core of an AMD EPYC,
this 3.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from gguf import GGMLQuantizationType
from safetensors.torch import load_file
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from moss_agent.checkpoints.gguf_file import read_gguf

MODULES = {
    "token_embd": "model.embed_tokens",
    "output_norm": "model.norm",
    "blk": "model.layers",
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
SPECIAL_TOKENS = {"bos": "bos", "eos": "eos", "unk": "unknown", "pad": "padding"}  # in transformers: in GGUF
CONTROL = 3  # the type of special tokens


def load(path: Path) -> tuple[LlamaForCausalLM, PreTrainedTokenizerFast]:
    """Return the model, dense in bf16, and its tokenizer."""
    metadata, tensors = read_gguf(path)
    weights = {
        _module(tensor.name): _split_rotary_pairs(tensor.name, torch.from_numpy(tensor.unpacked()).bfloat16(), metadata)
        for tensor in tensors
    }
    model = LlamaForCausalLM.from_pretrained(None, config=_config(metadata), state_dict=weights, dtype=torch.bfloat16)
    return model, _tokenizer(metadata)


def packed_layers(path: Path, adapter: Path) -> Iterator[tuple[str, list[torch.Tensor]]]:
    """Yield names of linear layers, and their weights as the base and the adapter have them.

    Weights: levels (out, in), scales and offsets (out, in / 32), of the base; down (rank, in) and up (out, rank), which
    add `up @ down`, of the adapter.
    """
    settings = json.loads((adapter / "adapter_config.json").read_text("utf-8"))
    added = load_file(adapter / "adapter_model.safetensors")
    metadata, tensors = read_gguf(path)
    for tensor in tensors:
        if tensor.kind == GGMLQuantizationType.Q4_1:
            name = _module(tensor.name).removesuffix(".weight")
            base = [_split_rotary_pairs(tensor.name, torch.from_numpy(part), metadata) for part in tensor.levels()]
            down, up = (added[f"base_model.model.{name}.lora_{matrix}.weight"] for matrix in "AB")
            yield name, [*base, down, up * (settings["lora_alpha"] / settings["r"])]


def _module(name: str) -> str:
    """Return what transformers calls the tensor."""
    return ".".join(MODULES.get(part, part) for part in name.split("."))


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
        **{f"{name}_token_id": number for name, number in _special_tokens(metadata).items()},
    )


def _special_tokens(metadata: dict[str, Any]) -> dict[str, Any]:
    keys = {name: f"tokenizer.ggml.{in_gguf}_token_id" for name, in_gguf in SPECIAL_TOKENS.items()}
    return {name: metadata[key] for name, key in keys.items() if key in metadata}


def _split_rotary_pairs(name: str, weight: torch.Tensor, metadata: dict[str, Any]) -> torch.Tensor:
    """Reorder the rows of queries and keys: llama.cpp rotates neighbours, transformers what is half a head apart."""
    if "attn_q" not in name and "attn_k" not in name:
        return weight
    head_dim = metadata["llama.rope.dimension_count"]
    return weight.view(-1, head_dim // 2, 2, weight.shape[1]).transpose(1, 2).reshape(weight.shape)


def _tokenizer(metadata: dict[str, Any]) -> PreTrainedTokenizerFast:
    tokens, types = metadata["tokenizer.ggml.tokens"], metadata["tokenizer.ggml.token_type"]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    merges = [tuple(merge.split(" ")) for merge in metadata["tokenizer.ggml.merges"]]
    backend = Tokenizer(models.BPE(vocabulary, merges, continuing_subword_prefix="", end_of_word_suffix=""))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    control = [token for token, kind in zip(tokens, types, strict=True) if kind == CONTROL]
    backend.add_special_tokens([AddedToken(token, normalized=False) for token in control])
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        chat_template=metadata.get("tokenizer.chat_template"),
        **{f"{name}_token": tokens[number] for name, number in _special_tokens(metadata).items()},
    )
