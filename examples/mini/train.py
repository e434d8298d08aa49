"""Train the mini model's adapter: LoRA on SmolLM2-135M-Instruct, on generated conversations only.

    python -m examples.mini.train --out runs/mini
    python -m examples.mini.train --out runs/more --start runs/mini/adapter --seed 2    # on other conversations

Every conversation is seen once. The same command continues an interrupted run; `OUT/adapter` is what can be shipped in
`moss_agent/checkpoints/adapter`. A C++ compiler is needed (TORCHDYNAMO_DISABLE=1 goes without one, slower).
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import chain, islice
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from moss_agent.training.dataset import pieces

from .batches import Batch, Prompted, batches
from .conversations import ALL_ALIKE, MOSTLY_PROBLEMS, generate
from .example import ALL_TOOLS, Example
from .masking import tokenize
from .record import record

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedTokenizerBase

    from moss_agent.training.run import Progress

BASE = "HuggingFaceTB/SmolLM2-135M-Instruct"
RANK = 32
FIRST_STEPS = 300  # on all kinds of conversations alike, at the lower rate; then mostly on problems
FIRST_RATE, RATE = 8e-4, 1.2e-3  # what goes on from an adapter stays at the first
RISE = 50  # steps in which a rate is reached
DECAY = 0.5  # the last part of the tokens, in which the learning rate falls to zero
CUT = {"problems": 0.9, "drawing": 0.6, "search": 0.6, "talk": 0.3}  # of which thoughts and commands are enough
CUT_SOLVED = 0.6  # of the problems with unknowns, whose answers tell which is which
PIECES_TO_COMMANDS = 6  # of a turn
STANDARD = {tools.plugins() for tools in ALL_TOOLS}  # with others, too few conversations have the same for a batch
LONG, LEFT_OUT = 256, 0.75  # tokens, and how many of the longer conversations are left out: they take the time of many


def train(out: Path, tokens: int, seed: int, start: Path | None) -> None:
    """Train in `out` until `tokens` tokens were seen. start: the adapter to begin with, None for a fresh one."""
    from moss_agent.training.run import Run
    from moss_agent.training.weights import save_adapter

    from .learner import Learner

    model, tokenizer = load(start)
    steps = ([batch] for batch in rows(seed, 0 if start else FIRST_STEPS, tokenizer))
    rate = partial(learning_rate, first=math.inf if start else FIRST_STEPS)
    Run(out, Learner(model), steps, tokens, rate, told=tell).train()
    save_adapter(model, out / "adapter")


def load(adapter: Path | None) -> tuple[PeftModel, PreTrainedTokenizerBase]:
    """Return the base with an adapter, which is a fresh one if None is named, and the tokenizer."""
    import torch

    from moss_agent.checkpoints.mini import load_base
    from moss_agent.training.precision import choose_precision
    from moss_agent.training.weights import load_adapter, with_adapter

    torch.manual_seed(0)
    base, tokenizer = load_base()
    model = with_adapter(base.to(choose_precision("auto", base.device)), RANK, BASE)
    if adapter:
        load_adapter(model, adapter)
    return model, tokenizer


def tell(progress: Progress) -> None:
    """Print a line about a step."""
    print(
        f"{progress.step}: {progress.tokens:,} tokens, loss {progress.loss:.3f}, {progress.seconds:.0f} s", flush=True
    )


def rows(seed: int, first: int, tokenizer: PreTrainedTokenizerBase) -> Iterator[Batch]:
    """Endless batches of generated conversations, the same for the same seed; `first` of them of all kinds alike."""
    alike = batches(conversations(seed, ALL_ALIKE, tokenizer))
    return chain(islice(alike, first), batches(conversations(seed + 1, MOSTLY_PROBLEMS, tokenizer)))


def conversations(seed: int, shares: Mapping[str, int], tokenizer: PreTrainedTokenizerBase) -> Iterator[Prompted]:
    """Endless generated conversations as tokens, many of them without results and answer."""
    random = Random(seed)
    for example in generate(seed, shares):
        preamble, *parts = pieces(record(example))
        if len(example.turns) == 1 and random.random() < _share_cut(example):
            parts = parts[:PIECES_TO_COMMANDS]
        shared: tuple[int, ...] = ()
        if example.plugins in STANDARD:
            shared = tuple(tokenize([preamble], tokenizer)[0])
        else:
            parts = [preamble, *parts]
        ids, written = tokenize(parts, tokenizer)
        if len(ids) <= LONG or random.random() >= LEFT_OUT:
            yield Prompted(shared, ids, written)


def _share_cut(example: Example) -> float:
    """How many of such conversations are shown without results and answer."""
    if example.kind == "problems" and any(plugin == "Solve" for plugin, _ in example.turns[0].commands):
        return CUT_SOLVED
    return CUT.get(example.kind, 0)


def learning_rate(step: int, progress: float, first: float) -> float:
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
    parser.add_argument("--tokens", type=int, default=4_900_000, help="tokens to train on (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the conversations (default: %(default)s)")
    parser.add_argument("--start", type=Path, metavar="ADAPTER", help="go on from this adapter")
    arguments = parser.parse_args()
    train(arguments.out, arguments.tokens, arguments.seed, arguments.start)


if __name__ == "__main__":
    main()
