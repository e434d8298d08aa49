"""MOSS as GPT-J, for engines that know GPT-J and not CodeGen, such as vLLM. Exact: only rows change their order.

Both are decoders in which attention and MLP read the same normalised input, with rotary positions on neighbouring
pairs and a head with a bias. What differs is that MOSS keeps q, v and k fused, in groups of heads.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from moss_agent.checkpoints.convert.checking import check_logits, gptj_logits, moss_logits, random_prompt
from moss_agent.checkpoints.convert.source import Source
from moss_agent.checkpoints.convert.staging import staged
from moss_agent.checkpoints.convert.tensors import Tensors
from moss_agent.checkpoints.convert.to_safetensors import write_tensors
from moss_agent.checkpoints.moss.split import split_qkv

if TYPE_CHECKING:
    import torch
    from transformers import GPTJConfig, PreTrainedTokenizerBase

    from moss_agent.checkpoints.moss.configuration import MossConfig

TOLERANCE = 1e-4  # both compute in float32, adding in another order


def to_gptj(source: Source, target: Path) -> float:
    """Write the checkpoint as GPT-J to `target`. Returns how far apart the logits are, as a part of them."""
    config = gptj_config(source.config, source.dtype)
    with staged(target, source.tensors.size()) as part:
        write_tensors(source.tensors, part, split_qkv)
        config.save_pretrained(part)
        save_plain_tokenizer(source.tokenizer, part)
        source.keep_notes(part)
        ids = random_prompt(config.vocab_size)
        expected = moss_logits(source.tensors, source.config, ids)
        return check_logits(gptj_logits(Tensors(part), config, ids), expected, TOLERANCE)


def gptj_config(config: MossConfig, dtype: torch.dtype) -> GPTJConfig:
    """Return the GPT-J configuration with the same sizes."""
    from transformers import GPTJConfig

    shared = "vocab_size n_positions n_embd n_layer n_head rotary_dim n_inner activation_function layer_norm_epsilon"
    names = [*shared.split(), "bos_token_id", "eos_token_id", "pad_token_id", "tie_word_embeddings"]
    fields = {name: getattr(config, name) for name in names}
    return GPTJConfig(**fields, architectures=["GPTJForCausalLM"], dtype=dtype)


def save_plain_tokenizer(tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """Write the tokenizer under a class that every transformers has."""
    from transformers import PreTrainedTokenizerFast

    special = {name: token for name, token in tokenizer.special_tokens_map.items() if isinstance(token, str)}
    longest = tokenizer.model_max_length
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer.backend_tokenizer, model_max_length=longest, **special
    ).save_pretrained(folder)
    file = folder / "tokenizer_config.json"
    config = json.loads(file.read_text(encoding="utf-8")) | {"tokenizer_class": "PreTrainedTokenizerFast"}
    file.write_text(json.dumps(config, indent=2, ensure_ascii=False), encoding="utf-8")
