"""Train the mini model's adapter: LoRA on SmolLM2-135M-Instruct, on generated conversations only.

    python -m examples.mini.train --out runs/mini

Every conversation is seen once. The same command continues an interrupted run; `OUT/adapter` is what is shipped in
`moss_agent/checkpoints/adapter`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from moss_agent.training.dataset import pieces
from moss_agent.training.masking import tokenize
from moss_agent.training.packing import Pack, packs

from .conversations import generate
from .record import record

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

BASE = "HuggingFaceTB/SmolLM2-135M-Instruct"
RANK = 32
ROW = 2048  # tokens of a step
LEARNING_RATE = 8e-4
WARMUP_STEPS = 50
DECAY = 0.3  # the last part of the tokens, in which the learning rate falls to zero


def train(out: Path, tokens: int, seed: int) -> None:
    """Train in `out` until `tokens` tokens were seen."""
    import torch

    from moss_agent.checkpoints.mini import load_base
    from moss_agent.training.learner import Learner
    from moss_agent.training.run import Run, falling_rate, steps
    from moss_agent.training.weights import save_adapter, with_adapter

    torch.manual_seed(0)
    base, tokenizer = load_base()
    model = with_adapter(base, RANK, BASE)
    rate = falling_rate(LEARNING_RATE, WARMUP_STEPS, DECAY)
    Run(out, Learner(model, torch.bfloat16), steps(rows(seed, tokenizer), 1), tokens, rate).train()
    save_adapter(model, out / "adapter")


def rows(seed: int, tokenizer: PreTrainedTokenizerBase) -> Iterator[Pack]:
    """Endless packs of generated conversations, the same for the same seed."""
    return packs((tokenize(pieces(record(each)), tokenizer) for each in generate(seed)), ROW, seed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for state, log and the finished adapter")
    parser.add_argument("--tokens", type=int, default=4_000_000, help="tokens to train on (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the conversations (default: %(default)s)")
    arguments = parser.parse_args()
    train(arguments.out, arguments.tokens, arguments.seed)


if __name__ == "__main__":
    main()
