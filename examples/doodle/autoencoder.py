"""Make the autoencoder: pictures of 128x128x3 to latents of 8x8x24 and back.

The encoder halves the picture and takes its principal components: see `components`. The decoder is trained
to draw the whole picture from them. It looks at each place with its neighbourhood only, so it learns from parts
of pictures, which cost less.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from diffusers import AutoencoderDC

from . import drawings, scenes
from .components import CHANNELS, PIECE, Components, as_tensor, components
from .drawings import Drawings

SCALE = 2  # pictures are so many times larger than what the components are taken of
STEPS = 2500
BATCH = 16
PART = 4  # of the 8 rows and columns of latents
WARMUP = 100
LEARNING_RATE = 1.5e-3
NOISE = 0.05  # added to the latents, because those that are drawn will not be quite right either
PLAIN = 0.4  # the share of plain drawings among the pictures


def autoencoder(found: Components) -> AutoencoderDC:
    """One that encodes as the components do, its decoder untrained."""
    model = AutoencoderDC(
        latent_channels=CHANNELS,
        encoder_block_types="ResBlock",
        encoder_block_out_channels=(3, 12, 48, 192, 768),
        encoder_layers_per_block=(0, 1, 1, 1, 0),
        encoder_qkv_multiscales=((),) * 5,
        encoder_out_shortcut=False,
        decoder_block_types="ResBlock",
        decoder_block_out_channels=(16, 32, 64, 128, 256),
        decoder_layers_per_block=(0, 1, 1, 1, 1),
        decoder_qkv_multiscales=((),) * 5,
        decoder_in_shortcut=False,
        scaling_factor=1.0,
    )
    for parameter in model.encoder.parameters():
        parameter.requires_grad_(False).zero_()
    # Pixels are moved to channels four times, passing by every other layer, and only then looked at.
    centre = (slice(None), slice(None), 1, 1)
    model.encoder.conv_in.conv.weight[centre] = torch.eye(3)
    side = PIECE * SCALE
    whole = found.basis.T.unflatten(1, (3, PIECE, PIECE)).repeat_interleave(SCALE, 2).repeat_interleave(SCALE, 3)
    model.encoder.conv_out.weight[centre] = (
        in_channels(whole.flatten(0, 1) / SCALE**2, side).unflatten(0, (CHANNELS, 3)).flatten(1)
    )
    model.encoder.conv_out.bias[:] = -found.mean @ found.basis
    return model.to(memory_format=torch.channels_last)


def in_channels(maps: torch.Tensor, side: int) -> torch.Tensor:
    """Maps of side x side as channels, in the order in which repeated halving of a picture moves pixels there."""
    maps = maps[:, None]
    while side > 1:
        maps, side = torch.nn.functional.pixel_unshuffle(maps, 2), side // 2
    return maps.flatten(1)


def batches(pictures: Drawings, rng: random.Random) -> Iterator[torch.Tensor]:
    """Pictures from -1 to 1, BATCH x 3 x 128 x 128, without end."""
    names = list(pictures)
    while True:
        plain = [scenes.Scene((scenes.Thing(rng.choice(names)),)) for _ in range(round(BATCH * PLAIN))]
        composed = [scenes.random_scene(names, rng) for _ in range(BATCH - len(plain))]
        yield as_tensor([scenes.picture(scene, pictures, SCALE) for scene in (*plain, *composed)])


def loss_of(
    model: AutoencoderDC, found: Components, images: torch.Tensor, rng: random.Random
) -> tuple[torch.Tensor, float]:
    """What is minimised, and the mean absolute error of the pixels (of 2), both on a part of every picture."""
    latents = found.latents(torch.nn.functional.avg_pool2d(images, SCALE))  # as the encoder does, but faster
    left, top = (rng.randint(0, latents.shape[-1] - PART) for _ in range(2))
    scale = PIECE * SCALE
    latents = latents[..., top : top + PART, left : left + PART]
    images = images[..., scale * top : scale * (top + PART), scale * left : scale * (left + PART)]
    error = model.decode(latents + NOISE * torch.randn_like(latents)).sample - images
    pixels = error.abs().mean()
    # Differences between neighbours keep the outlines sharp.
    outlines = error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean()
    return pixels + error.square().mean() + 0.5 * outlines, pixels.item()


def learning_rate(step: int) -> float:
    warm = min(1.0, (step + 1) / WARMUP)
    return LEARNING_RATE * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / STEPS)))


def train(model: AutoencoderDC, found: Components, pictures: Drawings) -> None:
    optimizer = torch.optim.AdamW(model.decoder.parameters(), betas=(0.9, 0.98), weight_decay=0.01, fused=True)
    started, mean, rng = time.monotonic(), 0.0, random.Random(0)
    for step, images in zip(range(STEPS), batches(pictures, rng), strict=False):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step)
        loss, pixels = loss_of(model, found, images, rng)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.decoder.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        mean = pixels if step == 0 else 0.98 * mean + 0.02 * pixels
        if step % 100 == 99:
            print(f"step {step + 1}: error {mean:.4f}, {time.monotonic() - started:.0f} s", flush=True)


def make(out: Path) -> None:
    """Train one on the drawings in the folder of a run, and save it there as `vae`, whole or not at all."""
    pictures = drawings.load(out)
    torch.manual_seed(0)
    found = components(out, pictures)
    model = autoencoder(found)
    train(model, found, pictures)
    model.save_pretrained(out / "vae.part")
    (out / "vae.part").rename(out / "vae")
