"""Attention within packed conversations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from moss_agent.engine.attention import attend, use_attention

if TYPE_CHECKING:
    from transformers import PreTrainedModel

NAME = "moss_agent_packed"


def use_packed_attention(model: PreTrainedModel) -> None:
    """Let the model take `segments`, as `packing.Pack` has them, in its forward."""
    use_attention(model, NAME, _attend_packed)


def _attend_packed(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    segments: Sequence[int],
    scaling: float | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Attend from every part to the beginning and to itself. Shapes: (1, heads, tokens, size of a head)."""
    query, key = query.to(value.dtype), key.to(value.dtype)
    attend_part = _attend_plainly if query.device.type == "cpu" else attend
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    queries, keys, values = (each.split(list(segments), dim=2) for each in (query, key, value))
    parts = [attend_part(queries[0], keys[0], values[0], scale)] if segments[0] else []
    for part, own_key, own_value in zip(queries[1:], keys[1:], values[1:], strict=True):
        parts.append(attend_part(part, torch.cat([keys[0], own_key], 2), torch.cat([values[0], own_value], 2), scale))
    return torch.cat(parts, 2).transpose(1, 2).contiguous(), None


def _attend_plainly(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scale: float) -> torch.Tensor:
    """Do as `attend` with plain matrix products: on a CPU, the fused kernel takes four times as long backwards."""
    _, heads, rows, size = query.shape
    groups, columns = key.shape[1:3]
    scores = torch.bmm(query.reshape(groups, -1, size), (key[0] * scale).transpose(1, 2))
    unseen = torch.full((rows, columns), -torch.inf, dtype=scores.dtype).triu(columns - rows + 1)
    weights = (scores.view(groups, -1, rows, columns) + unseen).softmax(-1)
    return torch.bmm(weights.view(groups, -1, columns), value[0]).view(1, heads, rows, size)
