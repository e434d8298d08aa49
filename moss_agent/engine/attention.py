"""Attention of our own in models of transformers that leave it to a function."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.attention.bias import causal_lower_right
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface

if TYPE_CHECKING:
    from transformers import PreTrainedModel

FAMILIES = {
    *("apertus", "arcee", "cohere", "ernie4_5", "gemma", "glm", "glm4", "gpt2", "gpt_neox", "granite", "granitemoe"),
    *("helium", "hunyuan_v1_dense", "llama", "ministral3", "mistral", "mixtral", "moss", "olmo", "olmo2"),
    *("olmoe", "opt", "phi", "phi3", "qwen2", "qwen2_moe", "qwen3", "qwen3_moe", "seed_oss", "smollm3", "starcoder2"),
}
"""By `model_type`: models that ask the function for causal attention and nothing else. The tests compare each."""
ROPE_TYPES = {"default", "linear", "llama3", "yarn"}  # others turn by the length of the whole sequence

Attention = Callable[..., tuple[torch.Tensor, None]]


def leaves_attention(model: PreTrainedModel) -> bool:
    """Return whether each token of the model may attend to what a function of ours chooses."""
    config = model.config
    rope = getattr(config, "rope_parameters", None) or {}
    return (
        config.model_type in FAMILIES
        and rope.get("rope_type", "default") in ROPE_TYPES
        and set(getattr(config, "layer_types", None) or ["full_attention"]) == {"full_attention"}
        and not getattr(config, "sliding_window", None)
        and not getattr(config, "use_bidirectional_attention", False)
        and getattr(config, "is_causal", True)
    )


def use_attention(model: PreTrainedModel, name: str, attention: Attention) -> None:
    """Let the model attend by that function, which gets the further arguments of its forward.

    No mask is made for names that are registered for attention alone.
    """
    AttentionInterface.register(name, attention)
    model.set_attn_implementation(name)


def attend(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scale: float | None) -> torch.Tensor:
    """Attend causally, the last query standing at the last key.

    Shapes: (1, heads, tokens, size of a head); neighbouring query heads share a key head. scale: of the products, by
    default by the size of a head.
    """
    several: Any = causal_lower_right(query.shape[2], key.shape[2]) if query.shape[2] > 1 else None
    shares = _shares_heads(query.device, query.dtype)
    if not shares and (times := query.shape[1] // key.shape[1]) > 1:
        key, value = (each.repeat_interleave(times, 1) for each in (key, value))
    return scaled_dot_product_attention(query, key, value, several, scale=scale, enable_gqa=shares)


@cache
def _shares_heads(device: torch.device, dtype: torch.dtype) -> bool:
    """Return whether the fast kernels there take fewer key heads than query heads; others would fall to a slow one."""
    if device.type == "cuda":
        return dtype in (torch.float16, torch.bfloat16) and torch.cuda.get_device_capability(device) >= (8, 0)
    return device.type == "cpu"
