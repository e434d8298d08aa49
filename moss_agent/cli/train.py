"""`moss-agent train`: a model tuned on conversations with plugins."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moss_agent.cli import train_model
from moss_agent.cli.options import add_debug_option, silence_libraries
from moss_agent.cli.text import one_line
from moss_agent.cli.train_display import duration, plan_table, show_conversations, watch
from moss_agent.errors import UsageError
from moss_agent.extras import need
from moss_agent.json_records import FaultyData
from moss_agent.resources import user_path
from moss_agent.training.data import divided, sequences
from moss_agent.training.packing import Tokens

if TYPE_CHECKING:
    import torch
    from accelerate import Accelerator

    from moss_agent.training.data import Conversation
    from moss_agent.training.plan import Memory, Shape
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
    add("--shard", action="store_true", help="share out weights and optimizer among torchrun's processes (FSDP)")
    add("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps (default: auto)")
    add("--dtype", default="auto", help="auto, fp32, bf16 (default: auto)")
    add("--tensorboard", action="store_true", help="also write what TensorBoard shows, to DIR/tensorboard")
    add_debug_option(parser)
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    _check(parsed)
    need("local")
    silence_libraries()
    source = train_model.find(parsed)
    conversations = _read(user_path(parsed.data), source)
    if parsed.show:
        show_conversations(sequences(conversations[: parsed.show]), source.decode)
        return 0
    return _train(parsed, source, conversations)


def _check(parsed: argparse.Namespace) -> None:
    if not (parsed.show or parsed.out):
        raise UsageError("name the folder of the run (--out DIR), or look at the data first (--show 3)")
    if parsed.full and parsed.quantize:
        raise UsageError("packed weights cannot be trained: leave out --full or --quantize")
    if parsed.shard and parsed.quantize:
        raise UsageError("packed weights cannot be shared out: leave out --shard or --quantize")
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


def _read(path: Path, source: train_model.Source) -> list[Conversation]:
    """Read the conversations, naming each faulty record on standard error."""
    from moss_agent.training.data import encoder_for, read_conversations

    try:
        return read_conversations(path, encoder_for(source.tokenizer, source.family), source.window)
    except FaultyData as error:
        for fault in error.faults:
            print(f"moss-agent: {one_line(fault)}", file=sys.stderr)
        raise


def _train(parsed: argparse.Namespace, source: train_model.Source, conversations: list[Conversation]) -> int:
    import torch

    from moss_agent.checkpoints import weights
    from moss_agent.checkpoints.plan import dtype_name
    from moss_agent.engine.loading import choose_device
    from moss_agent.training.processes import first_holds, join_processes
    from moss_agent.training.run_options import digest, settle
    from moss_agent.training.state import holding

    accelerator = join_processes(on_cpu=parsed.device == "cpu")
    device = accelerator.device if accelerator.num_processes > 1 else choose_device(parsed.device)
    shape = _shape(parsed, conversations, device, accelerator)
    memory = _checked_memory(source, shape, device, accelerator)
    learned, kept = divided(conversations, parsed.held_out, parsed.seed)
    options = {name: getattr(parsed, name) for name in KEPT}
    options |= {"precision": dtype_name(shape.dtype), "data": digest(sequences(conversations))}
    options["weights"] = weights.digest(Path(source.name))
    out = user_path(parsed.out)
    with first_holds(accelerator, holding(out)):
        settle(out, options, may_write=accelerator.is_main_process)
        if accelerator.is_main_process:
            counted, shown = [_counted(each) for each in learned], replace(shape, row=shape.at_once)
            print(plan_table(parsed.base, source.needs, counted, len(kept), parsed.epochs, shown, memory), flush=True)
        torch.manual_seed(parsed.seed)
        data = sequences(learned), sequences(kept)
        made = train_model.prepare(parsed, source, *data, shape, device, accelerator)
        return _take_steps(made, parsed, source, shape)


def _take_steps(made: Run, parsed: argparse.Namespace, source: train_model.Source, shape: Shape) -> int:
    """Take the steps that are left, keep what was trained, and return the exit code. The first process tells of it."""
    is_first = made.accelerator.is_main_process
    if is_first:
        watch(made, parsed.tensorboard)
    if made.step and is_first:
        print(f"going on after step {made.step}")
    with _stopped_by_signals(made):
        is_done = made.train()
    if is_done and is_first:
        print(_ending(train_model.keep(made, source, shape), made.log[-1].seconds, shape.full))
    elif is_first:
        print(f"stopped after step {made.step}: the same command goes on", file=sys.stderr)
    return 0 if is_done else 130


def _shape(
    parsed: argparse.Namespace, conversations: list[Conversation], device: torch.device, accelerator: Accelerator
) -> Shape:
    """Return how the model is to be trained. The first process chooses a precision, unless the run has one already."""
    from accelerate.utils import broadcast_object_list

    from moss_agent.training.plan import Shape
    from moss_agent.training.precision import choose_precision
    from moss_agent.training.run_options import noted

    if parsed.shard and accelerator.num_processes == 1:
        raise UsageError("--shard shares out the model among processes: start with torchrun --nproc_per_node N")
    wanted = noted(user_path(parsed.out)).get("precision", "auto") if parsed.dtype == "auto" else parsed.dtype
    chosen = choose_precision(wanted, device) if accelerator.is_main_process else None
    (dtype,) = broadcast_object_list([chosen])
    return Shape(
        dtype,
        quantize=parsed.quantize,
        rank=parsed.rank,
        full=parsed.full,
        row=parsed.row_tokens,
        checkpointing=parsed.checkpointing,
        longest=max(len(ids) for ids, _ in sequences(conversations)),
        on_cpu=device.type == "cpu",
        processes=accelerator.num_processes,
        shard=parsed.shard,
    )


def _checked_memory(source: train_model.Source, shape: Shape, device: torch.device, accelerator: Accelerator) -> Memory:
    """Return what each process takes. Raises UsageError if that is more than is free."""
    import torch

    from moss_agent.free_memory import free_ram
    from moss_agent.training.plan import check_loading, check_memory
    from moss_agent.training.processes import processes_here

    here = processes_here(accelerator)
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else free_ram() // here
    memory = check_memory(source.needs, shape, free)
    if shape.shard:
        check_loading(source.needs, shape, here, free_ram())
    return memory


def _ending(folder: Path, seconds: float, is_whole: bool) -> str:
    """Return what is said when the model or adapter is there."""
    shown, merged = one_line(str(folder)), one_line(str(folder.with_name("model")))
    use = f"chat --model {shown}" if is_whole else f"models merge {shown} {merged}"
    return f"{shown} is ready after {duration(seconds)}\nuse it: moss-agent {use}"


def _counted(conversation: Conversation) -> Tokens:
    """Return the sequences of a conversation as one, for those who count tokens."""
    ids, written = zip(*conversation, strict=True)
    return [*chain(*ids)], [*chain(*written)]


@contextmanager
def _stopped_by_signals(made: Run) -> Iterator[None]:
    """Let Ctrl-C, or the signal that ends programs, stop the run after its step, and a second Ctrl-C at once.

    The other signal comes twice where both a scheduler and torchrun send it to all of their processes.
    """
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def stop(number: int, frame: Any) -> None:
        made.stopping = True
        if number == signal.SIGINT:
            signal.signal(number, before[signal.SIGINT])

    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
