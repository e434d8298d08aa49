"""`moss-agent ask`: one question, one answer."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING, TextIO

from moss_agent.cli.approval import approval
from moss_agent.cli.conversations import find_stored, open_chat
from moss_agent.cli.options import add_agent_options, add_history_options, follow, open_runtime
from moss_agent.cli.printing import Printer, drain, print_json
from moss_agent.cli.streams import comes, is_interactive, own_stdin, own_stdout, read_all
from moss_agent.errors import UsageError
from moss_agent.events import to_json

if TYPE_CHECKING:
    from moss_agent.chat import Chat

DESCRIPTION = """\
Ask one question. On a terminal you see the model think, call plugins and answer. In a pipe, standard output
gets the answer alone and standard error the rest. Questions and answers are stored: see moss-agent log."""

EXAMPLES = """\
examples:
  moss-agent ask "What is 37*89?"
  moss-agent ask "Solve x^2 - 5x + 6 = 0" --plugins calculator,equation_solver
  moss-agent ask --plugins none Who are you
  moss-agent ask -c "And half of it?"            goes on with the last conversation
  echo "What is 37*89?" | moss-agent ask > answer.txt
  moss-agent ask --json "What is 37*89?" | jq -r 'select(.type == "answer").text'

What is piped in follows the QUESTION: cat letter.txt | moss-agent ask "Who wrote this?"
Where that takes long to begin, end with - to wait for it; in a script that reads its own input, add < /dev/null.
Quote questions that contain * ? ( or other signs that your shell reads itself."""

LONGEST = 1_000_000  # bytes of standard input
PATIENCE = 5.0  # seconds for standard input to begin


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = DESCRIPTION, EXAMPLES
    parser.add_argument(
        "question",
        nargs="*",
        metavar="QUESTION",
        help="the question, in one word or several; - waits for standard input",
    )
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object per event; the last is the answer, or an error"
    )
    add_history_options(parser)
    add_agent_options(parser)
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    follow(parsed)
    stored = find_stored(parsed)
    question, interactive = read_question(parsed.question, own_stdin()), is_interactive() and not parsed.json
    with own_stdout() as out:
        printer = Printer(sys.stderr if parsed.json else out, sys.stderr)
        with closing(open_runtime(parsed, printer)) as runtime:
            asked = approval(runtime, printer, interactive=interactive)
            chat = open_chat(runtime, parsed, asked, stored)
            answer(chat, question, printer, json=out if parsed.json else None)
    return 0


def read_question(words: Sequence[str], stdin: TextIO) -> str:
    """Return the words of the command line, then what a pipe or file gives. Raises UsageError if there is neither.

    Standard input is waited for if the last word is `-` or there is none; else an idle pipe is left out.
    """
    is_named = list(words[-1:]) == ["-"]
    asked, given = " ".join(words[:-1] if is_named else words).strip(), ""
    if is_named or not (stdin.isatty() or asked and _is_idle(stdin)):
        given = read_all(stdin, LONGEST).strip()
    question = "\n\n".join(part for part in (asked, given) if part)
    if not question:
        raise UsageError('what is the question? For example: moss-agent ask "What is 37*89?"')
    return question


def _is_idle(stdin: TextIO) -> bool:
    """Return whether nothing comes on standard input, not even its end: it may be a pipe that nobody uses."""
    if comes(stdin, PATIENCE):
        return False
    print(f"note: nothing came on standard input in {PATIENCE:g} s; to wait for it, end with -", file=sys.stderr)
    return True


def answer(chat: Chat, question: str, printer: Printer, json: TextIO | None = None) -> None:
    """Ask and print what happens: for people, or as JSON if there is a stream for that."""
    if json:
        drain(chat.stream(question, keep_stopped=True), lambda event: print_json(to_json(event), json))
        return
    try:
        drain(chat.stream(question, keep_stopped=True), printer.show)
    finally:
        printer.settle()
