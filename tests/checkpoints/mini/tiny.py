"""A tiny base with random weights, adapters for it, and an index that serves it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from moss_agent.checkpoints import mini

TEXTS = ["37*89=3293", "鸡兔同笼，头35个\n\n脚94只\n", "<|Human|>: hi <eoh>\r\n\t two  spaces ", "👩‍👩‍👧 , a .", " x"]


@dataclass
class Index:
    """A package index on loopback, and what it was asked for."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    logins: set[str | None] = field(default_factory=set)


def write_gguf(path: Path) -> None:
    """Write a random Llama of two tiny layers with a byte-level tokenizer, quantised as the real one is."""
    import numpy as np
    from gguf import GGMLQuantizationType, GGUFWriter, quants
    from tokenizers.pre_tokenizers import ByteLevel

    tokens = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *sorted(ByteLevel.alphabet()), "he"]
    tokens += [f"<{number}>" for number in range(400)]  # the embedding is to be the largest part, as it really is
    writer = GGUFWriter(str(path), "llama")
    writer.add_context_length(64)
    writer.add_embedding_length(64)
    writer.add_block_count(2)
    writer.add_feed_forward_length(96)
    writer.add_head_count(2)
    writer.add_head_count_kv(1)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(32)
    writer.add_rope_freq_base(10_000.0)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types([3] * 3 + [1] * (len(tokens) - 3))
    writer.add_token_merges(["h e"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    random = np.random.default_rng(0)
    attention = {"attn_q": (64, 64), "attn_k": (32, 64), "attn_v": (32, 64), "attn_output": (64, 64)}
    wide = attention | {"ffn_gate": (96, 64), "ffn_up": (96, 64), "ffn_down": (64, 96)}
    layers = {f"blk.{n}.{name}": shape for n in (0, 1) for name, shape in wide.items()}
    shapes = {"token_embd": (len(tokens), 64)} | layers
    for name, shape in shapes.items():
        packed = quants.quantize(random.normal(0, 0.3, shape).astype("float32"), GGMLQuantizationType.Q4_1)
        writer.add_tensor(f"{name}.weight", packed, raw_dtype=GGMLQuantizationType.Q4_1)
    for name in ["output_norm", *(f"blk.{n}.{norm}" for n in (0, 1) for norm in ("attn_norm", "ffn_norm"))]:
        writer.add_tensor(f"{name}.weight", np.ones(64, "float32"))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_adapter(base: Path, folder: Path, seed: int) -> None:
    """Write a random adapter that changes what the base says."""
    import torch
    from peft import LoraConfig, get_peft_model

    model, _ = mini._load(base)
    torch.manual_seed(seed)
    adapted = get_peft_model(model, LoraConfig(r=2, target_modules="all-linear", init_lora_weights=False))
    adapted.save_pretrained(folder, save_embedding_layers=False)


def names(folder: Path) -> list[str]:
    """What a cache holds, but for locks."""
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock")
