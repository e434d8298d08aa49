"""A tiny random MOSS in the layout of the published checkpoints: .bin shards, `auto_map`, a tokenizer of its day."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import CodeGenConfig, CodeGenForCausalLM

from moss_agent.checkpoints.moss.configuration import MossConfig
from moss_agent.checkpoints.moss.modeling import MossForCausalLM

SIZES = {"n_positions": 2048, "n_ctx": 2048, "n_embd": 64, "n_layer": 3, "n_head": 8, "rotary_dim": 4}
END_MARKERS = ["<eoh>", "<eom>", "<eot>", "<eoc>", "<eor>"]
ADDED = ["<|endoftext|>", *(" " * count for count in range(8, 1, -1)), *END_MARKERS]
TEXT = [
    "The agent thinks, writes commands and answers.",
    "机器人先思考，再调用插件，然后回答问题。你好，世界！ 😀🎉",
    '<|Human|>: <|Inner Thoughts|>: <|Commands|>: Search("a"), Calculate("1+1") <|Results|>: <|MOSS|>:',
]


def make_reference(vocab_size: int = 320) -> CodeGenForCausalLM:
    """A random CodeGen of transformers itself: MOSS's architecture, computed by code that is not ours."""
    torch.manual_seed(7)
    model = CodeGenForCausalLM(CodeGenConfig(vocab_size=vocab_size, bos_token_id=0, eos_token_id=1, **SIZES)).eval()
    for parameter in model.parameters():  # sharper than freshly initialised, so that ties do not occur
        parameter.data.mul_(3)
    model.lm_head.bias.data.normal_()
    return model


def make_moss(reference: CodeGenForCausalLM, attention: str = "sdpa") -> MossForCausalLM:
    """The reference's weights in our model."""
    config = MossConfig(vocab_size=reference.config.vocab_size, bos_token_id=0, eos_token_id=1, **SIZES)
    config._attn_implementation = attention
    model = MossForCausalLM(config).eval()
    model.load_state_dict(reference.state_dict())
    return model


def write_checkpoint(folder: Path, model: CodeGenForCausalLM | None = None) -> Path:
    """Write `model`, or a random one, with a tokenizer; its `auto_map` names code that must not be run."""
    first_added = _write_tokenizer(folder)
    vocab_size = first_added + len(ADDED)
    model = model or make_reference(vocab_size)
    _write_shards(folder, model.state_dict())
    config = {
        "architectures": ["MossForCausalLM"],
        "auto_map": {
            "AutoConfig": "configuration_moss.MossConfig",
            "AutoModel": "modeling_moss.MossModel",
            "AutoModelForCausalLM": "modeling_moss.MossForCausalLM",
        },
        "activation_function": "gelu_new",
        "bos_token_id": first_added,
        "eos_token_id": first_added + ADDED.index("<eom>"),
        "model_type": "moss",
        "n_inner": None,
        "torch_dtype": "float32",
        "vocab_size": model.config.vocab_size,
        **SIZES,
    }
    (folder / "config.json").write_text(json.dumps(config))
    for name in ("configuration", "modeling", "tokenization"):
        (folder / f"{name}_moss.py").write_text("import sys\nsys.code_of_a_checkpoint_was_run = True\n")
    return folder


def _write_shards(folder: Path, weights: dict[str, torch.Tensor]) -> None:
    """Two shards and their index, with the causal masks that the original stored as if they were weights."""
    for layer in range(SIZES["n_layer"]):
        weights[f"transformer.h.{layer}.attn.causal_mask"] = torch.ones(1, 1, 16, 16, dtype=torch.bool).tril()
    names = list(weights)
    parts = [names[: len(names) // 2], names[len(names) // 2 :]]
    files = [f"pytorch_model-{number:05}-of-{len(parts):05}.bin" for number in range(1, len(parts) + 1)]
    for file, part in zip(files, parts, strict=True):
        torch.save({name: weights[name].clone() for name in part}, folder / file)
    where = {name: file for file, part in zip(files, parts, strict=True) for name in part}
    size = sum(weight.nbytes for weight in weights.values())
    index = {"metadata": {"total_size": size}, "weight_map": where}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index))


def _write_tokenizer(folder: Path) -> int:
    """vocab.json, merges.txt and added_tokens.json; return the id of the first added token."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=300, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(TEXT, trainer)
    tokenizer.model.save(str(folder))
    first = tokenizer.get_vocab_size()
    ids = {text: first + place for place, text in enumerate(ADDED)}
    (folder / "added_tokens.json").write_text(json.dumps(ids))
    special = {"bos_token": "<|endoftext|>", "eos_token": "<eom>", "unk_token": "<|endoftext|>"}
    (folder / "special_tokens_map.json").write_text(json.dumps(special))
    settings = {
        "add_prefix_space": False,
        "auto_map": {"AutoTokenizer": ["tokenization_moss.MossTokenizer", None]},
        "errors": "replace",
        "model_max_length": 2048,
        "tokenizer_class": "MossTokenizer",
        **special,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return first
