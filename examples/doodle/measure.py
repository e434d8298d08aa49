"""How often a drawing is nearest to what it should be, among all drawings; and a sheet of unpicked samples.

    python -m examples.doodle.measure --run runs/doodle --pipeline plugins/text_to_image/doodle

For 200 of the names, chosen by a fixed seed beforehand, and three seeds each: the share of drawings whose own reference
is the nearest, or among the five nearest, of the same scene with each of all names. Of two things beside one another
each is looked for in its half of the picture. Distances are between pixels, at half the size, and between latents.
The pipeline was trained on every name: this tells how well it remembers them, in scenes that it may not have seen.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from . import drawings, scenes
from .autoencoder import SCALE
from .components import Components, as_tensor, components_of
from .scenes import COLOURS, Scene, Thing

NAMES, SEEDS = 200, (1, 2, 3)
STEPS, GUIDANCE = 16, 2.0
BATCH = 25
SHEET = (10, 6)


class Measure:
    """A pipeline, the drawings that it was to learn, and what its encoder takes of them."""

    def __init__(self, pipe: Any, pictures: drawings.Drawings, found: Components) -> None:
        self.pipe = pipe
        self.found = found
        self.pictures = pictures
        self.names = list(pictures)
        self._references: dict[Scene, tuple[torch.Tensor, torch.Tensor]] = {}
        self.asked = random.Random(2026).sample(sorted(self.names), NAMES)

    def kinds(self) -> dict[str, list[Scene]]:
        """The scenes to draw: plain, in a colour and before a background chosen at random, and two things."""
        rng = random.Random(2027)
        plain = [Scene((Thing(name),)) for name in self.asked]
        coloured = [Scene((Thing(name, rng.choice(list(COLOURS))),)) for name in self.asked]
        return {
            "plain": plain,
            "colour": [scene for scene in coloured if not scenes.is_misread(scene.things[0], self.names)],
            "background": [replace(scene, background=rng.choice(list(COLOURS))) for scene in plain],
            "two things": [
                Scene((Thing(one), Thing(other)), relation="and")
                for one, other in zip(self.asked[::2], self.asked[1::2], strict=True)
            ],
        }

    def ranks(self, every: list[Scene]) -> tuple[torch.Tensor, torch.Tensor]:
        """The place of each thing's own reference among all, from 0: by pixels and by latents."""
        self._references.clear()
        by_pixels, by_latents = [], []
        for seed in SEEDS:
            drawn = torch.cat([self.draw([scene_text(s) for s in some], seed) for some in batches(every)])
            for image, scene in zip(halved(drawn)[:, None], every, strict=True):
                image_latents = self.found.latents(image)
                for number, thing in enumerate(scene.things):
                    pixels, latents = self.references(scene, number)
                    own = self.names.index(thing.name)
                    by_pixels.append(rank(part(image, scene, number), pixels, own))
                    by_latents.append(rank(part(image_latents, scene, number), latents, own))
        return torch.tensor(by_pixels), torch.tensor(by_latents)

    def references(self, scene: Scene, number: int) -> tuple[torch.Tensor, torch.Tensor]:
        """The part of the scene where that thing is, with every name in its stead: at half the size, and latents."""
        things = len(scene.things)
        of_any = replace(scene, things=(replace(scene.things[number], name=""),) * things)
        if of_any not in self._references:
            every = [replace(of_any, things=(replace(of_any.things[0], name=name),) * things) for name in self.names]
            pixels = as_tensor([scenes.picture(s, self.pictures) for s in every])
            self._references[of_any] = pixels, self.found.latents(pixels)
        pixels, latents = self._references[of_any]
        return part(pixels, scene, number), part(latents, scene, number)

    @torch.no_grad()
    def draw(self, descriptions: list[str], seed: int) -> torch.Tensor:
        """What the pipeline draws for each with that seed, from -1 to 1. It can do but one at a time itself."""
        pipe = self.pipe
        words, mask, no_words, no_mask = pipe.encode_prompt(descriptions, negative_prompt="", skip_text_cleaning=True)
        words, mask = torch.cat([no_words, words]), torch.cat([no_mask, mask])
        side = pipe.transformer.config.in_channels, scenes.SIDE // 8, scenes.SIDE // 8
        noise = torch.randn((1, *side), generator=torch.Generator().manual_seed(seed))
        latents = noise.repeat(len(descriptions), 1, 1, 1)
        pipe.scheduler.set_timesteps(STEPS)
        for time in pipe.scheduler.timesteps:
            share = (time / 1000).repeat(2 * len(latents))
            both = pipe.transformer(latents.repeat(2, 1, 1, 1), share, words, attention_mask=mask).sample
            without, with_words = both.chunk(2)
            latents = pipe.scheduler.step(without + GUIDANCE * (with_words - without), time, latents).prev_sample
        return pipe.vae.decode(latents).sample.clamp(-1, 1)

    def sheet(self) -> Image.Image:
        """Unpicked samples: plain names, then colours and backgrounds, then scenes of any kind."""
        rng = random.Random(2028)
        kinds = self.kinds()
        third = SHEET[0] * SHEET[1] // 3
        every = kinds["plain"][:third] + kinds["colour"][: third // 2] + kinds["background"][third // 2 : third]
        every += [scenes.random_scene(self.names, rng) for _ in range(third)]
        drawn = torch.cat([self.draw([scenes.text(s, rng) for s in some], seed=1) for some in batches(every)])
        rows = drawn.unflatten(0, (SHEET[1], SHEET[0])).permute(0, 3, 1, 4, 2).flatten(2, 3).flatten(0, 1)
        return Image.fromarray(((rows + 1) * 127.5).round().byte().numpy())


def scene_text(scene: Scene) -> str:
    return scenes.text(scene, random.Random(0))


def batches(every: list[Scene]) -> Iterator[list[Scene]]:
    return (every[start : start + BATCH] for start in range(0, len(every), BATCH))


def halved(images: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.avg_pool2d(images, SCALE)


def part(pictures: torch.Tensor, scene: Scene, number: int) -> torch.Tensor:
    """The columns where a thing of the scene is: all of them, or a half if there are two beside one another."""
    return pictures.chunk(len(scene.things), dim=-1)[number]


def rank(one: torch.Tensor, every: torch.Tensor, own: int) -> int:
    """The place of `own` among all by its distance to the one, from 0."""
    distances = (every - one).square().flatten(1).sum(1)
    return int((distances < distances[own]).sum())


def main() -> None:
    from diffusers import PRXPipeline

    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--run", type=Path, required=True, help="folder of the training run")
    parser.add_argument("--pipeline", type=Path, required=True, help="the pipeline folder; the sheet is put there")
    arguments = parser.parse_args()
    pipe = PRXPipeline.from_pretrained(arguments.pipeline, dtype=torch.float32)
    pictures = drawings.load(arguments.run)
    measure = Measure(pipe, pictures, components_of(pipe.vae))
    measure.sheet().quantize().save(arguments.pipeline / "samples.png", optimize=True)
    print("| | pixels, nearest | among 5 | latents, nearest | among 5 |\n|---|---|---|---|---|")
    for kind, every in measure.kinds().items():
        ranks = measure.ranks(every)
        shares = [f"{(some < most).float().mean():.1%}" for some in ranks for most in (1, 5)]
        print(f"| {kind} | {' | '.join(shares)} |", flush=True)


if __name__ == "__main__":
    main()
