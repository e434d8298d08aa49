"""`moss-agent models merge`: a LoRA adapter and its base as one model, checked against both."""

from __future__ import annotations

import argparse

from moss_agent.checkpoints.convert.staging import check_absent
from moss_agent.cli.options import silence_libraries
from moss_agent.cli.text import one_line
from moss_agent.resources import user_path

DESCRIPTION = """\
Write a LoRA adapter, as peft saves it, and its base as one model, in the precision of the base: a folder that
`--model` and `models convert` take, and that other programs load without peft. What was written is read again and
has to compute what base and adapter compute, on a random prompt; only then the folder gets its name.

Needs 1.5 times the memory that the base takes on the disk."""

EXAMPLES = """\
examples:
  moss-agent models merge my-adapter my-model
  moss-agent models merge my-adapter my-model --base /models/moss
  moss-agent chat --model my-model"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = DESCRIPTION, EXAMPLES
    parser.add_argument("adapter", metavar="ADAPTER", type=user_path, help="the folder of the adapter")
    parser.add_argument("target", metavar="DEST", type=user_path, help="the folder to make; it must not be there yet")
    parser.add_argument(
        "--base", metavar="MODEL", help="mini, a folder, or a name on the model hub (default: what the adapter names)"
    )
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    check_absent(parsed.target)
    silence_libraries()
    from moss_agent.checkpoints.lora_folder import read_lora
    from moss_agent.checkpoints.merge import merge

    distance = merge(read_lora(parsed.adapter), parsed.base, parsed.target)
    target = one_line(str(parsed.target))
    print(f"{target} is ready; its logits differ from those of base and adapter by {distance:.1g} of their size")
    return 0
