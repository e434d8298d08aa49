"""Linear layers of 4-bit weights that stay packed while few rows pass them, as they do while a text is written.

One row is as fast as its weights are read: 4 bits each instead of 16 or 32.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
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
    if x.shape[:-1].numel() > FEW and not torch.cpu._is_avx512_bf16_supported():
        return linear(x, weight.float())
    return linear(x.to(weight.dtype), weight).float()


def pack(model: Any, layers: Iterable[tuple[str, Levels]]) -> None:
    """Compute a Llama in bfloat16 from 4-bit weights where that is faster for one row, else from its own 16-bit ones.

    layers: names of linear layers without bias, and their weights in 4 bits. All else is computed in float32.
    """
    halves: dict[str, PackedLinear | HalfLinear] = {
        name: HalfLinear(layer.weight.data)
        for name, layer in model.named_modules()
        if isinstance(layer, torch.nn.Linear)
    }
    packed = {name: PackedLinear(levels, halves[name].weight.data) for name, levels in layers}
    if _seconds(packed.values()) < _seconds([halves[name] for name in packed]):
        halves.update(packed)
    for name, layer in halves.items():
        model.set_submodule(name, layer)
    for module in model.modules():
        if type(module).__name__.endswith("RMSNorm"):
            module.float()


def _seconds(layers: Collection[PackedLinear | HalfLinear]) -> float:
    """Return how long it takes at best to read all weights once, for one row."""
    rows = {into: torch.ones(1, into) for into in {layer.weight.shape[1] for layer in layers}}
    taken = []
    with torch.inference_mode():
        for _ in range(3):
            begun = time.perf_counter()
            for layer in layers:
                layer(rows[layer.weight.shape[1]])
            taken.append(time.perf_counter() - begun)
    return min(taken)
