"""`moss-agent ask`: one question, one answer."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from threading import Timer
from typing import TYPE_CHECKING, TextIO

from moss_agent.cli.options import add_agent_options, follows, open_agent
from moss_agent.cli.printing import Printer, drain, print_json
from moss_agent.cli.streams import own_stdin, own_stdout, read_all
from moss_agent.errors import UsageError
from moss_agent.events import to_json

if TYPE_CHECKING:
    from moss_agent.agent import Agent

DESCRIPTION = """\
Ask one question. On a terminal you see the model think, call plugins and answer. In a pipe, standard output
gets the answer alone and standard error the rest."""

EXAMPLES = """\
examples:
  moss-agent ask "What is 37*89?"
  moss-agent ask "Solve x^2 - 5x + 6 = 0" --plugins calculator,equation_solver
  moss-agent ask --plugins none Who are you
  echo "What is 37*89?" | moss-agent ask > answer.txt
  moss-agent ask --json "What is 37*89?" | jq -r 'select(.type == "answer").text'

What is piped in follows the QUESTION: cat letter.txt | moss-agent ask "Who wrote this?"
Quote questions that contain * ? ( or other signs that your shell reads itself."""

LONGEST = 1_000_000  # bytes of standard input
PATIENCE = 3.0  # seconds


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = DESCRIPTION, EXAMPLES
    parser.add_argument(
        "question",
        nargs="*",
        metavar="QUESTION",
        help="the question, in one word or several; - for standard input",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object per event; the last is the answer")
    add_agent_options(parser)
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    if follows(parsed):
        open_agent(parsed)  # ends this process when the leading one is done
    with _said_to_wait(bool(parsed.question)):
        question = read_question(parsed.question, own_stdin())
    with own_stdout() as out, closing(open_agent(parsed)) as agent:
        answer(agent, question, out, sys.stderr, as_json=parsed.json)
    return 0


def read_question(words: Sequence[str], stdin: TextIO) -> str:
    """The words of the command line, then what a pipe or file gives. Raises UsageError if there is neither."""
    asked, is_read = " ".join(words).strip(), not stdin.isatty()
    if asked == "-":
        asked, is_read = "", True
    given = read_all(stdin, LONGEST).strip() if is_read else ""
    question = "\n\n".join(part for part in (asked, given) if part)
    if not question:
        raise UsageError('what is the question? For example: moss-agent ask "What is 37*89?"')
    return question


@contextmanager
def _said_to_wait(is_asked: bool) -> Iterator[None]:
    """Say that standard input is waited for, if that takes time and there is a question without it."""
    said = "waiting for the end of standard input, which belongs to the question; < /dev/null leaves it out"
    timer = Timer(PATIENCE, print, [f"note: {said}"], {"file": sys.stderr})
    timer.daemon = True
    if is_asked:
        timer.start()
    try:
        yield
    finally:
        timer.cancel()


def answer(agent: Agent, question: str, out: TextIO, err: TextIO, *, as_json: bool = False) -> None:
    """Ask and print what happens, as JSON or for people."""
    if as_json:
        drain(agent.stream(question), lambda event: print_json(to_json(event), out))
        return
    printer = Printer(out, err)
    try:
        drain(agent.stream(question), printer.show)
    finally:
        printer.settle()
