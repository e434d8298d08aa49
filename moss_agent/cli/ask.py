"""`moss-agent ask`: one question, one answer."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING, TextIO

from moss_agent.cli import batch
from moss_agent.cli.approval import approval
from moss_agent.cli.conversations import check_replaceable, find_stored, open_chat
from moss_agent.cli.json_lines import print_json
from moss_agent.cli.options import (
    add_agent_options,
    add_history_options,
    add_plain_option,
    follow,
    open_runtime,
    settings_from,
)
from moss_agent.cli.printing import Printer, drain
from moss_agent.cli.prompt import Prompt
from moss_agent.cli.streams import comes, is_interactive, own_stdin, own_stdout, read_all
from moss_agent.cli.templates import filled
from moss_agent.errors import UsageError
from moss_agent.events import to_json
from moss_agent.resources import read_text, user_path

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
  moss-agent ask -f notes.md "Which of these are urgent?"
  moss-agent ask -t translate -p language=French "Good morning"
  moss-agent ask --batch questions.txt --out answers.jsonl
  moss-agent ask --json "What is 37*89?" | jq -r 'select(.type == "answer").text'

What is piped in follows the QUESTION: cat letter.txt | moss-agent ask "Who wrote this?"
Where that takes long to begin, end with - to wait for it; in a script that reads its own input, add < /dev/null.
Quote questions that contain * ? ( or other signs that your shell reads itself."""

LONGEST = 1_000_000  # bytes of standard input
PATIENCE = 5.0  # seconds for standard input to begin
AT_ONCE = 4  # questions of a batch


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
    add = parser.add_argument
    add(
        "-f",
        "--file",
        dest="files",
        metavar="FILE",
        action="append",
        help="attach a text file; may be given several times",
    )
    add("-t", "--template", metavar="NAME", help="fill a question with blanks, a TOML file in the folder templates")
    add("-p", "--param", dest="params", metavar="BLANK=TEXT", action="append", help="what stands in a blank of it")
    add("--save", metavar="FILE", type=user_path, help="save the conversation, for chat --load")
    add_plain_option(parser)
    many = parser.add_argument_group("many questions")
    many.add_argument("--batch", metavar="FILE", help="ask each line of the file; the answers are lines of JSON")
    many.add_argument("--out", metavar="FILE", help="where these go; what stands there already is not asked again")
    many.add_argument("--at-once", metavar="N", type=int, help=f"how many at the same time (default: {AT_ONCE})")
    add_history_options(parser)
    add_agent_options(parser)
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    follow(parsed)
    if parsed.batch is not None:
        return run_batch(parsed)
    if parsed.out is not None or parsed.at_once is not None:
        raise UsageError("--out and --at-once go with --batch FILE; one answer goes into a file with > FILE")
    stored = find_stored(parsed)
    if parsed.save:
        check_replaceable(parsed.save)
    question, interactive = question_of(parsed), is_interactive() and not parsed.json
    with own_stdout() as out:
        printer = Printer(sys.stderr if parsed.json else out, sys.stderr, plain=parsed.plain)
        with closing(open_runtime(settings_from(parsed), printer)) as runtime:
            prompt = Prompt(plain=parsed.plain)
            asked = approval(lambda: runtime.plugins, printer, prompt.ask if interactive else None)
            chat = open_chat(runtime, parsed, asked, stored)
            answer(chat, question, printer, json=out if parsed.json else None)
            if parsed.save:
                chat.conversation.save(parsed.save)
    return 0


def run_batch(parsed: argparse.Namespace) -> int:
    """Answer the questions of a file; the exit code is 1 if one of them failed."""
    if any((parsed.question, parsed.files, parsed.template, parsed.params, parsed.resume, parsed.save)):
        raise UsageError("--batch asks the lines of its file: leave out questions, -f, -t, -p, -c, --id and --save")
    at_once = AT_ONCE if parsed.at_once is None else parsed.at_once
    if at_once < 1:
        raise UsageError(f"--at-once {at_once}: must be 1 or more")
    questions, path = batch.read_questions(user_path(parsed.batch)), user_path(parsed.out) if parsed.out else None
    if path and path.exists() and path.samefile(user_path(parsed.batch)):
        raise UsageError(f"--out {parsed.out}: that is the file of the questions: name another one")
    known = batch.answered(path) if path else set()
    left, settings = [question for question in questions if question not in known], settings_from(parsed)
    if not left:
        print(f"all {len(questions)} questions are answered there already", file=sys.stderr)
        return 0
    with (
        own_stdout() as out,
        batch.needing_room(path),
        batch.appending(path, out) as lines,
        closing(open_runtime(settings)) as runtime,
    ):
        return int(batch.run(runtime, left, lines, at_once, plain=parsed.plain) > 0)


def question_of(parsed: argparse.Namespace) -> str:
    """Return the question of the options: words, template, standard input, files. Raises UsageError."""
    values = dict(_pair(text) for text in parsed.params or ())
    if values and not parsed.template:
        raise UsageError("-p fills a blank of a template: name it with -t")
    if parsed.template:
        asked = filled(parsed.template, read_given(parsed.question, own_stdin(), is_needed=False), values)
    else:
        asked = read_question(parsed.question, own_stdin())
    return "\n\n".join([asked, *map(_attached, parsed.files or ())])


def _pair(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator:
        raise UsageError(f"-p {text}: write it like -p language=French")
    return name, value


def _attached(name: str) -> str:
    """Return a file as a part of the question, with its name. Raises UsageError."""
    path = user_path(name)
    return f"{path.name}:\n```\n{read_text(path, LONGEST).rstrip()}\n```"


def read_question(words: Sequence[str], stdin: TextIO) -> str:
    """Return the words of the command line, then what a pipe or file gives. Raises UsageError if there is neither."""
    question = read_given(words, stdin, is_needed=True)
    if not question:
        raise UsageError('what is the question? For example: moss-agent ask "What is 37*89?"')
    return question


def read_given(words: Sequence[str], stdin: TextIO, *, is_needed: bool) -> str:
    """Return the words of the command line, then what a pipe or file gives; "" if there is neither.

    Standard input is waited for if the last word is `-`, or if there is none and one is needed; else an idle pipe is
    left out.
    """
    is_named = list(words[-1:]) == ["-"]
    asked, given = " ".join(words[:-1] if is_named else words).strip(), ""
    if is_named or not (stdin.isatty() or (asked or not is_needed) and _is_idle(stdin)):
        given = read_all(stdin, LONGEST).strip()
    return "\n\n".join(part for part in (asked, given) if part)


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
