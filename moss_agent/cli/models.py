"""`moss-agent models`: which models there are, and fetching the bundled one ahead of time."""

from __future__ import annotations

import argparse

from moss_agent.cli.options import add_debug_option
from moss_agent.cli.tables import table

KNOWN = [
    ("mini", "93 MB", "Apache-2.0", "SmolLM2-135M with this project's adapter: small, quick, often wrong"),
    ("fnlp/moss-moon-003-sft-plugin", "33 GB", "AGPL-3.0", "the original MOSS; cannot be loaded yet"),
]
NOTE = """
SIZE is what is fetched the first time. `--model` takes mini, or a folder or hub name of any model of the
transformers library that was taught the same protocol; name its --family then."""

EXAMPLES = """\
examples:
  moss-agent models list
  moss-agent models pull mini      before you go where there is no network"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = "List models, or fetch the bundled one before it is needed.", EXAMPLES
    parser.set_defaults(parser=parser)
    actions = parser.add_subparsers(title="actions", metavar="ACTION")
    listing = actions.add_parser("list", help="list the models this program knows")
    listing.set_defaults(run=run_list)
    pull = actions.add_parser("pull", help="fetch and prepare a model, for use without a network")
    pull.add_argument("name", choices=["mini"], help="mini (others are fetched when they are first used)")
    pull.set_defaults(run=run_pull)
    for action in (listing, pull):
        add_debug_option(action)


def run_list(parsed: argparse.Namespace) -> int:
    print(table(["MODEL", "SIZE", "LICENCE", "WHAT IT IS"], KNOWN))
    print(NOTE)
    return 0


def run_pull(parsed: argparse.Namespace) -> int:
    from moss_agent.checkpoints.mini import prepare

    print(f"mini is ready in {prepare()}")
    return 0
