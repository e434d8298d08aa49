"""Train the denoiser: a diffusion transformer and its text encoder, together, by rectified flow.

Between a picture's latents x and noise n the model sees (1 - s) x + s n and learns n - x (Liu et al. 2022,
"Flow straight and fast"), s being drawn as in Esser et al. 2024 from the logistic of a normal distribution.
A run that was interrupted is continued; a new one may begin with the weights and the autoencoder of a pipeline made
earlier.
"""

from __future__ import annotations

import copy
import ctypes
import sys
import time
from pathlib import Path
from typing import NamedTuple

import torch
from diffusers import AutoencoderDC

from . import components, drawings, latents
from .latents import Examples, examples
from .network import Denoiser, codes
from .words import END, UNKNOWN, learned, vocabulary

STEPS = 10_000
BATCH = 64
PLAIN = 0.15  # the share of plain drawings in a batch
NO_WORDS = 0.1  # the share of descriptions left empty, for classifier-free guidance
SHIFT = 3.0  # towards noise, where the words decide what the picture becomes
STRAY = 0.15  # the share of descriptions with a word that is not known
LEARNING_RATE = 8e-4
OF_WORDS = 2.0  # times that: a word is seen in few batches only
WARMUP = 200
DECAY = 0.3  # the last part of the steps, in which the learning rate falls to zero
AVERAGE = 0.998  # of the weights, over steps
CHECKPOINT_EVERY = 250
STATE = "state.pt"


def take_autoencoder(pipeline: Path, out: Path) -> None:
    """Have a new run use the autoencoder of a pipeline, and the components that it is made of."""
    autoencoder = AutoencoderDC.from_pretrained(pipeline / "vae", torch_dtype=torch.float32)
    (out / latents.FILE).unlink(missing_ok=True)
    autoencoder.save_pretrained(out / "vae")
    components.save(components.components_of(autoencoder), out)


class Batch(NamedTuple):
    tokens: torch.Tensor  # BATCH x at most LENGTH
    latents: torch.Tensor  # BATCH x CHANNELS x 8 x 8


def batch(data: Examples, plain: int, vocabulary: dict[str, int], random: torch.Generator) -> Batch:
    """A batch of random examples, of which the first `plain` are plain drawings."""
    of_plain = torch.randint(plain, (round(BATCH * PLAIN),), generator=random)
    of_composed = torch.randint(plain, len(data["tokens"]), (BATCH - len(of_plain),), generator=random)
    rows = torch.cat([of_plain, of_composed])
    tokens = data["tokens"][rows].long()
    chance = torch.rand(BATCH, generator=random)
    tokens[chance < NO_WORDS] = data["no_words"].long()
    stray = (chance > 1 - STRAY) & (tokens[:, -1] == 0)
    tokens[stray] = with_stray(tokens[stray], vocabulary, random)
    longest = int((tokens != 0).sum(1).max())
    return Batch(tokens[:, :longest], data["latents"][rows].float())


def with_stray(tokens: torch.Tensor, vocabulary: dict[str, int], random: torch.Generator) -> torch.Tensor:
    """The descriptions, each with an unknown word before one of its words or at its end."""
    ends = (tokens == vocabulary[END]).int().argmax(1, keepdim=True)
    places = 1 + (torch.rand(ends.shape, generator=random) * ends).long()
    numbers = torch.arange(tokens.shape[1])
    return tokens.gather(1, numbers - (numbers > places).long()).scatter(1, places, vocabulary[UNKNOWN])


def loss_of(model: Denoiser, seen: Batch, random: torch.Generator) -> torch.Tensor:
    noise = torch.randn(seen.latents.shape, generator=random)
    share = torch.randn(len(noise), generator=random).sigmoid()
    share = SHIFT * share / (1 + (SHIFT - 1) * share)
    noisy = torch.lerp(seen.latents, noise, share[:, None, None, None])
    return (model(noisy, share, seen.tokens) - (noise - seen.latents)).square().mean()


def learning_rate(step: int, steps: int) -> float:
    return LEARNING_RATE * min(1.0, (step + 1) / WARMUP, (steps - step) / (steps * DECAY))


class Run:
    """A training run that can be stopped and continued; its steps and what it started with stay as they were."""

    def __init__(self, out: Path, steps: int, start: Path | None = None) -> None:
        self.path = out / STATE
        pictures = drawings.load(out)
        begins_with = None if self.path.exists() else start
        if begins_with:
            take_autoencoder(begins_with, out)
        self.plain = len(pictures)
        self.vocabulary = vocabulary(list(pictures))
        self.data = examples(out, pictures)
        torch.manual_seed(0)
        self.model = Denoiser(len(learned(list(pictures))))
        words = self.model.text_encoder.get_input_embeddings().weight
        words.data[[self.vocabulary[name] for name in pictures]] = codes(self.data["latents"][: self.plain].float())
        if begins_with:
            self.model.load_pipeline(begins_with, learned(list(pictures)))
        self.average = copy.deepcopy(self.model).requires_grad_(False)
        others = [parameter for parameter in self.model.parameters() if parameter is not words]
        groups = [{"params": others, "times": 1.0}, {"params": [words], "times": OF_WORDS, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.98), weight_decay=0.01, fused=True)
        self.step, self.steps = 0, steps
        if self.path.exists():
            self._load()

    def train(self) -> None:
        started, first, mean = time.monotonic(), self.step, None
        while self.step < self.steps:
            loss = self._one_step()
            mean = loss if mean is None else 0.98 * mean + 0.02 * loss
            if self.step % 50 == 0:
                pace = (time.monotonic() - started) / (self.step - first)
                print(f"step {self.step} of {self.steps}: loss {mean:.4f}, {pace:.2f} s a step", flush=True)
            if self.step % CHECKPOINT_EVERY == 0 or self.step == self.steps:
                self._save()
                give_memory_back()

    def _one_step(self) -> float:
        for group in self.optimizer.param_groups:
            group["lr"] = group["times"] * learning_rate(self.step, self.steps)
        random = torch.Generator().manual_seed(self.step)
        loss = loss_of(self.model, batch(self.data, self.plain, self.vocabulary, random), random)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.step += 1
        keep = min(AVERAGE, self.step / (self.step + 10))
        torch._foreach_lerp_(list(self.average.parameters()), list(self.model.parameters()), 1 - keep)
        return loss.item()

    def _save(self) -> None:
        state = {
            "step": self.step,
            "steps": self.steps,
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        part = self.path.with_suffix(".part")
        torch.save(state, part)
        part.replace(self.path)

    def _load(self) -> None:
        state = torch.load(self.path)
        self.step, self.steps = state["step"], state["steps"]
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])


def give_memory_back() -> None:
    """Give what was freed back to the system: glibc keeps pieces of it, some 5 to 15 MB more with every step."""
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)
