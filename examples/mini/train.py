"""Train the mini model's adapter: LoRA on SmolLM2-135M-Instruct, on generated conversations only.

    python -m examples.mini.train --out runs/mini
    python -m examples.mini.train --out runs/more --start runs/mini/adapter --seed 2    # on other conversations

Every conversation is seen once. The same command continues an interrupted run; `OUT/adapter` is what can be shipped in
`moss_agent/checkpoints/adapter`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

from moss_agent.training.dataset import pieces
from moss_agent.training.masking import tokenize
from moss_agent.training.packing import Pack, Tokens, packs

from .conversations import ALL_ALIKE, MOSTLY_PROBLEMS, generate
from .record import record

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

BASE = "HuggingFaceTB/SmolLM2-135M-Instruct"
RANK = 32
FIRST_STEPS = 400  # on all kinds of conversations alike, at the lower rate; then mostly on problems
FIRST_ROW, ROW = 2048, 1024  # tokens of a step
FIRST_RATE, RATE = 8e-4, 1.2e-3
RISE = 50  # steps in which a rate is reached
DECAY = 0.4  # the last part of the tokens, in which the learning rate falls to zero


def train(out: Path, tokens: int, seed: int, start: Path | None) -> None:
    """Train in `out` until `tokens` tokens were seen. start: the adapter to begin with, None for a fresh one."""
    import torch

    from moss_agent.checkpoints.mini import load_base
    from moss_agent.engine.loading import choose_dtype
    from moss_agent.training.learner import Learner
    from moss_agent.training.run import Run, steps
    from moss_agent.training.weights import load_adapter, save_adapter, with_adapter

    torch.manual_seed(0)
    base, tokenizer = load_base()
    # Processors that do not compute in 16 bits take seven times as long to imitate them.
    dtype = choose_dtype("auto", base.device)
    model = with_adapter(base.to(dtype), RANK, BASE)
    if start:
        load_adapter(model, start)
    first = 0 if start else FIRST_STEPS
    source = steps(rows(seed, first, tokenizer), 1)
    Run(out, Learner(model, dtype), source, tokens, partial(learning_rate, first=first)).train()
    save_adapter(model, out / "adapter")


def rows(seed: int, first: int, tokenizer: PreTrainedTokenizerBase) -> Iterator[Pack]:
    """Endless packs of generated conversations, the same for the same seed; `first` of them of all kinds alike."""
    alike = packs(conversations(seed, ALL_ALIKE, tokenizer), FIRST_ROW, seed)
    return chain(islice(alike, first), packs(conversations(seed + 1, MOSTLY_PROBLEMS, tokenizer), ROW, seed + 1))


def conversations(seed: int, shares: Mapping[str, int], tokenizer: PreTrainedTokenizerBase) -> Iterator[Tokens]:
    """Endless generated conversations as tokens."""
    return (tokenize(pieces(record(each)), tokenizer) for each in generate(seed, shares))


def learning_rate(step: int, progress: float, first: int) -> float:
    """Rise to the first rate, after the `first` steps to the other, and at the end fall to zero.

    progress: of the tokens, from 0 to 1. Before the fall the rate does not depend on it: a run can be continued to any
    length.
    """
    rate = FIRST_RATE * min(1, (step + 1) / RISE)
    if step >= first:
        rate += (RATE - FIRST_RATE) * min(1, (step - first + 1) / RISE)
    return rate * min(1, (1 - progress) / DECAY)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for state, log and the finished adapter")
    parser.add_argument("--tokens", type=int, default=12_000_000, help="tokens to train on (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the conversations (default: %(default)s)")
    parser.add_argument("--start", type=Path, metavar="ADAPTER", help="go on from this adapter")
    arguments = parser.parse_args()
    train(arguments.out, arguments.tokens, arguments.seed, arguments.start)


if __name__ == "__main__":
    main()
