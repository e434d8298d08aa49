"""`moss-agent models`: which models there are, fetching them ahead of time, and what they need on this machine."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from moss_agent.checkpoints.catalog import CATALOG
from moss_agent.cli import models_convert, models_merge
from moss_agent.cli.options import add_debug_option, add_placement_options, settings_from, silence_libraries
from moss_agent.cli.tables import table
from moss_agent.cli.text import one_line
from moss_agent.extras import need

if TYPE_CHECKING:
    from moss_agent.checkpoints.needs import Needs
    from moss_agent.checkpoints.placement import Plan, Request

NOTE = """
SIZE is what is fetched the first time, CONTEXT is in tokens. `--model` takes one of these, or a folder or hub name of
a chat model of the transformers library whose template knows tools, or of one that was taught MOSS's protocol; see
docs/models.md."""

EXAMPLES = """\
examples:
  moss-agent models list
  moss-agent models info fnlp/moss-moon-003-sft-plugin --quantize int8
  moss-agent models pull mini      before you go where there is no network
  moss-agent models convert --help
  moss-agent models merge my-adapter my-model"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = "List models, fetch, convert or merge one before it is needed, or see what one needs."
    parser.epilog = EXAMPLES
    parser.set_defaults(parser=parser)
    actions = parser.add_subparsers(title="actions", metavar="ACTION")
    listing = actions.add_parser("list", help="list the models this program knows")
    listing.set_defaults(run=run_list)
    pull = actions.add_parser("pull", help="fetch a model and check it, for use without a network")
    pull.add_argument("model", metavar="NAME", help="mini, or a name on the model hub")
    pull.set_defaults(run=run_pull)
    info = actions.add_parser(
        "info", help="what a model needs and where it would go; fetches its config and tokenizer only, but mini whole"
    )
    info.add_argument("model", metavar="NAME", help="mini, a folder, or a name on the model hub")
    add_placement_options(info)
    info.set_defaults(run=run_info)
    convert = actions.add_parser("convert", help="write a MOSS checkpoint in another shape: safetensors, GPT-J, ...")
    models_convert.configure(convert)
    merge = actions.add_parser("merge", help="write a LoRA adapter and its base as one model")
    models_merge.configure(merge)
    for action in (listing, pull, info, convert, merge):
        add_debug_option(action)


def run_list(parsed: argparse.Namespace) -> int:
    rows = [(one.name, one.size, one.licence, str(one.context), one.languages, one.summary) for one in CATALOG]
    print(table(["MODEL", "SIZE", "LICENCE", "CONTEXT", "LANGUAGES", "WHAT IT IS"], rows))
    print(NOTE)
    return 0


def run_pull(parsed: argparse.Namespace) -> int:
    if parsed.model == "mini":
        need("mini")
        from moss_agent.checkpoints.mini import prepare_onnx

        print(f"mini is ready in {one_line(str(prepare_onnx()))}")
        return 0
    need("local")
    from moss_agent.checkpoints import hub

    if folder := hub.local_folder(parsed.model):
        print(f"{one_line(str(folder))} is a folder here: there is nothing to fetch")
    else:
        folder, checked = hub.fetch(parsed.model, refresh=True), hub.verify(parsed.model)
        print(f"{parsed.model} is ready in {one_line(str(folder))}: {checked} files checked")
    return 0


def run_info(parsed: argparse.Namespace) -> int:
    from moss_agent.checkpoints.machine import this_machine
    from moss_agent.checkpoints.plan import make_plan
    from moss_agent.opening.dialect import choose_family
    from moss_agent.opening.local import inspect_model

    settings = settings_from(parsed)
    silence_libraries()
    _, needs, request = inspect_model(settings, choose_family(settings, None))
    print(f"{one_line(settings.model)}: {needs.model.config.model_type}, {needs.parameters:,} parameters\n")
    print(needs_table(needs, request))
    print()
    print(plan_table(make_plan(needs, this_machine(Path(request.offload_folder)), request)))
    return 0


def needs_table(needs: Needs, request: Request) -> str:
    """Return what the model takes in each precision."""
    import torch

    from moss_agent.checkpoints.needs import QUANTIZED
    from moss_agent.checkpoints.plan import dtype_name, size_text

    half = request.dtype if request.dtype.itemsize == 2 else torch.bfloat16
    choices = [(torch.float32, ""), (half, ""), *((half, kind) for kind in QUANTIZED)]
    rows = []
    for dtype, kind in choices:
        weights, cache = sum(needs.weights(dtype, kind).values()), needs.cache(request.context_length, dtype)
        flags = f"--dtype {dtype_name(dtype)}" + f" --quantize {kind}" * bool(kind)
        rows.append((flags, size_text(weights), size_text(cache), size_text(weights + cache)))
    return table(["WITH", "WEIGHTS", f"KV CACHE, {request.context_length} TOKENS", "TOGETHER"], rows)


def plan_table(plan: Plan) -> str:
    """Return where the model would go."""
    from moss_agent.checkpoints.plan import device_name, size_text

    rows = [(device_name(device), size_text(share)) for device, share in plan.shares.items()]
    return table(["ON THIS MACHINE", "WEIGHTS AND CACHE"], rows)
