"""Proof that a conversion computes what its source computes: the logits of a random prompt, block after block.

Only one block is in memory at a time, in float32, so that this works for a model of any size.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from moss_agent.errors import CheckpointError

if TYPE_CHECKING:
    import torch
    from transformers import GPTJConfig

    from moss_agent.checkpoints.convert.tensors import Tensors
    from moss_agent.checkpoints.moss.configuration import MossConfig

Config = TypeVar("Config", "MossConfig", "GPTJConfig")
PROMPT = 32  # tokens


def random_prompt(vocab_size: int) -> torch.Tensor:
    """Return the token ids, (PROMPT,): the same ones every time."""
    import torch

    return torch.randint(vocab_size, (PROMPT,), generator=torch.Generator().manual_seed(0))


def moss_logits(tensors: Tensors, config: MossConfig, ids: torch.Tensor) -> torch.Tensor:
    """Return the logits (prompt, vocabulary) of MOSS weights."""
    from moss_agent.checkpoints.moss.modeling import MossBlock
    from moss_agent.checkpoints.moss.rotary import MossRotaryEmbedding

    config = _eager(config)
    block, positions = MossBlock(config, 0).eval(), MossRotaryEmbedding(config)(_positions(ids))

    def step(hidden: torch.Tensor) -> torch.Tensor:
        computed: torch.Tensor = block(hidden, position_embeddings=positions, attention_mask=_causal_mask(ids))
        return computed

    return _logits(tensors, config, block, step, ids)


def gptj_logits(tensors: Tensors, config: GPTJConfig, ids: torch.Tensor) -> torch.Tensor:
    """Return the logits (prompt, vocabulary) of GPT-J weights, by the code of transformers."""
    from transformers.models.gptj.modeling_gptj import GPTJBlock

    config = _eager(config)
    block = GPTJBlock(config, layer_idx=0).eval()

    def step(hidden: torch.Tensor) -> torch.Tensor:
        computed: torch.Tensor = block(hidden, attention_mask=_causal_mask(ids), position_ids=_positions(ids))[0]
        return computed

    return _logits(tensors, config, block, step, ids)


def check_logits(computed: torch.Tensor, expected: torch.Tensor, tolerance: float) -> float:
    """Return the relative error (Euclidean norm). Raises CheckpointError above `tolerance`."""
    distance = float((computed - expected).norm() / expected.norm())
    if not distance <= tolerance:
        raise CheckpointError(
            f"what was written computes other logits than its source ({distance:.2g} apart, {tolerance:g} allowed): "
            "nothing is kept; please report this"
        )
    return distance


def _logits(
    tensors: Tensors,
    config: MossConfig | GPTJConfig,
    block: torch.nn.Module,
    step: Callable[[torch.Tensor], torch.Tensor],
    ids: torch.Tensor,
) -> torch.Tensor:
    import torch
    from torch.nn import functional
    from tqdm import tqdm

    with torch.inference_mode():
        hidden = tensors["transformer.wte.weight"][ids].float()[None]
        for layer in tqdm(range(config.n_layer), desc="Comparing", unit=" blocks", disable=None, leave=False):
            block.load_state_dict({name: tensors[f"transformer.h.{layer}.{name}"] for name in block.state_dict()})
            hidden = step(hidden)
        weight, bias = (tensors[f"transformer.ln_f.{name}"].float() for name in ("weight", "bias"))
        hidden = functional.layer_norm(hidden[0], (config.n_embd,), weight, bias, config.layer_norm_epsilon)
        return functional.linear(hidden, tensors["lm_head.weight"].float(), tensors["lm_head.bias"].float())


def _eager(config: Config) -> Config:
    """Return a copy with eager attention, which takes the mask below."""
    config = copy.deepcopy(config)
    config._attn_implementation = "eager"
    return config


def _positions(ids: torch.Tensor) -> torch.Tensor:
    import torch

    return torch.arange(len(ids))[None]


def _causal_mask(ids: torch.Tensor) -> torch.Tensor:
    """Return the causal mask: 0 where a token may look, the lowest number elsewhere, (1, 1, prompt, prompt)."""
    import torch

    return torch.full((1, 1, len(ids), len(ids)), torch.finfo(torch.float32).min).triu(1)
