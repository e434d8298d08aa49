"""Latents of pictures: the principal components of their pieces.

A piece of 8x8 pixels of such flat drawings is told to 97% of its variance by 24 numbers, so the encoder is
worked out, not trained. Each component is divided by the square root of its deviation: halfway between as
seen by the pixels, where details hardly count, and all alike, where noise counts as much as form.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderDC
from safetensors.torch import load_file, save_file

from . import scenes
from .drawings import Drawings

FILE = "components.safetensors"
CHANNELS = 24
PIECE = 8  # pixels
SCENES = 3000  # beside the plain drawings, to find the components from


@dataclass(frozen=True)
class Components:
    """mean: 192, the pixels of a piece by colour, row, column; basis: 192 x CHANNELS."""

    mean: torch.Tensor
    basis: torch.Tensor

    def latents(self, images: torch.Tensor) -> torch.Tensor:
        """Images from -1 to 1, batch x 3 x height x width, as batch x CHANNELS x height / 8 x width / 8."""
        return ((pieces(images) - self.mean) @ self.basis).permute(0, 3, 1, 2).contiguous()


def pieces(images: torch.Tensor) -> torch.Tensor:
    """The pieces of images: batch x rows x columns x 192."""
    return images.unfold(2, PIECE, PIECE).unfold(3, PIECE, PIECE).permute(0, 2, 3, 1, 4, 5).flatten(3)


def components(folder: Path, drawings: Drawings) -> Components:
    """The components, from the folder if they are there."""
    if not (folder / FILE).exists():
        save(found(drawings), folder)
    return Components(**load_file(folder / FILE))


def save(made: Components, folder: Path) -> None:
    save_file(vars(made), folder / FILE)


def found(drawings: Drawings) -> Components:
    names, rng = list(drawings), random.Random(0)
    plain = [scenes.Scene((scenes.Thing(name),)) for name in names]
    composed = [scenes.random_scene(names, rng) for _ in range(SCENES)]
    rows = pieces(as_tensor([scenes.picture(scene, drawings) for scene in (*plain, *composed)])).flatten(0, 2)
    mean = rows.mean(0)
    variances, directions = torch.linalg.eigh((rows - mean).T @ (rows - mean) / len(rows))
    variances, directions = variances.flip(0)[:CHANNELS], directions.flip(1)[:, :CHANNELS]
    basis = directions * variances**-0.25
    basis = basis / variances.sqrt().mean().sqrt()  # the variance of all channels together is 1
    return Components(mean, basis.contiguous())


def components_of(autoencoder: AutoencoderDC) -> Components:
    """The components by which an autoencoder that was made of some encodes."""
    side = autoencoder.spatial_compression_ratio
    pixels = torch.eye(3 * PIECE**2).unflatten(1, (3, PIECE, PIECE))
    with torch.no_grad():
        nothing = autoencoder.encode(torch.zeros(1, 3, side, side)).latent.flatten(1)
        basis = autoencoder.encode(torch.nn.functional.interpolate(pixels, side)).latent.flatten(1) - nothing
    mean = -nothing[0] @ torch.linalg.pinv(basis)  # any with this product will do
    return Components(mean, basis.contiguous())


def as_tensor(pictures: list[np.ndarray]) -> torch.Tensor:
    """uint8 of height x width x 3 as float from -1 to 1, batch x 3 x height x width."""
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2) / 127.5 - 1
