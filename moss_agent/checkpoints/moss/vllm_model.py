"""MOSS on vLLM's own GPT-J, with its kernels and parallelism: the rows of q, v and k are put in order while loading.

vLLM's backend for models of transformers would not do: it has no bias for the head, and MOSS's head has one.
Imported by vLLM only. bench/vllm.py compares its tokens with ours; what the tests see is that the weights that it is
given make a GPT-J that computes what MOSS computes.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import TYPE_CHECKING, Any

from vllm.model_executor.models.gpt_j import GPTJForCausalLM

from moss_agent.checkpoints.moss.rotary import ROTARY_BASE
from moss_agent.checkpoints.moss.split import split_qkv

if TYPE_CHECKING:
    import torch


class MossForCausalLM(GPTJForCausalLM):
    """GPT-J from MOSS's weights and configuration, which has the same fields."""

    def __init__(self, *, vllm_config: Any, prefix: str = "") -> None:
        config = vllm_config.model_config.hf_config
        if getattr(config, "rope_parameters", None) is None:
            config.rope_parameters = {"rope_type": "default", "rope_theta": ROTARY_BASE}
        super().__init__(vllm_config=vllm_config, prefix=prefix)

    def load_weights(self, weights: Iterable[tuple[str, torch.Tensor]]) -> set[str]:
        """Load a checkpoint's weights, given by name."""
        kept = ((name, weight) for name, weight in weights if not name.endswith("attn.causal_mask"))
        loaded: set[str] = super().load_weights(chain.from_iterable(split_qkv(name, weight) for name, weight in kept))
        return loaded
