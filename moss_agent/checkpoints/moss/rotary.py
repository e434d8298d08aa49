"""Rotary position embedding (Su et al. 2021) on pairs of neighbouring dimensions, as GPT-J and CodeGen have it."""

from __future__ import annotations

import torch
from torch import nn

from moss_agent.checkpoints.moss.configuration import MossConfig

ROTARY_BASE = 10000.0


class MossRotaryEmbedding(nn.Module):
    """Sines and cosines of the positions, in float32 whatever the model's precision, as the original has them."""

    def __init__(self, config: MossConfig) -> None:
        super().__init__()
        self.rotary_dim = config.rotary_dim
        self.inv_freq = nn.Buffer(self.frequencies(), persistent=False)

    def frequencies(self) -> torch.Tensor:
        """Return the angle by which each pair of dimensions turns from one position to the next, (rotary_dim / 2,)."""
        # While a model of 16 bits is loaded, what is divided without a precision of its own gets those.
        places = torch.arange(0, self.rotary_dim, 2, dtype=torch.float32)
        return 1.0 / ROTARY_BASE ** (places / self.rotary_dim)

    @torch.no_grad()
    def forward(self, position_ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (cos, sin), each (batch, 1, length, rotary_dim), for positions of shape (batch, length)."""
        angles = position_ids[:, None, :, None].float() * self.inv_freq.float()
        angles = angles.repeat_interleave(2, dim=-1)
        return angles.cos(), angles.sin()


def rotate_every_two(states: torch.Tensor) -> torch.Tensor:
    """Turn (a, b, c, d, ...) into (-b, a, -d, c, ...) along the last dimension."""
    return torch.stack((-states[..., 1::2], states[..., ::2]), dim=-1).flatten(-2)


def apply_rotary_pos_emb(states: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Turn the first `cos.shape[-1]` dimensions of each head by its position; computed in float32."""
    turned, rest = states.split((cos.shape[-1], states.shape[-1] - cos.shape[-1]), dim=-1)
    turned = turned.float()
    turned = turned * cos + rotate_every_two(turned) * sin
    return torch.cat((turned.to(states.dtype), rest), dim=-1)
