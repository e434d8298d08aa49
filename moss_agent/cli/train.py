"""`moss-agent train`: a model tuned on conversations with plugins."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from moss_agent.cli.options import add_debug_option, silence_libraries
from moss_agent.cli.text import one_line
from moss_agent.cli.train_display import duration, plan_table, show_conversations, watch
from moss_agent.errors import UsageError
from moss_agent.extras import need
from moss_agent.json_records import FaultyData
from moss_agent.resources import user_path
from moss_agent.settings import Settings
from moss_agent.training.data import divided, sequences
from moss_agent.training.packing import Pack, Tokens, packs

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase

    from moss_agent.checkpoints.families import Family
    from moss_agent.checkpoints.needs import Needs
    from moss_agent.training.data import Conversation
    from moss_agent.training.plan import Shape
    from moss_agent.training.run import Run

DESCRIPTION = """\
Tune a model on conversations with plugins. DATA is a file or folder: MOSS's training format, our stored conversations
(moss-agent log export --to json), or messages of the OpenAI API with tool calls. It is checked first. The model
learns what it has to write: thoughts, commands or tool calls, answers; not what it is given.

A LoRA adapter is trained unless --full is given. What computes is chosen as for asking; several processes come
with: torchrun --nproc_per_node N -m moss_agent train ..."""

EXAMPLES = """\
examples:
  moss-agent train conversations.jsonl --show 3                     what would be learned, in colours
  moss-agent train conversations.jsonl --out tuned                  an adapter for mini
  moss-agent train data/ --base fnlp/moss-moon-003-sft-plugin --quantize int4 --out tuned
  moss-agent models merge tuned/adapter tuned/model                 then: moss-agent chat --model tuned/model

Ctrl-C stops after the step that runs; the same command goes on, to the same weights."""

KEPT = (
    *("base", "family", "full", "rank", "epochs", "learning_rate", "held_out", "seed"),
    *("step_tokens", "row_tokens", "quantize", "dtype"),
)
"""Options that have to be the same when a run goes on."""
RATES = {True: 2e-5, False: 3e-4}  # the learning rate by default, of all weights and of an adapter
WARMUP, DECAY = 20, 0.3  # steps in which the rate rises, and the share of the run in which it falls


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = DESCRIPTION, EXAMPLES
    add = parser.add_argument
    add("data", metavar="DATA", help="file or folder of conversations")
    add("--base", metavar="MODEL", default="mini", help="mini, a folder, or a name on the model hub (default: mini)")
    add("--out", metavar="DIR", help="folder of the run; an unfinished run in it goes on")
    add("--show", metavar="N", type=_count, help="print N conversations with what is learned in colour, and leave")
    add("--family", metavar="NAME", help="mini, moss or tools: what the model was taught (default: by the model)")
    how = parser.add_argument_group("how it is trained")
    add = how.add_argument
    add("--full", action="store_true", help="train all weights, not an adapter")
    add("--rank", metavar="N", type=_count, default=16, help="of the adapter (default: 16)")
    add("--epochs", metavar="N", type=_count, default=3, help="how often all is seen (default: 3)")
    add("--learning-rate", metavar="RATE", type=float, help="(default: 3e-4, with --full 2e-5)")
    add("--held-out", metavar="SHARE", type=float, default=0.05, help="kept to measure with (default: 0.05)")
    add("--seed", metavar="N", type=int, default=0, help="of the order and the adapter's first weights (default: 0)")
    add("--step-tokens", metavar="N", type=_count, default=2048, help="least tokens of a step (default: 2048)")
    where = parser.add_argument_group("what it takes")
    add = where.add_argument
    add("--row-tokens", metavar="N", type=_count, default=2048, help="computed at once, at most (default: 2048)")
    add("--checkpointing", action="store_true", help="compute activations twice: less memory, slower")
    add(
        "--quantize", metavar="KIND", default="", choices=["int8", "int4"], help="int8 or int4: pack the base's weights"
    )
    add("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps (default: auto)")
    add("--dtype", default="auto", help="auto, fp32, bf16 (default: auto)")
    add("--tensorboard", action="store_true", help="also write what TensorBoard shows, to DIR/tensorboard")
    add_debug_option(parser)
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    _check(parsed)
    need("local")
    silence_libraries()
    source = _source(parsed)
    conversations = _read(user_path(parsed.data), source)
    if parsed.show:
        show_conversations(sequences(conversations[: parsed.show]), source.decode)
        return 0
    return _train(parsed, source, conversations)


@dataclass(frozen=True)
class Source:
    """The model that is tuned, before it is loaded. name: of its folder."""

    name: str
    family: Family
    needs: Needs
    tokenizer: PreTrainedTokenizerBase

    @property
    def window(self) -> int | None:
        """How many tokens the model takes; None if that is not limited."""
        window: int | None = getattr(self.needs.model.config.get_text_config(), "max_position_embeddings", None)
        return window

    def decode(self, ids: Sequence[int]) -> str:
        text = self.tokenizer.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False)
        assert isinstance(text, str)  # a list for a batch only
        return text


def _check(parsed: argparse.Namespace) -> None:
    if not (parsed.show or parsed.out):
        raise UsageError("name the folder of the run (--out DIR), or look at the data first (--show 3)")
    if parsed.full and parsed.quantize:
        raise UsageError("packed weights cannot be trained: leave out --full or --quantize")
    if parsed.dtype == "fp16":
        raise UsageError("--dtype fp16: small gradients would become zero: leave it out, or use bf16 or fp32")
    if not 0 <= parsed.held_out < 1:
        raise UsageError(f"--held-out {parsed.held_out:g}: must be a share from 0 to less than 1, such as 0.05")
    if parsed.learning_rate is not None and not 0 < parsed.learning_rate <= 1:
        raise UsageError(f"--learning-rate {parsed.learning_rate:g}: must be above 0, such as 3e-4")


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def _source(parsed: argparse.Namespace) -> Source:
    from transformers import AutoTokenizer

    from moss_agent.checkpoints.hub import fetch
    from moss_agent.opening.dialect import choose_family
    from moss_agent.opening.local import inspect_model

    settings = Settings(model=parsed.base, family=parsed.family or "", device=parsed.device, dtype=parsed.dtype)
    family = choose_family(settings, None)
    name, needs, _ = inspect_model(settings, family)
    folder = str(fetch(name))
    return Source(folder, family, needs, AutoTokenizer.from_pretrained(folder, trust_remote_code=False))


def _read(path: Path, source: Source) -> list[Conversation]:
    """Read the conversations, naming each faulty record on standard error."""
    from moss_agent.training.data import encoder_for, read_conversations

    try:
        return read_conversations(path, encoder_for(source.tokenizer, source.family), source.window)
    except FaultyData as error:
        for fault in error.faults:
            print(f"moss-agent: {one_line(fault)}", file=sys.stderr)
        raise


def _train(parsed: argparse.Namespace, source: Source, conversations: list[Conversation]) -> int:
    import torch
    from accelerate import Accelerator

    from moss_agent.engine.loading import choose_device
    from moss_agent.training.plan import Shape, check_memory
    from moss_agent.training.precision import choose_precision
    from moss_agent.training.run_options import digest, settle

    accelerator = Accelerator(cpu=parsed.device == "cpu")
    device = accelerator.device if accelerator.num_processes > 1 else choose_device(parsed.device)
    dtype = choose_precision(parsed.dtype, device)
    longest = max(len(ids) for ids, _ in sequences(conversations))
    how = (dtype, parsed.quantize, parsed.rank, parsed.full, parsed.row_tokens, parsed.checkpointing)
    shape = Shape(*how, longest, on_cpu=device.type == "cpu")
    memory = check_memory(source.needs, shape, _free(device))
    learned, kept = divided(conversations, parsed.held_out, parsed.seed)
    out = user_path(parsed.out)
    options = {name: getattr(parsed, name) for name in KEPT} | {"data": digest(sequences(conversations))}
    settle(out, options, may_write=accelerator.is_main_process)
    if accelerator.is_main_process:
        counted, shown = [_counted(each) for each in learned], replace(shape, row=shape.at_once)
        print(plan_table(parsed.base, source.needs, counted, len(kept), parsed.epochs, shown, memory), flush=True)
    torch.manual_seed(parsed.seed)
    made = _prepared(parsed, source, sequences(learned), sequences(kept), shape, device, out, accelerator)
    if accelerator.is_main_process:
        watch(made, parsed.tensorboard)
    if made.step and accelerator.is_main_process:
        print(f"going on after step {made.step}")
    with _stopped_by_ctrl_c(made):
        is_done = made.train()
    if not is_done:
        if accelerator.is_main_process:
            print(f"stopped after step {made.step}: the same command goes on", file=sys.stderr)
        return 130
    if accelerator.is_main_process:
        _keep(made, parsed, source, out)
    return 0


def _free(device: torch.device) -> int:
    """Return the bytes that are free where the model is to be trained."""
    import torch

    from moss_agent.checkpoints.machine import free_ram

    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else free_ram()


def _counted(conversation: Conversation) -> Tokens:
    """Return the sequences of a conversation as one, for those who count tokens."""
    ids, written = zip(*conversation, strict=True)
    return [*chain(*ids)], [*chain(*written)]


def _prepared(
    parsed: argparse.Namespace,
    source: Source,
    learned: Sequence[Tokens],
    kept: Sequence[Tokens],
    shape: Shape,
    device: torch.device,
    out: Path,
    accelerator: Any,
) -> Run:
    """Load the model and return its run."""
    import torch

    from moss_agent.engine.loading import load
    from moss_agent.training.learner import Learner
    from moss_agent.training.run import Run, falling_rate, steps
    from moss_agent.training.weights import with_adapter

    dtype = "bf16" if shape.dtype == torch.bfloat16 and not parsed.full else "fp32"
    model, _ = load(source.name, device=str(device), dtype=dtype, quantize=parsed.quantize)
    if parsed.checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    learner = Learner(model if parsed.full else with_adapter(model, parsed.rank, parsed.base), shape.dtype)
    row = shape.row if learner.packs else 1

    def rows() -> Iterator[Pack]:
        for epoch in range(parsed.epochs):
            order = list(learned)
            Random(f"{parsed.seed} {epoch}").shuffle(order)
            yield from packs(order, row, epoch)

    return Run(
        out,
        learner,
        steps(rows(), parsed.step_tokens),
        parsed.epochs * sum(len(ids) for ids, _ in learned),
        falling_rate(parsed.learning_rate or RATES[parsed.full], WARMUP, DECAY),
        held_out=list(packs(kept, row, 0)),
        accelerator=accelerator,
    )


@contextmanager
def _stopped_by_ctrl_c(made: Run) -> Iterator[None]:
    """Let the first Ctrl-C stop the run after its step, and the second at once."""

    def stop(number: int, frame: Any) -> None:
        made.stopping = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _keep(made: Run, parsed: argparse.Namespace, source: Source, out: Path) -> None:
    """Write what was trained, and say how to use it."""
    from peft import PeftModel

    from moss_agent.checkpoints.families import write_family
    from moss_agent.training.learner import causal_model
    from moss_agent.training.weights import save_adapter, save_whole, writing

    folder, model = out / ("model" if parsed.full else "adapter"), made.learner.model
    with writing(folder):
        if isinstance(model, PeftModel):
            save_adapter(model, folder)
        else:
            save_whole(causal_model(model), source.tokenizer, folder, source.needs.model.dtype)
        write_family(folder, source.family.name)
    shown = one_line(str(folder))
    print(f"{shown} is ready after {duration(made.log[-1].seconds)}")
    if parsed.full:
        print(f"use it: moss-agent chat --model {shown}")
    else:
        print(f"use it: moss-agent models merge {shown} {one_line(str(out / 'model'))}")
