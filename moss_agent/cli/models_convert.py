"""`moss-agent models convert`: a MOSS checkpoint in another shape, checked against what it was made from."""

from __future__ import annotations

import argparse

from moss_agent.checkpoints.convert.staging import check_absent
from moss_agent.cli.options import silence_libraries
from moss_agent.cli.text import one_line
from moss_agent.errors import UsageError
from moss_agent.extras import need
from moss_agent.resources import user_path

DESCRIPTION = """\
Write a MOSS checkpoint in another shape. What was written is read again and has to compute what its source
computes, on a random prompt; only then the folder gets its name.

  safetensors   the same checkpoint, bit for bit: loads quicker, and is not copied when layers go to the disk
  gptj          as GPT-J, exact: for engines that do not know MOSS, such as vLLM
  ctranslate2   for CTranslate2, with --int8 at half the size; needs: pip install 'moss-agent[ctranslate2]'

The first two go through the weights a file at a time and need little memory, the last needs twice the model's size."""

EXAMPLES = """\
examples:
  moss-agent models convert fnlp/moss-moon-003-sft-plugin moss-safetensors
  moss-agent models convert /models/moss /models/moss-gptj --to gptj"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = DESCRIPTION, EXAMPLES
    parser.add_argument("source", metavar="SOURCE", help="a folder, or a name on the model hub")
    parser.add_argument("target", metavar="DEST", type=user_path, help="the folder to make; it must not be there yet")
    parser.add_argument(
        "--to", choices=["safetensors", "gptj", "ctranslate2"], default="safetensors", help="(default: safetensors)"
    )
    parser.add_argument("--int8", action="store_true", help="weights in 8 bits, for ctranslate2 only")
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    if parsed.int8 and parsed.to != "ctranslate2":
        raise UsageError("--int8 is for --to ctranslate2; the other shapes keep the weights as they are")
    check_absent(parsed.target)
    if parsed.to == "ctranslate2":
        need("ctranslate2")
    silence_libraries()
    from moss_agent.checkpoints.convert.source import open_source
    from moss_agent.checkpoints.convert.to_ctranslate2 import to_ctranslate2
    from moss_agent.checkpoints.convert.to_gptj import to_gptj
    from moss_agent.checkpoints.convert.to_safetensors import to_safetensors

    source = open_source(parsed.source)
    if parsed.to == "ctranslate2":
        distance = to_ctranslate2(source, parsed.target, "int8" if parsed.int8 else "")
    else:
        distance = {"safetensors": to_safetensors, "gptj": to_gptj}[parsed.to](source, parsed.target)
    target = one_line(str(parsed.target))
    print(f"{target} is ready; its logits differ from the source's by {distance:.1g} of their size")
    return 0
