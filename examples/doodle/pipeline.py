"""Put the trained parts together as an ordinary pipeline folder of diffusers, in half precision."""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import AutoencoderDC, FlowMatchEulerDiscreteScheduler, PRXPipeline

from . import drawings
from .autoencoder import SCALE
from .denoiser import STATE
from .network import Denoiser
from .scenes import SIDE
from .words import learned, meanings, tokenizer, vocabulary


def assembled(run: Path, names: list[str]) -> PRXPipeline:
    numbers = vocabulary(names)
    model = Denoiser(len(learned(names))).eval()
    model.load_state_dict(torch.load(run / STATE)["average"])
    words = model.text_encoder.resize_token_embeddings(len(numbers), mean_resizing=False).weight.data
    for word, name in meanings(names).items():
        words[numbers[word]] = words[numbers[name]]
    return PRXPipeline(
        transformer=model.transformer,
        scheduler=FlowMatchEulerDiscreteScheduler(),
        text_encoder=model.text_encoder,
        tokenizer=tokenizer(names),
        vae=AutoencoderDC.from_pretrained(run / "vae"),
        default_sample_size=SIDE * SCALE,
    )


def save(run: Path, out: Path) -> None:
    """Write the pipeline of a run, and `things.txt` with all that it can be asked for by name."""
    names = list(drawings.load(run))
    assembled(run, names).to(dtype=torch.float16).save_pretrained(out)
    things = [*names, *(word for word, name in meanings(names).items() if name in set(names))]
    (out / "things.txt").write_text("\n".join(things), encoding="utf-8")
