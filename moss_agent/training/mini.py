"""Train the mini model's adapter: LoRA on SmolLM2-135M-Instruct, on generated conversations only.

    python -m moss_agent.training.mini --out runs/mini

Loss is taken on what the model writes: thoughts, commands, answer, each with its end marker. Text is cut
into tokens exactly where the agent cuts it: once per fed and once per written piece. Every conversation
is seen once. The same command continues an interrupted run; `OUT/adapter` is what is shipped in
`moss_agent/checkpoints/adapter`.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from moss_agent.checkpoints.families import load_family
from moss_agent.protocol import (
    ANSWER,
    COMMANDS,
    DRAWN,
    RESULTS,
    THOUGHTS,
    Capability,
    Command,
    Entry,
    Passage,
    render_human,
    render_results,
    render_segment,
)
from moss_agent.training.examples import Example, ExampleTurn, generate

if TYPE_CHECKING:
    import torch
    from peft import PeftModel
    from transformers import PreTrainedTokenizerBase

RANK = 32
LEARNING_RATE = 6e-4
WARMUP_STEPS = 50
DECAY = 0.25  # the last part of the tokens, in which the learning rate falls to zero
BATCH_TOKENS = 2048
SORTED_AHEAD = 256  # examples that are sorted by length together, so that batches need little padding
LENGTH_STEP = 32  # batches are padded to multiples of this: the CPU kernels are made anew for every shape
CHECKPOINT_EVERY = 50  # steps
STATE = "state.pt"

Piece = tuple[str, bool]
Tokens = tuple[list[int], list[bool]]


def pieces(example: Example) -> Iterator[Piece]:
    """The conversation as the agent feeds it and the model writes it: (text, written by the model)."""
    preamble = load_family("mini").preamble
    enabled = [Capability(label, api) for label, api, on in example.plugins if on]
    before = preamble.render(enabled)
    for turn in example.turns:
        yield before + render_human(turn.human) + THOUGHTS.header, False
        yield f" {turn.thoughts}{THOUGHTS.end}", True
        yield "\n" + COMMANDS.header, False
        yield f" {_commands(turn)}{COMMANDS.end}", True
        yield "\n" + render_segment(RESULTS, render_results(_entries(turn, example))) + ANSWER.header, False
        yield f" {turn.answer}{ANSWER.end}", True
        before = "\n"


def _commands(turn: ExampleTurn) -> str:
    return ", ".join(str(Command(name, (argument,))) for name, argument in turn.commands) or "None"


def _entries(turn: ExampleTurn, example: Example) -> list[Entry]:
    """The results in the order of the plugins in the preamble, as the agent gives them."""
    place = {api.partition("(")[0]: i for i, (_, api, _) in enumerate(example.plugins)}
    entries = []
    for (name, argument), output in zip(turn.commands, turn.outputs, strict=True):
        body: object = output
        if name == "Solve" and isinstance(output, str):
            body = tuple(output.splitlines())
        elif isinstance(output, tuple):
            body = tuple(Passage(0, text) for text in output)
        entries.append(Entry(str(Command(name, (argument,))), body, drawn=body == DRAWN))
    return sorted(entries, key=lambda entry: place.get(entry.name, len(place)))


def tokenize(example: Example, tokenizer: PreTrainedTokenizerBase) -> Tokens:
    """Token ids, and for each whether the model has to write it."""
    ids: list[int] = []
    written: list[bool] = []
    for text, learn in pieces(example):
        new = tokenizer.encode(text, add_special_tokens=False)
        ids += new
        written += [learn] * len(new)
    return ids, written


def batches(seed: int, tokenizer: PreTrainedTokenizerBase, refined: bool = False) -> Iterator[list[Tokens]]:
    """Endless batches of at most BATCH_TOKENS tokens, padding included, the same for the same seed."""
    examples, order = generate(seed, refined), random.Random(seed)
    while True:
        ahead = sorted((tokenize(next(examples), tokenizer) for _ in range(SORTED_AHEAD)), key=padded_length)
        made: list[list[Tokens]] = [[]]
        for tokens in ahead:
            if made[-1] and padded_length(tokens) * (len(made[-1]) + 1) > BATCH_TOKENS:
                made.append([])
            made[-1].append(tokens)
        order.shuffle(made)
        yield from made


def padded_length(tokens: Tokens) -> int:
    """The length that a batch with this as its longest example has."""
    return -(-len(tokens[0]) // LENGTH_STEP) * LENGTH_STEP


def batch_loss(model: PeftModel, batch: list[Tokens]) -> torch.Tensor:
    """Mean cross entropy per written token; the output layer runs on those positions only."""
    import torch
    import torch.nn.functional as F

    shape = len(batch), max(map(padded_length, batch))
    ids = torch.zeros(shape, dtype=torch.long)
    written, attention = torch.zeros(shape, dtype=torch.bool), torch.zeros(shape, dtype=torch.bool)
    for row, (tokens, learn) in enumerate(batch):
        ids[row, : len(tokens)] = torch.tensor(tokens)
        written[row, : len(learn)] = torch.tensor(learn)
        attention[row, : len(tokens)] = True
    causal = model.get_base_model()
    with torch.autocast("cpu", torch.bfloat16):
        hidden = causal.model(input_ids=ids, attention_mask=attention, use_cache=False).last_hidden_state
        logits = causal.lm_head(hidden[:, :-1][written[:, 1:]])
    return F.cross_entropy(logits.float(), ids[:, 1:][written[:, 1:]])


def new_model() -> tuple[PeftModel, PreTrainedTokenizerBase]:
    """The base model with a fresh adapter on all linear layers: weights bf16, adapter fp32."""
    import torch
    from peft import LoraConfig, get_peft_model

    from moss_agent.checkpoints.mini import load_base

    torch.manual_seed(0)
    base, tokenizer = load_base()
    config = LoraConfig(r=RANK, lora_alpha=2 * RANK, target_modules="all-linear", task_type="CAUSAL_LM")
    return get_peft_model(base, config), tokenizer


class Run:
    """A training run in a folder: it goes on where an earlier process stopped.

    refine: the adapter to start from in the second stage, None in the first.
    """

    def __init__(self, out: Path, tokens: int, seed: int, refine: Path | None = None) -> None:
        import torch

        self.out, self.tokens, self.refined = out, tokens, refine is not None
        self.model, tokenizer = new_model()
        self.parameters = [p for p in self.model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(self.parameters, lr=LEARNING_RATE, weight_decay=0.0, fused=True)
        self.step = self.seen = 0
        self.log: list[dict[str, float]] = []
        if (out / STATE).exists():
            self._load()
        elif refine:
            self._start_from(refine)
        self.source = itertools.islice(batches(seed, tokenizer, self.refined), self.step, None)

    def train(self) -> None:
        """Take steps until all tokens were seen, then export the adapter."""
        self.model.train()
        before = self.log[-1]["seconds"] if self.log else 0
        started = time.monotonic()
        while self.seen < self.tokens:
            batch = next(self.source)
            rate = learning_rate(self.step, self.seen / self.tokens, self.refined)
            loss = self._take_step(batch, rate)
            self.step += 1
            self.seen += sum(len(ids) for ids, _ in batch)
            seconds = before + round(time.monotonic() - started)
            self.log.append({"step": self.step, "tokens": self.seen, "loss": loss, "lr": rate, "seconds": seconds})
            if self.step % CHECKPOINT_EVERY == 0 or self.seen >= self.tokens:
                self._save()
        export(self.model, self.out / "adapter")

    def _take_step(self, batch: list[Tokens], rate: float) -> float:
        import torch

        for group in self.optimizer.param_groups:
            group["lr"] = rate
        loss = batch_loss(self.model, batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        return round(loss.item(), 4)

    def _start_from(self, adapter: Path) -> None:
        from peft import set_peft_model_state_dict
        from safetensors.torch import load_file

        set_peft_model_state_dict(self.model, load_file(adapter / "adapter_model.safetensors"))

    def _save(self) -> None:
        """Write state and log. The state gets its name when it is complete, so a killed run loses 50 steps at most."""
        import torch
        from peft import get_peft_model_state_dict

        self.out.mkdir(parents=True, exist_ok=True)
        state = {"adapter": get_peft_model_state_dict(self.model), "optimizer": self.optimizer.state_dict()}
        part = self.out / f"{STATE}.part"
        torch.save({**state, "step": self.step, "seen": self.seen, "log": self.log}, part)
        part.replace(self.out / STATE)
        lines = (json.dumps(record) + "\n" for record in self.log)
        (self.out / "log.jsonl").write_text("".join(lines), encoding="utf-8")

    def _load(self) -> None:
        import torch
        from peft import set_peft_model_state_dict

        state = torch.load(self.out / STATE)
        set_peft_model_state_dict(self.model, state["adapter"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.seen, self.log = state["step"], state["seen"], state["log"]


def export(model: PeftModel, folder: Path) -> None:
    """Write the adapter in bf16, as it is shipped: half the size, and the base is bf16 as well."""
    import torch
    from peft import get_peft_model_state_dict
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: t.to(torch.bfloat16).contiguous() for name, t in get_peft_model_state_dict(model).items()}
    save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    config = model.peft_config["default"]
    config.base_model_name_or_path, config.inference_mode = "HuggingFaceTB/SmolLM2-135M-Instruct", True
    config.save_pretrained(folder)


def learning_rate(step: int, progress: float, refined: bool) -> float:
    """Linear warm-up, a plateau, a linear fall to zero at the end. `progress` runs from 0 to 1.

    Before the fall it does not depend on `--tokens`: a run can be continued to any length. The second stage
    begins at half the rate and falls all the time.
    """
    if refined:
        return LEARNING_RATE / 2 * min(1, (step + 1) / WARMUP_STEPS) * (1 - progress)
    return LEARNING_RATE * min(1, (step + 1) / WARMUP_STEPS) * min(1, (1 - progress) / DECAY)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for state, log and the finished adapter")
    parser.add_argument("--tokens", type=int, default=1_600_000, help="tokens to train on (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the conversations (default: %(default)s)")
    parser.add_argument("--refine", type=Path, metavar="ADAPTER", help="second stage: start from this adapter")
    arguments = parser.parse_args()
    Run(arguments.out, arguments.tokens, arguments.seed, arguments.refine).train()


if __name__ == "__main__":
    main()
