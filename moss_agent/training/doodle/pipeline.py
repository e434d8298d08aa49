"""Put the trained parts together as an ordinary pipeline folder of diffusers, in half precision.

python -m moss_agent.training.doodle.pipeline --run runs/doodle --out plugins/text_to_image/doodle
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from diffusers import AutoencoderDC, FlowMatchEulerDiscreteScheduler, PRXPipeline

from moss_agent.training.doodle import drawings
from moss_agent.training.doodle.autoencoder import SCALE
from moss_agent.training.doodle.denoiser import STATE
from moss_agent.training.doodle.network import Denoiser
from moss_agent.training.doodle.scenes import SIDE
from moss_agent.training.doodle.words import learned, meanings, tokenizer, vocabulary


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--run", type=Path, required=True, help="folder of the training run")
    parser.add_argument("--out", type=Path, required=True, help="the pipeline folder to write")
    arguments = parser.parse_args()
    names = list(drawings.load(arguments.run))
    assembled(arguments.run, names).to(dtype=torch.float16).save_pretrained(arguments.out)
    things = [*names, *(word for word, name in meanings(names).items() if name in set(names))]
    (arguments.out / "things.txt").write_text("\n".join(things), encoding="utf-8")


if __name__ == "__main__":
    main()
