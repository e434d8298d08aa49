"""What the denoiser learns from: descriptions as tokens and pictures as latents, worked out once and kept."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from . import scenes
from .components import as_tensor, components
from .drawings import Drawings
from .words import LENGTH, learned, meanings, tokenizer, vocabulary

COMPOSED = 200_000  # scenes beside the plain drawings
BATCH = 500
FILE = "latents.safetensors"

Examples = dict[
    str, torch.Tensor
]  # "tokens": rows x LENGTH, "no_words": 1 x LENGTH, "latents": rows x CHANNELS x 8 x 8


def examples(folder: Path, drawings: Drawings) -> Examples:
    """The plain drawings first, in the order of their names, then composed scenes; from the folder if there."""
    path, names = folder / FILE, list(drawings)
    numbering = {"words": hashlib.sha256("\n".join(learned(names)).encode()).hexdigest()}
    if not path.exists():
        rng = random.Random(1)
        plain = [scenes.Scene((scenes.Thing(name),)) for name in names]
        every = plain + [scenes.random_scene(names, rng) for _ in range(COMPOSED)]
        tokens = tokens_of([scenes.text(scene, rng) for scene in every], names)
        made = {"tokens": tokens, "no_words": tokens_of([""], names), "latents": latents_of(every, folder, drawings)}
        save_file(made, path, metadata=numbering)
    with safe_open(path, "pt") as file:
        if file.metadata() != numbering:
            raise SystemExit(f"{path} was made with other words: delete it, and it will be made anew")
    return load_file(path)


def tokens_of(descriptions: list[str], names: list[str]) -> torch.Tensor:
    """rows x LENGTH, of tokens that are learned: other words, which two names may happen to make, as what they mean."""
    known, numbers = tokenizer(names), vocabulary(names)
    rows = known(descriptions, padding="max_length", truncation=True, max_length=LENGTH)["input_ids"]
    meant = torch.arange(len(numbers), dtype=torch.int16)
    for word, name in meanings(names).items():
        meant[numbers[word]] = numbers[name]
    return meant[torch.tensor(rows)]


def latents_of(every: list[scenes.Scene], folder: Path, drawings: Drawings) -> torch.Tensor:
    found = components(folder, drawings)
    batches = (every[start : start + BATCH] for start in range(0, len(every), BATCH))
    parts = [found.latents(as_tensor([scenes.picture(scene, drawings) for scene in batch])) for batch in batches]
    return torch.cat([part.half() for part in parts])
