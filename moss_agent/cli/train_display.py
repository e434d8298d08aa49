"""What `moss-agent train` shows: conversations with what is learned, the plan, the steps as they are taken."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from moss_agent.cli.screen import DIM, Screen
from moss_agent.cli.tables import table
from moss_agent.cli.text import clean, one_line
from moss_agent.errors import MissingDependency
from moss_agent.training.packing import Tokens

if TYPE_CHECKING:
    from pathlib import Path

    from moss_agent.checkpoints.needs import Needs
    from moss_agent.training.plan import Memory, Shape
    from moss_agent.training.run import Progress, Run

LEARNED = "32"  # green
MEASURED_STEPS = 3  # before the time that is left is told


def show_conversations(conversations: Sequence[Tokens], decode: Callable[[Sequence[int]], str]) -> None:
    """Print conversations: green what the model learns to write, dim what it is given."""
    screen = Screen(sys.stdout)
    for number, (ids, written) in enumerate(conversations, 1):
        screen.line(f"── {number}: {len(ids)} tokens, {sum(written)} to learn")
        for text, is_learned in _parts(ids, written, decode):
            shown = f"«{clean(text)}»" if is_learned and not screen.is_coloured else clean(text)
            screen.write(shown, LEARNED if is_learned else DIM)
        screen.write("\n")


def _parts(
    ids: Sequence[int], written: Sequence[bool], decode: Callable[[Sequence[int]], str]
) -> Iterator[tuple[str, bool]]:
    begin = 0
    for place in range(1, len(ids) + 1):
        if place == len(ids) or written[place] != written[begin]:
            yield decode(ids[begin:place]), written[begin]
            begin = place


def plan_table(
    base: str, needs: Needs, learned: Sequence[Tokens], held_out: int, epochs: int, shape: Shape, memory: Memory
) -> str:
    """Return what is printed before a run."""
    from moss_agent.checkpoints.plan import dtype_name, size_text
    from moss_agent.training.plan import trained_parameters

    tokens, targets = (sum(counts) for counts in zip(*((len(ids), sum(flags)) for ids, flags in learned), strict=True))
    what = "all weights" if shape.full else f"a LoRA adapter of rank {shape.rank}"
    weights = shape.quantize or dtype_name(shape.dtype)
    each = f" in each of {shape.processes} processes" if shape.processes > 1 else ""
    rows = [
        ("data", f"{len(learned)} conversations, {tokens:,} tokens, {targets:,} to learn; {held_out} held out"),
        ("model", f"{one_line(base)}: {needs.parameters:,} parameters in {weights}"),
        ("trained", f"{what}: {trained_parameters(needs, shape):,} parameters"),
        (
            "memory",
            f"about {size_text(memory.whole)}{each}, of them {size_text(memory.row)} for {shape.row} tokens at once",
        ),
        ("run", f"{epochs} epochs, {epochs * tokens:,} tokens"),
    ]
    return table(("PLAN", ""), rows)


def watch(run: Run, has_board: bool) -> None:
    """Show the steps of the run as they are taken; has_board: for TensorBoard too."""
    screen, board = Screen(sys.stderr), _Board(run.out) if has_board else None
    begun, seen, first = run.log[-1].seconds if run.log else 0.0, run.seen, run.step

    def told(progress: Progress) -> None:
        share, seconds = progress.tokens / run.tokens, progress.seconds - begun
        left = seconds / (progress.tokens - seen) * max(0, run.tokens - progress.tokens)
        if progress.step == first + MEASURED_STEPS:
            print(f"time     about {duration(left)}, {seconds / MEASURED_STEPS:.1f} s a step", flush=True)
        if progress.held_out_loss is not None:
            print(f"{share:4.0%}     loss {progress.loss:.3f}; {_held_out(progress)}", flush=True)
        screen.pass_by(f"step {progress.step}, loss {progress.loss:.3f}, {share:.0%}, {duration(left)} left")
        if board:
            board.add(progress)

    run.told = told


def _held_out(progress: Progress) -> str:
    accuracy = progress.held_out_accuracy or 0
    return f"held out: loss {progress.held_out_loss:.3f}, {accuracy:.1%} of the tokens right"


class _Board:
    """Writes what TensorBoard shows. Raises MissingDependency."""

    def __init__(self, out: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise MissingDependency("tensorboard", "train") from None
        self._writer: Any = SummaryWriter(str(out / "tensorboard"))

    def add(self, progress: Progress) -> None:
        values = {
            "loss": progress.loss,
            "accuracy": progress.accuracy,
            "learning_rate": progress.rate,
            "held_out/loss": progress.held_out_loss,
            "held_out/accuracy": progress.held_out_accuracy,
        }
        for name, value in values.items():
            if value is not None:
                self._writer.add_scalar(name, value, progress.step)
        self._writer.flush()


def duration(seconds: float) -> str:
    """Return a time for people."""
    minutes = seconds / 60
    if minutes < 2:
        return f"{seconds:.0f} s"
    return f"{minutes / 60:.1f} hours" if minutes >= 90 else f"{minutes:.0f} minutes"
