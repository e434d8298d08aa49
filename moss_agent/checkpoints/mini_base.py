"""The base of the mini model, a Llama with a byte-level BPE tokenizer, from its GGUF file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

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


@dataclass(frozen=True)
class Base:
    """metadata: as in the file. weights: names of modules as in transformers, and their weights; to be read once."""

    metadata: dict[str, Any]
    weights: Iterator[tuple[str, NDArray[np.float32]]]

    def tokenizer(self) -> Tokenizer:
        tokens, types = self.metadata["tokenizer.ggml.tokens"], self.metadata["tokenizer.ggml.token_type"]
        vocabulary = {token: number for number, token in enumerate(tokens)}
        merges = [tuple(merge.split(" ")) for merge in self.metadata["tokenizer.ggml.merges"]]
        made = Tokenizer(models.BPE(vocabulary, merges, continuing_subword_prefix="", end_of_word_suffix=""))
        made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        made.decoder = decoders.ByteLevel()
        control = [token for token, kind in zip(tokens, types, strict=True) if kind == CONTROL]
        made.add_special_tokens([AddedToken(token, normalized=False) for token in control])
        return made


def read_base(path: Path) -> Base:
    """Read the file, which must be intact."""
    metadata, tensors = read_gguf(path)
    weights = ((_module(each.name), _split_rotary_pairs(each.name, each.unpacked(), metadata)) for each in tensors)
    return Base(metadata, weights)


def special_tokens(metadata: dict[str, Any]) -> dict[str, Any]:
    """Return the ids of special tokens by what transformers calls them."""
    keys = {name: f"tokenizer.ggml.{in_gguf}_token_id" for name, in_gguf in SPECIAL_TOKENS.items()}
    return {name: metadata[key] for name, key in keys.items() if key in metadata}


def _module(name: str) -> str:
    """Return what transformers calls the module of the tensor."""
    return ".".join(MODULES.get(part, part) for part in name.split(".")).removesuffix(".weight")


def _split_rotary_pairs(name: str, weight: NDArray[np.float32], metadata: dict[str, Any]) -> NDArray[np.float32]:
    """Reorder the rows of queries and keys: llama.cpp rotates neighbours, transformers what is half a head apart."""
    if "attn_q" not in name and "attn_k" not in name:
        return weight
    head_dim = metadata["llama.rope.dimension_count"]
    pairs: NDArray[np.float32] = weight.reshape(-1, head_dim // 2, 2, weight.shape[1]).transpose(0, 2, 1, 3)
    return pairs.reshape(weight.shape)
