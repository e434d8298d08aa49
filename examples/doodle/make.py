"""Make the text-to-image pipeline from nothing: train the denoiser and the autoencoder, put them together.

    python -m examples.doodle.make --run runs/doodle --out runs/doodle/pipeline

The same command continues an interrupted run; with `--start` a new one begins with the weights and the autoencoder of
a pipeline made earlier.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from . import autoencoder, denoiser, pipeline


def make(run: Path, out: Path, steps: int = denoiser.STEPS, start: Path | None = None) -> None:
    """Train what the folder of the run lacks, and write the pipeline to `out`."""
    denoiser.Run(run, steps, start).train()
    if not (run / "vae").exists():
        autoencoder.make(run)
    pipeline.save(run, out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True, help="folder of the run: drawings, state, autoencoder")
    parser.add_argument("--out", type=Path, required=True, help="the pipeline folder to write")
    parser.add_argument("--steps", type=int, default=denoiser.STEPS, help="of a new run (default: %(default)s)")
    parser.add_argument("--start", type=Path, help="folder of a pipeline to begin a new run with")
    arguments = parser.parse_args()
    make(arguments.run, arguments.out, arguments.steps, arguments.start)


if __name__ == "__main__":
    main()
