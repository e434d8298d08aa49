"""Let a model try generated problems, and write pairs of a right and a wrong way for `examples.mini.prefer`.

    python -m examples.mini.attempts --adapter runs/mini/adapter --out runs/pairs.jsonl

Each problem is tried several times. A try is right if its commands give what those of the generated conversation give:
the plugins themselves compute both. Both ways of a pair are the pieces of a conversation up to its commands, as
`moss_agent.training.dataset` cuts them.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from itertools import islice
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from moss_agent.evaluation.judging import Compute, is_same_call
from moss_agent.evaluation.standins import compute
from moss_agent.events import Call
from moss_agent.plugin_host import PluginRunner
from moss_agent.protocol import COMMANDS, THOUGHTS, parse_commands
from moss_agent.training.dataset import Piece, pieces
from plugins.calculator import calculate
from plugins.equation_solver import solve

from . import problems, solving
from .example import Example, Tools
from .masking import tokenize
from .record import record

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from .sampler import Part

TRIES = 4  # of a problem
WORSE = 2  # wrong ones of them at most that become pairs
LONGEST = 118  # tokens of a question, its thoughts and commands
TEMPERATURE = 0.9

Pair = dict[str, list[Piece]]


def conversations(seed: int, tokenizer: PreTrainedTokenizerBase) -> Iterator[list[Piece]]:
    """Yield problems with all plugins on, the same for the same seed: preamble, question, thoughts and commands."""
    random, tools = Random(seed), Tools()
    while True:
        language = random.choice(("en", "zh"))
        turn = solving.ask(random, language, tools, problems.draw(random, language))
        asked = record(Example(tools.plugins(), (turn,), "problems", language))
        conversation = list(islice(pieces(asked), 7))
        if len(tokenize(conversation[1:], tokenizer)[0]) <= LONGEST:
            yield conversation


def parts(conversation: Sequence[Piece], tokenizer: PreTrainedTokenizerBase) -> list[Part]:
    """Return what a try is given, the question and the header of commands, and what ends that which it writes."""
    question, header = conversation[1:3], conversation[4:6]
    return [(tokenize(question, tokenizer)[0], THOUGHTS.end), (tokenize(header, tokenizer)[0], COMMANDS.end)]


def pairs(random: Random, conversation: list[Piece], tries: Sequence[Sequence[str]], worth: Compute) -> Iterator[Pair]:
    """Yield pairs of a right and a wrong try; the conversation itself is the better way if no try was right."""
    wanted = conversation[-1][0]
    right = [each for each in tries if is_right(each[1], wanted, worth)]
    wrong = list({"".join(each[1].split()): each for each in tries if each not in right}.values())
    for each in random.sample(wrong, min(WORSE, len(wrong))):
        better = _tried(conversation, random.choice(right)) if right else conversation
        yield {"better": better, "worse": _tried(conversation, each)}


def is_right(commands: str, wanted: str, worth: Compute) -> bool:
    """Return whether the commands give what the wanted ones give, one by one. worth: what a call gives."""
    made, right = (
        [Call(each.name, each.argument, "", True, 0.0, arguments=each.arguments) for each in parse_commands(text)]
        for text in (commands, wanted)
    )
    return len(made) == len(right) and all(is_same_call(*each, worth) for each in zip(made, right, strict=True))


def _tried(conversation: Sequence[Piece], written: Sequence[str]) -> list[Piece]:
    """Return the conversation with what a try has written."""
    thoughts, commands = written
    return [*conversation[:3], (thoughts, True), *conversation[4:6], (commands, True)]


def write(adapter: Path, out: Path, seed: int, count: int) -> None:
    """Try `count` problems with the adapter, and write pairs one on a line."""
    import torch

    from .sampler import draw
    from .train import load

    model, tokenizer = load(adapter)
    asked = list(islice(conversations(seed, tokenizer), count))
    preamble = tokenize(asked[0][:1], tokenizer)[0]
    texts = (parts(each, tokenizer) for each in asked for _ in range(TRIES))
    torch.manual_seed(seed)
    random, ended = Random(seed), defaultdict[int, list[list[str] | None]](list)
    with closing(PluginRunner([calculate, solve])) as runner, out.open("w", encoding="utf-8") as file:
        for text, written in draw(model.merge_and_unload(), tokenizer, preamble, texts, TEMPERATURE):
            tries = ended[text // TRIES]
            tries.append(written)
            if len(tries) == TRIES:
                whole = [each for each in tries if each]
                for pair in pairs(random, asked[text // TRIES], whole, partial(compute, runner)):
                    file.write(json.dumps(pair, ensure_ascii=False) + "\n")
                print(f"{len(ended)} problems begun", end="\r", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--adapter", type=Path, required=True, help="of the model that tries")
    parser.add_argument("--out", type=Path, required=True, help="the file to write, one pair on a line")
    parser.add_argument("--count", type=int, default=1700, help="how many problems (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="other problems (default: %(default)s)")
    arguments = parser.parse_args()
    write(arguments.adapter, arguments.out, arguments.seed, arguments.count)


if __name__ == "__main__":
    main()
