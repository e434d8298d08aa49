"""The fused q, v and k of MOSS as three matrices, for code that has them apart."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from moss_agent.checkpoints.moss.configuration import QKV_GROUPS

if TYPE_CHECKING:
    import torch


def split_qkv(name: str, weight: torch.Tensor) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield `qkv_proj` (3 * n, n) as `q_proj`, `k_proj` and `v_proj`, each (n, n); any other weight as it is.

    The rows of the fused one stand in `QKV_GROUPS` groups of heads, each with its rows of q, then v, then k.
    """
    if not name.endswith("attn.qkv_proj.weight"):
        yield name, weight
        return
    columns = weight.shape[1]
    query, value, key = weight.view(QKV_GROUPS, 3, columns // QKV_GROUPS, columns).unbind(1)
    for letter, rows in (("q", query), ("k", key), ("v", value)):
        yield name.replace("qkv_proj", f"{letter}_proj"), rows.reshape(columns, columns)
