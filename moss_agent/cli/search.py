"""`moss-agent search`: private documents indexed and searched, without a model."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TextIO
from urllib.parse import urlsplit
from urllib.request import url2pathname

from moss_agent.cli.json_lines import print_json
from moss_agent.cli.options import add_debug_option
from moss_agent.cli.tables import table
from moss_agent.cli.text import one_line
from moss_agent.documents import DocumentIndex, Found, Progress, default_path
from moss_agent.errors import UsageError
from moss_agent.resources import user_path

DESCRIPTION = """\
Search folders of your own documents: text, Markdown, HTML, PDF and Word files, in English and Chinese. They are
indexed once and again when they change; nothing leaves this machine."""

EXAMPLES = """\
examples:
  moss-agent search index ~/papers       read what is new or changed there, forget what is gone
  moss-agent search query "battery storage"
  moss-agent search query --json --limit 1 锂电池保存
  moss-agent search status
  moss-agent search forget ~/papers

Several folders can be in one index. Files that cannot be read are listed with the reason."""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = DESCRIPTION, EXAMPLES
    parser.set_defaults(parser=parser)
    actions = parser.add_subparsers(title="actions", metavar="ACTION")
    indexing = actions.add_parser("index", help="read the documents in a folder that are new or changed")
    indexing.add_argument("folder", metavar="DIR", type=user_path, help="a folder; those in it are read too")
    indexing.set_defaults(run=run_index)
    query = actions.add_parser("query", help="print the passages that answer a query best")
    query.add_argument("words", metavar="QUERY", nargs="+", help="words to look for")
    query.add_argument("--limit", metavar="N", type=int, default=5, help="how many passages (default: 5)")
    query.add_argument("--json", action="store_true", help="one JSON object per passage: text, title, url, score")
    query.set_defaults(run=run_query)
    status = actions.add_parser("status", help="say what is in the index")
    status.set_defaults(run=run_status)
    forget = actions.add_parser("forget", help="take a folder out of the index; the documents stay")
    forget.add_argument("folder", metavar="DIR", type=user_path, help="a folder that was indexed")
    forget.set_defaults(run=run_forget)
    for action in (indexing, query, status, forget):
        action.add_argument(
            "--index", metavar="FILE", type=user_path, help=f"the index (default: {_percent(default_path())})"
        )
        add_debug_option(action)


def run_index(parsed: argparse.Namespace) -> int:
    index = DocumentIndex(parsed.index)
    with _progress() as tell:
        report = index.update(parsed.folder, tell)
    _print_failed(report.failed, sys.stderr)
    print(
        f"{report.added} added, {report.changed} changed, {report.removed} removed, {report.unchanged} unchanged, "
        f"{len(report.failed)} not read; index: {one_line(str(index.path))}"
    )
    return 0


def run_query(parsed: argparse.Namespace) -> int:
    if parsed.limit < 1:
        raise UsageError(f"--limit {parsed.limit}: must be 1 or more")
    found = DocumentIndex(parsed.index).search(" ".join(parsed.words), parsed.limit)
    for number, passage in enumerate(found, 1):
        if parsed.json:
            print_json(asdict(passage), sys.stdout)
        else:
            print(f"{number}. {one_line(passage.title)}\n   {one_line(passage.text)}\n   {_place(passage)}")
    if not found:
        print("nothing found", file=sys.stderr)
    return 0 if found else 1


def run_status(parsed: argparse.Namespace) -> int:
    index = DocumentIndex(parsed.index)
    folders = index.status()
    rows = [[one_line(str(f.folder)), str(f.files), str(f.passages), str(len(f.failed))] for f in folders]
    print(table(["FOLDER", "FILES", "PASSAGES", "NOT READ"], rows))
    _print_failed({path: why for folder in folders for path, why in folder.failed.items()}, sys.stdout)
    print(f"index: {one_line(str(index.path))} ({index.path.stat().st_size / 1e6:.1f} MB)")
    return 0


def run_forget(parsed: argparse.Namespace) -> int:
    count = DocumentIndex(parsed.index).forget(parsed.folder)
    print(f"{count} files taken out of the index")
    return 0


@contextmanager
def _progress() -> Iterator[Callable[[Progress], None]]:
    """Show on a terminal how far an update has come, and everywhere that it waits for another one."""
    from tqdm import tqdm

    with tqdm(unit=" files", disable=None, leave=False) as bar:  # None: only on a terminal

        def tell(progress: Progress) -> None:
            if progress.outcome == "waiting":
                bar.write("another process is updating this index, waiting for it...", file=sys.stderr)
                return
            bar.total = progress.total
            bar.set_postfix_str(one_line(progress.path.name, 40), refresh=False)
            bar.update()

        yield tell


def _print_failed(failed: Mapping[Path, str], out: TextIO) -> None:
    for path, reason in failed.items():
        print(f"not read: {one_line(str(path))}: {one_line(reason)}", file=out)


def _place(passage: Found) -> str:
    """Return the path of a passage's file, and the page."""
    parts = urlsplit(passage.url)
    page = f" ({parts.fragment.replace('=', ' ')})" if parts.fragment else ""
    return one_line(url2pathname(parts.path)) + page


def _percent(path: Path) -> str:
    """Return a path for argparse, which formats help texts with `%`."""
    return str(path).replace("%", "%%")
