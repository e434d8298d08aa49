"""Train an adapter to prefer the right one of two ways, on the pairs that `examples.mini.attempts` writes.

    python -m examples.mini.prefer runs/pairs.jsonl --start runs/mini/adapter --out runs/preferred

The loss of a pair is DPO's (arXiv:2305.18290) and the cross entropy of its better way. Behind each batch of pairs comes
one of generated conversations. The same command continues an interrupted run.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch.nn.functional import logsigmoid

from moss_agent.training.run import Run, falling_rate
from moss_agent.training.weights import save_adapter

from .batches import SHAPES, Batch, Prompted, batch
from .learner import Learner
from .masking import tokenize
from .train import RISE, load, rows, tell

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

BETA = 0.1  # how much it costs to go far from where the training began
RATE = 2e-4
DECAY = 0.5  # the last part of the tokens, in which the learning rate falls to zero
PLAIN = 2_300  # tokens of a batch of conversations, about


@dataclass(frozen=True)
class Pairs(Batch):
    """Conversations of which each second one is the worse way of the one before it.

    reference: the log probability of what the model has to write, for each, before the training.
    """

    reference: torch.Tensor


class Preferring(Learner):
    """The model with the loss of pairs, and of other batches their own."""

    def forward(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the mean loss and the share of pairs in the right order, both times the number of targets."""
        if not isinstance(batch, Pairs):
            return super().forward(batch)
        losses, _ = self.losses(batch)
        gained = log_probabilities(losses, batch) - batch.reference
        margins = BETA * (gained[::2] - gained[1::2])
        loss = losses[conversations_of(batch) % 2 == 0].mean() - logsigmoid(margins).mean()
        return loss * len(batch.targets), (margins > 0).float().mean() * len(batch.targets)

    def refer(self, batch: Batch) -> Pairs:
        """Return a batch of pairs with the log probabilities that it has now."""
        losses, _ = self.losses(batch)  # with gradients, as later: without, layers would be compiled once more
        return Pairs(**vars(batch), reference=log_probabilities(losses, batch).detach())


def conversations_of(batch: Batch) -> torch.Tensor:
    """Return the number of the conversation that each target stands in."""
    return batch.sources // batch.ids.shape[1]


def log_probabilities(losses: torch.Tensor, batch: Batch) -> torch.Tensor:
    """Return the log probability of all targets of each conversation."""
    of = conversations_of(batch)
    return losses.new_zeros(int(of[-1]) + 1).index_add(0, of, -losses)  # rows behind the last one are empty


def read(path: Path, tokenizer: PreTrainedTokenizerBase) -> Iterator[list[Prompted]]:
    """Yield both ways of each pair in the file."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            pair = json.loads(line)
            yield [prompted(pair[name], tokenizer) for name in ("better", "worse")]


def prompted(pieces: list[tuple[str, bool]], tokenizer: PreTrainedTokenizerBase) -> Prompted:
    """Return a conversation behind its preamble, which is the first piece."""
    return Prompted(tuple(tokenize(pieces[:1], tokenizer)[0]), *tokenize(pieces[1:], tokenizer))


def in_batches(pairs: Iterable[list[Prompted]]) -> Iterator[Batch]:
    """Yield pairs of about the same length side by side; what is too long, or left in the end, is left out."""
    waiting: dict[int, list[Prompted]] = defaultdict(list)
    for pair in pairs:
        longest = max(len(each.ids) for each in pair)
        if length := next((length for length in SHAPES if longest <= length), None):
            group = waiting[length]
            group += pair
            if len(group) + 2 > SHAPES[length]:
                yield batch(group, length)
                group.clear()


def train(pairs: Path, start: Path, out: Path, seed: int) -> None:
    """Train in `out` on pairs, from the adapter in `start` on, and save what becomes of it there."""
    model, tokenizer = load(start)
    learner = Preferring(model)
    found = [learner.refer(each) for each in in_batches(read(pairs, tokenizer))]
    plain = rows(seed, 0, tokenizer)
    steps = ([each] for pair in found for each in (pair, next(plain)))
    tokens = sum(each.tokens + PLAIN for each in found)
    Run(out, learner, steps, tokens, falling_rate(RATE, RISE, DECAY), told=tell).train()
    save_adapter(model, out / "adapter")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", type=Path, help="the file of examples.mini.attempts")
    parser.add_argument("--start", type=Path, metavar="ADAPTER", required=True, help="the adapter that made the tries")
    parser.add_argument("--out", type=Path, required=True, help="folder for state, log and the finished adapter")
    parser.add_argument("--seed", type=int, default=0, help="seed of the conversations (default: %(default)s)")
    arguments = parser.parse_args()
    train(arguments.pairs, arguments.start, arguments.out, arguments.seed)


if __name__ == "__main__":
    main()
