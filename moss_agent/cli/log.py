"""`moss-agent log`: the stored conversations, without a model."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from moss_agent.cli.json_lines import print_json
from moss_agent.cli.options import add_debug_option
from moss_agent.cli.tables import SHORT, conversation_table
from moss_agent.cli.text import clean, escaped, fitted, one_line, readable
from moss_agent.errors import UsageError
from moss_agent.history import History
from moss_agent.history.export import FORMATS
from moss_agent.history.importing import read_conversations
from moss_agent.records import Turn, as_command
from moss_agent.resources import replace_file, user_path
from moss_agent.store import Stored

DESCRIPTION = """\
The conversations of ask and chat, stored on this machine as they happen. An ID may be shortened as long as only one
begins so; `last` is the one that was used last. The id of a turn stands for the conversation up to it, so other
answers to a question, and other branches, can be shown, exported and gone on with."""

EXAMPLES = """\
examples:
  moss-agent log list
  moss-agent log search battery storage
  moss-agent log show last
  moss-agent log export 3f2a --to html --out talk.html
  moss-agent log import talk.json
  moss-agent log delete 3f2a
  moss-agent chat --id 3f2a          go on with it

The setting keep_days deletes what was not used for so long, log = false stores nothing. MOSS_AGENT_HISTORY names
another file."""

WIDTH = 120  # columns of a line beside the answer
MOST = 1_000_000  # conversations


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = DESCRIPTION, EXAMPLES
    parser.set_defaults(parser=parser)
    actions = parser.add_subparsers(title="actions", metavar="ACTION")
    listing = actions.add_parser("list", help="list conversations, the last used first")
    listing.set_defaults(run=run_list)
    show = actions.add_parser("show", help="print a conversation")
    show.set_defaults(run=run_show)
    search = actions.add_parser("search", help="find turns by words of questions, answers and results")
    search.add_argument("words", metavar="WORD", nargs="+", help="words to look for, in English or Chinese")
    search.set_defaults(run=run_search)
    export = actions.add_parser("export", help="write a conversation in another format")
    export.set_defaults(run=run_export)
    export.add_argument("--to", metavar="FORMAT", choices=FORMATS, default="markdown", help=", ".join(FORMATS))
    export.add_argument("--out", metavar="FILE", type=user_path, help="where to (default: standard output)")
    read = actions.add_parser("import", help="store conversations from a file: our JSON, or MOSS's training format")
    read.add_argument("file", metavar="FILE", type=user_path)
    read.set_defaults(run=run_import)
    delete = actions.add_parser("delete", help="delete conversations for good")
    delete.add_argument("ids", metavar="ID", nargs="+")
    delete.set_defaults(run=run_delete)
    for action in (show, export):
        action.add_argument("id", metavar="ID", nargs="?", default="last", help="(default: last)")
    for action, limit in ((listing, 20), (search, 10)):
        action.add_argument(
            "--limit", metavar="N", type=int, default=limit, help=f"how many at most (default: {limit})"
        )
    for action in (listing, search, show):
        action.add_argument("--json", action="store_true", help="one JSON object each")
    for action in (listing, show, search, export, read, delete):
        add_debug_option(action)


def run_list(parsed: argparse.Namespace) -> int:
    with History() as history:
        found = history.list(_limit(parsed))
    if parsed.json:
        for one in found:
            print_json(asdict(one), sys.stdout)
    elif found:
        print(conversation_table(found))
    else:
        print("no conversation is stored yet", file=sys.stderr)
    return 0


def run_show(parsed: argparse.Namespace) -> int:
    with History() as history:
        stored = history.load(parsed.id)
        if parsed.json:
            print(escaped(FORMATS["json"](stored)))
            return 0
        print(f"{fitted(stored.about.title, WIDTH)}\n{_about(stored)}")
        for number, turn in enumerate(stored.turns, 1):
            others = ", ".join(id[:SHORT] for id in history.others(turn.id))
            print("\n" + "\n".join(_lines(number, turn, f" (others: {others})" if others else "")))
    return 0


def run_search(parsed: argparse.Namespace) -> int:
    with History() as history:
        found = history.search(" ".join(parsed.words), _limit(parsed))
    for match in found:
        if parsed.json:
            print_json(asdict(match), sys.stdout)
        else:
            print(f"{match.turn[:SHORT]}  {match.time[:10]}  {fitted(match.question, WIDTH - 22)}")
            print(f"    {one_line(match.passage)}")
    if not found:
        print("nothing found", file=sys.stderr)
    return 0 if found else 1


def run_export(parsed: argparse.Namespace) -> int:
    with History() as history:
        text = FORMATS[parsed.to](history.load(parsed.id))
    if parsed.to not in ("markdown", "html"):
        text = escaped(text) + "\n"
    if parsed.out is None:
        sys.stdout.write(text)
        return 0
    _write(parsed.out, text)
    print(f"written to {one_line(str(parsed.out))}", file=sys.stderr)
    return 0


def run_import(parsed: argparse.Namespace) -> int:
    conversations = list(read_conversations(parsed.file))
    with History() as history:
        for stored in conversations:
            about = history.add(stored.about, stored.turns)
            print(f"{about.id[:SHORT]}  {fitted(about.title, WIDTH - 10)}")
    return 0


def run_delete(parsed: argparse.Namespace) -> int:
    with History() as history:
        abouts = [history.load(name).about for name in parsed.ids]
        for about in abouts:
            history.delete(about.id)
            print(f"deleted: {about.id[:SHORT]}  {fitted(about.title, WIDTH - 19)}")
    return 0


def _limit(parsed: argparse.Namespace) -> int:
    if not 1 <= parsed.limit <= MOST:
        raise UsageError(f"--limit {parsed.limit}: must be 1 to {MOST:,}")
    return int(parsed.limit)


def _about(stored: Stored) -> str:
    about = stored.about
    return " · ".join(one_line(part, WIDTH) for part in (about.id, about.time, about.model) if part)


def _lines(number: int, turn: Turn, others: str) -> Iterator[str]:
    """Yield a turn as it was seen, fit for a terminal."""
    yield f"{number}. {turn.id[:SHORT]}{others}"
    yield from (f"> {line}" for line in clean(turn.question).split("\n"))
    for call in turn.calls:
        yield fitted(f"→ {as_command(call)}", WIDTH)
        yield f"  = {fitted(call.result if call.ok else call.error or call.result, WIDTH - 4)}"
    yield readable(turn.text.strip()) or "…"
    if turn.status == "stopped":
        yield "(stopped)"
    yield from (f"picture: {one_line(image.path)}" for image in turn.images)
    for source in turn.citations:
        yield fitted(f"[{source.number}] {source.title or source.text} {source.url}".rstrip(), WIDTH)


def _write(path: Path, text: str) -> None:
    if path.exists() and not path.is_file():
        raise UsageError(f"cannot write to {path}: it is no regular file")
    try:
        replace_file(path, text.encode())
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot write to {path}: {getattr(error, 'strerror', None) or error}") from None
