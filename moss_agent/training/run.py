"""A training run in a folder: steps, measurements on what is held out, and a state from which it goes on."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator

from moss_agent.errors import UsageError
from moss_agent.training.learner import Learner
from moss_agent.training.packing import Pack
from moss_agent.training.processes import join_processes
from moss_agent.training.sharding import gathered, is_sharded, own_part
from moss_agent.training.state import STATE, read_state, write_state

SAVE_EVERY = 300.0  # seconds, or more where saving takes long:
SAVE_SHARE = 0.1  # of the time at most
MEASUREMENTS = 10  # on the held-out part, after as many equal parts of the run
LONGEST_GRADIENT = 1.0  # gradients are shortened to it

Rate = Callable[[int, float], float]  # the learning rate by the steps taken and the share of the tokens seen


@dataclass(frozen=True)
class Progress:
    """A step. tokens: seen so far. loss, accuracy: per token that the model has to write. seconds: of the whole run.

    held_out_loss, held_out_accuracy: the same on what is held out, where it was measured after this step.
    """

    step: int
    tokens: int
    loss: float
    accuracy: float
    rate: float
    seconds: float
    held_out_loss: float | None = None
    held_out_accuracy: float | None = None


def steps(rows: Iterable[Pack], size: int) -> Iterator[list[Pack]]:
    """Yield the rows of each step: so many that they have at least ``size`` tokens."""
    step: list[Pack] = []
    for row in rows:
        step.append(row)
        if sum(each.tokens for each in step) >= size:
            yield step
            step = []
    if step:
        yield step


class Run:
    """Takes steps until so many tokens were seen or the steps end. A run that was stopped goes on where it was.

    learner: whole in every process, or shared out among them (`sharding.py`). steps: the same ones in every process,
    each with rows that are shared among the processes; those that were taken before are skipped. Processes stop, save
    and fail together, for each waits for the others. accelerator: from `join_processes`. told: is called after each
    step. Raises UsageError if the folder cannot be written, has another run or a damaged state.
    """

    def __init__(
        self,
        out: Path,
        learner: Learner,
        steps: Iterable[list[Pack]],
        tokens: int,
        rate: Rate,
        *,
        held_out: Sequence[Pack] = (),
        accelerator: Accelerator | None = None,
        told: Callable[[Progress], None] = lambda progress: None,
    ) -> None:
        self.out, self.tokens, self.rate, self.held_out, self.told = out, tokens, rate, held_out, told
        self.accelerator = accelerator or join_processes(on_cpu=learner.device.type == "cpu")
        self.accelerator.device_placement = False  # the model is where it was loaded
        self.accelerator.gradient_accumulation_steps = 1  # it would divide the loss; `steps` says what makes a step
        self.learner = learner
        optimizer = torch.optim.AdamW(learner.trained.values(), lr=rate(0, 0.0), weight_decay=0.0, fused=True)
        self.is_sharded = is_sharded(learner)
        prepared: Any = (learner, optimizer) if self.is_sharded else self.accelerator.prepare(learner, optimizer)
        self.model, self.optimizer = prepared
        self.step = self.seen = 0
        self.log: list[Progress] = []
        self.stopping = False  # set it to have the run stop after the step that it is in
        if (out / STATE).exists():
            self._load()
        self.steps = itertools.islice(steps, self.step, None)

    @property
    def is_done(self) -> bool:
        return self.seen >= self.tokens

    def train(self) -> bool:
        """Take the steps that are left. Return whether all were taken: False if the run was stopped.

        The model is in evaluation mode then, with the config that it came with.
        Raises UsageError if the folder cannot be written, or if the loss is no longer finite.
        """
        self.model.train()
        before = self.log[-1].seconds if self.log else 0.0
        started = saved = time.monotonic()
        pause = SAVE_EVERY
        for step in itertools.takewhile(lambda _: not self._is_over(), self.steps):
            part = self._part
            made = self._take_step(step)
            made = replace(made, seconds=round(before + time.monotonic() - started, 2))
            if self.held_out and self._part != part:
                loss, accuracy = self.measure()
                made = replace(made, held_out_loss=loss, held_out_accuracy=accuracy)
            self.log.append(made)
            self.told(made)
            if self._in_any((begun := time.monotonic()) - saved > pause):
                self._save()
                saved = time.monotonic()
                pause = max(SAVE_EVERY, (saved - begun) / SAVE_SHARE)
        self._save()
        self.model.eval()
        return not self.stopping or self.is_done

    def _is_over(self) -> bool:
        """Return whether all steps were taken, or any process was told to stop."""
        if self._in_any(self.stopping):
            self.stopping = True
        return self.is_done or self.stopping

    def _in_any(self, flag: bool) -> bool:
        """Return whether it is so in any process; all of them have to ask."""
        flags: Any = self.accelerator.reduce(torch.tensor(float(flag), device=self.learner.device), "sum")
        return bool(flags > 0)

    @property
    def _part(self) -> int:
        return min(MEASUREMENTS, MEASUREMENTS * self.seen // self.tokens)

    def measure(self) -> tuple[float, float]:
        """Return loss and accuracy per written token of what is held out."""
        training = self.model.training
        self.model.eval()
        sums = torch.zeros(2, dtype=torch.float64)
        with torch.no_grad():
            for row, counts in self._own(self.held_out):
                loss, right = self.model(row)
                sums += counts * torch.tensor([loss.item(), right.item()], dtype=torch.float64)
        self.model.train(training)
        return self._per_token(sums, self.held_out)

    def _take_step(self, rows: Sequence[Pack]) -> Progress:
        rate = self.rate(self.step, self.seen / self.tokens)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        sums = self._add_gradients(rows)
        loss, accuracy = self._per_token(sums, rows)
        length = gathered(self.accelerator.clip_grad_norm_(self.learner.trained.values(), LONGEST_GRADIENT))
        if not math.isfinite(loss + float(length or 0)):
            kept = f"; the last state is kept in {self.out}" if (self.out / STATE).exists() else ""
            raise UsageError(
                f"the loss of step {self.step + 1} is not finite: begin again in another folder with a lower learning "
                f"rate (--learning-rate){kept}"
            )
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.step += 1
        self.seen += sum(row.tokens for row in rows)
        return Progress(self.step, self.seen, loss, accuracy, rate, 0.0)

    def _add_gradients(self, rows: Sequence[Pack]) -> torch.Tensor:
        """Add up the gradients of the mean loss; return the sums of losses and of right tokens, of this process.

        They are exchanged at the last row, but at each one if the model is shared out: nobody keeps whole gradients.
        """
        processes, targets = self.accelerator.num_processes, sum(len(row.targets) for row in rows)
        own, sums = self._own(rows), torch.zeros(2, dtype=torch.float64)
        for turn, (row, counts) in enumerate(own, 1):
            is_exchanged = self.is_sharded or turn == len(own)
            with nullcontext() if is_exchanged else self.accelerator.no_sync(self.model):
                loss, right = self.model(row)
                self.accelerator.backward(loss * (counts * processes / targets))
            sums += counts * torch.tensor([loss.item(), right.item()], dtype=torch.float64)
        return sums

    def _own(self, rows: Sequence[Pack]) -> list[tuple[Pack, bool]]:
        """Return the rows of this process, each with whether it counts.

        Processes wait for each other at every row, so all have as many: what is missing in the end is computed for
        nothing.
        """
        index, processes = self.accelerator.process_index, self.accelerator.num_processes
        places = range(index, len(rows) + -len(rows) % processes, processes)
        return [(rows[place], True) if place < len(rows) else (rows[0], False) for place in places]

    def _per_token(self, sums: torch.Tensor, rows: Sequence[Pack]) -> tuple[float, float]:
        """Return loss and accuracy of the rows, of which each process has summed up its own."""
        whole: Any = self.accelerator.reduce(sums.to(self.learner.device, torch.float32), "sum")
        loss, right = (whole / sum(len(row.targets) for row in rows)).tolist()
        return round(loss, 4), round(right, 4)

    def _save(self) -> None:
        """Let the first process write state and log, and wait for it. Raises UsageError in all of them."""
        kept = self.accelerator.is_main_process
        weights = {name: each.detach() for name, each in self.learner.trained.items()}
        state = gathered({"weights": weights, "optimizer": self.optimizer.state_dict()}, kept=kept)
        state |= {"step": self.step, "seen": self.seen}
        problem = write_state(self.out, state, [asdict(progress) for progress in self.log]) if kept else ""
        if self._in_any(bool(problem)):
            problem = problem or "the first process cannot write"
            raise UsageError(f"cannot write {self.out}: {problem}: make room, the same command goes on")

    def _load(self) -> None:
        state, trained = read_state(self.out, in_parts=self.is_sharded), self.learner.trained
        if trained.keys() != state["weights"].keys():
            raise UsageError(f"{self.out} has a run with other weights: name another folder")
        with torch.no_grad():
            for name, parameter in trained.items():
                parameter.copy_(own_part(state["weights"][name], parameter))
        parameters = list(trained.values())
        for place, moments in state["optimizer"]["state"].items():
            moments |= {name: own_part(each, parameters[place]) for name, each in moments.items() if each.ndim}
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.seen = state["step"], state["seen"]
        self.log = [Progress(**each) for each in state["log"]]

    def saved_weights(self) -> dict[str, torch.Tensor]:
        """Return the trained weights as `train` has left them in the folder, whole, on the CPU."""
        weights: dict[str, torch.Tensor] = read_state(self.out, in_parts=True)["weights"]
        return weights


def falling_rate(peak: float, warmup: int, decay: float) -> Rate:
    """Return a learning rate that rises over so many steps, stays, and falls to zero in the last share of the run."""

    def rate(step: int, progress: float) -> float:
        return peak * min(1, (step + 1) / warmup) * min(1, (1 - progress) / decay)

    return rate
