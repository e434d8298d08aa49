"""The command line `moss-agent`: arguments in, events printed, errors as one line with an exit code.

One module per command, imported only when it is used: `moss-agent --help` imports none of them. A command's
module has `configure(parser)`, which declares its arguments and names the function that runs it.

Exit codes: 0 done, 1 failed, 2 the request itself is wrong, 130 interrupted, 141 nobody reads the output.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from itertools import takewhile
from typing import Any, NoReturn

from moss_agent import __version__
from moss_agent.cli import streams
from moss_agent.cli.notes import show_warnings
from moss_agent.errors import MossAgentError, UsageError, shorten_words

COMMANDS = {
    "ask": "ask one question and print the answer",
    "chat": "talk with the model, turn by turn",
    "log": "list, search, show, export and delete stored conversations",
    "image": "draw a picture, or the same one again",
    "plugins": "list, run, write and check plugins",
    "models": "list models, fetch one, see what one needs",
    "search": "index folders of your own documents, search them",
    "train": "tune a model on conversations with plugins",
    "eval": "measure how good a model is at using plugins",
    "doctor": "look whether everything works here, and say what to do if not",
}

DESCRIPTION = """\
A language model that thinks, calls plugins (calculator, equation solver, web search, pictures) and answers.
It runs on this machine. The first question fetches the small model `mini` (93 MB, once); after that no
network is needed, except by the web search."""

EXAMPLES = """\
examples:
  moss-agent ask "What is 37*89?"
  moss-agent chat
  moss-agent log list
  moss-agent image "a fox"
  moss-agent plugins list
  moss-agent COMMAND --help      what a command can do"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; `argv` is without the program's name. Never raises an error."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    show_warnings()
    try:
        code = _run(arguments)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt as error:
        _report_as_json(error, arguments)
        return 130
    except BrokenPipeError:
        return 141
    except Exception as error:
        _report_as_json(error, arguments)
        return _report(error, traceback="--debug" in arguments)
    finally:
        with suppress(OSError):
            sys.stdout.flush()


def _run(arguments: list[str]) -> int:
    parser = _parser(wanted=next((word for word in arguments if word in COMMANDS), None))
    try:
        parsed = parser.parse_args(arguments)
    except SystemExit:  # --help and --version have been printed
        return 0
    if "run" not in parsed:
        parsed.parser.print_help()
        return 0
    status: int = parsed.run(parsed)
    return status


def _parser(wanted: str | None) -> argparse.ArgumentParser:
    """Return the parser of all commands, complete for the one that is wanted."""
    parser = Parser(prog="moss-agent", description=DESCRIPTION, epilog=EXAMPLES)
    parser.add_argument("--version", action="version", version=f"moss-agent {__version__}")
    parser.set_defaults(parser=parser)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for name, summary in COMMANDS.items():
        command = commands.add_parser(name, help=summary)
        if name == wanted:
            import_module(f"moss_agent.cli.{name}").configure(command)
    return parser


class Parser(argparse.ArgumentParser):
    """Keeps the line breaks of help texts and raises UsageError instead of printing the usage and leaving."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see {self.prog} --help)")


def _report(error: Exception, traceback: bool) -> int:
    """Say in one line what went wrong and return the exit code."""
    if traceback:
        sys.excepthook(type(error), error, error.__traceback__)
    hint = "" if _is_known(error) or traceback else " (run again with --debug)"
    print(f"moss-agent: {_message(error)}{hint}", file=sys.stderr)
    return 2 if isinstance(error, UsageError) else 1


def _report_as_json(error: BaseException, arguments: Sequence[str]) -> None:
    """End the events of `ask --json` with an object that says what went wrong."""
    if arguments[:1] != ["ask"] or "--json" not in takewhile("--".__ne__, arguments):
        return
    from moss_agent.cli.json_lines import print_json, snake_case

    name = "interrupted" if isinstance(error, KeyboardInterrupt) else type(error).__name__
    name = name if _is_known(error) else "InternalError"
    with suppress(OSError):  # which the error may be about
        print_json({"type": "error", "error": snake_case(name), "message": _message(error)}, sys.stdout)


def _message(error: BaseException) -> str:
    from moss_agent.cli.text import one_line

    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    reason = str(error) if _is_known(error) else f"internal error: {type(error).__name__}: {error}"
    return one_line(shorten_words(reason))


def _is_known(error: BaseException) -> bool:
    return isinstance(error, (MossAgentError, streams.OutputError, KeyboardInterrupt))
