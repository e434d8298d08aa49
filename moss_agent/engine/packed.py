"""Linear layers of 4-bit weights that stay packed while few rows pass them, as they do while a text is written.

One row is as fast as its weights are read: 4 bits each instead of 16 or 32.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

import torch
from torch.nn.functional import linear

GROUP = 32  # weights that share a scale and an offset
FEW = 8  # rows; for more of them it is faster to compute with the whole weights


@dataclass(frozen=True)
class Levels:
    """Weights as `levels * scale + offset`, and what an adapter adds: `up @ down`.

    levels: (out, in), 0 to 15. scales, offsets: (out, in / GROUP). down: (rank, in). up: (out, rank).
    """

    levels: torch.Tensor
    scales: torch.Tensor
    offsets: torch.Tensor
    down: torch.Tensor
    up: torch.Tensor


class PackedLinear(torch.nn.Module):
    """A linear layer of `Levels`, which computes with `weight`, (out, in), for many rows; without a bias."""

    def __init__(self, levels: Levels, weight: torch.Tensor) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(weight, requires_grad=False)
        self._packed = torch.ops.aten._convert_weight_to_int4pack_for_cpu(levels.levels.int(), 1)
        middles = levels.offsets + 8 * levels.scales  # the kernel counts levels from 8 on
        self._groups = torch.stack((levels.scales, middles), -1).transpose(0, 1).contiguous().bfloat16()
        self._down, self._up = levels.down.float(), levels.up.float().T.contiguous()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.shape[:-1].numel() > FEW:
            return with_half_weights(x, self.weight)
        rows = x.reshape(-1, x.shape[-1])
        base = torch.ops.aten._weight_int4pack_mm_for_cpu(rows.bfloat16(), self._packed, GROUP, self._groups)
        return torch.addmm(base.float(), linear(rows, self._down), self._up).view(*x.shape[:-1], -1)


class HalfLinear(torch.nn.Module):
    """A linear layer of float32 rows and 16-bit weights, (out, in), without a bias."""

    def __init__(self, weight: torch.Tensor) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(weight, requires_grad=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return with_half_weights(x, self.weight)


def with_half_weights(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Compute float32 rows with 16-bit weights: many rows in float32 where 16 bits are slower."""
    if x.shape[:-1].numel() > 1 and not torch.cpu._is_avx512_bf16_supported():
        return linear(x, weight.float())
    return linear(x.to(weight.dtype), weight).float()


def pack(model: Any, layers: Iterator[tuple[str, Levels]]) -> bool:
    """Compute the linear layers of those names from packed weights, and all else of the model in float32.

    The model is a Llama in bfloat16 on the CPU. It stays as it is, and False is returned, if there are no layers or
    packed weights are not faster on this processor.
    """
    first = next(layers, None)
    if first is None:
        return False
    packed = PackedLinear(first[1], model.get_submodule(first[0]).weight.data)
    if _seconds(packed) > _seconds(HalfLinear(packed.weight)):
        return False
    for name, levels in chain([first], layers):
        model.set_submodule(name, PackedLinear(levels, model.get_submodule(name).weight.data))
    for module in model.modules():
        if type(module).__name__.endswith("RMSNorm"):
            module.float()
    model.set_output_embeddings(HalfLinear(model.get_output_embeddings().weight.data))
    return True


def _seconds(layer: PackedLinear | HalfLinear) -> float:
    """Return how long one row takes at best."""
    row, taken = torch.ones(1, layer.weight.shape[1]), []
    with torch.inference_mode():
        for _ in range(20):
            begun = time.perf_counter()
            layer(row)
            taken.append(time.perf_counter() - begun)
    return min(taken)
