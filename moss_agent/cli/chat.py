"""`moss-agent chat`: question after question, in one conversation."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from moss_agent.cli.approval import approval
from moss_agent.cli.options import add_agent_options, follow, open_runtime
from moss_agent.cli.printing import Printer, drain
from moss_agent.cli.streams import is_interactive, own_stdout, prompt_line
from moss_agent.cli.text import one_line
from moss_agent.conversation import Conversation
from moss_agent.errors import MossAgentError, UsageError
from moss_agent.resources import user_path

if TYPE_CHECKING:
    from moss_agent.chat import Chat
    from moss_agent.events import Events
    from moss_agent.records import Turn

DESCRIPTION = """\
Talk with the model. It remembers what was said before, until the conversation grows too long for it."""

HELP = """\
clear        start over: the conversation is forgotten
stop         leave the chat, as Ctrl-D does
/again       answer the last question anew
/continue    go on with an answer that was stopped
/drop        remove the last question and its answer
/save FILE   save the conversation
/load FILE   go on with a saved conversation
/help        show this list
Ctrl-C       stop the answer that is being written; what there is of it stays"""

EXAMPLES = f"""\
in the chat:
  {HELP.replace(chr(10), chr(10) + "  ")}

examples:
  moss-agent chat
  moss-agent chat --load holidays.json
  printf 'What is 37*89?\\nAnd half of it?\\n' | moss-agent chat"""

LONGEST = 1_000_000  # bytes of a line that is not typed
KEPT = "What was written is kept: /continue goes on with it, /drop removes it."


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = DESCRIPTION, EXAMPLES
    parser.add_argument("--load", metavar="FILE", help="go on with a conversation saved by /save")
    add_agent_options(parser)
    parser.set_defaults(run=run_command)


def run_command(parsed: argparse.Namespace) -> int:
    follow(parsed)
    conversation = Conversation.load(parsed.load) if parsed.load is not None else None
    interactive = is_interactive()
    with own_stdout() as out:
        printer = Printer(out, sys.stderr)
        with closing(open_runtime(parsed, printer)) as runtime:
            chat = runtime.chat(conversation, on_approval=approval(runtime, printer, interactive=interactive))
            if interactive:
                with suppress(ImportError):
                    import readline  # noqa: F401  makes input() edit lines and remember them
                printer.note("Ready. /help lists what you can do here, stop or Ctrl-D leaves.")
            run(chat, partial(prompt_line, "> ", LONGEST), printer)
    return 0


def run(chat: Chat, read: Callable[[], str], printer: Printer) -> None:
    """Chat until the input ends or says stop.

    read: gives the next line, raises EOFError when there is none and KeyboardInterrupt as `input` does.
    """
    while (line := _next_line(read, printer)) not in (None, "stop"):
        try:
            _do(chat, line, printer)
        except MossAgentError as error:
            printer.failure(str(error))
        except KeyboardInterrupt:
            printer.after_echo()
            printer.note("Stopped. The chat goes on.")


def _next_line(read: Callable[[], str], printer: Printer) -> str | None:
    """Return the next line that is not empty; None at the end of the input or after two Ctrl-C in a row."""
    interrupted = False
    while True:
        try:
            if line := read().strip():
                return line
        except EOFError:
            printer.after_echo()
            return None
        except KeyboardInterrupt:
            printer.after_echo()
            if interrupted:
                return None
            interrupted = True
            printer.note("Ctrl-C once more, stop or Ctrl-D leaves.")


def _do(chat: Chat, line: str, printer: Printer) -> None:
    """Carry out a command or ask a question. Raises MossAgentError."""
    word, *rest = line.split(maxsplit=1)
    if line == "clear":
        chat.reset()
        printer.note("Started over.")
    elif not _is_command(word):
        _show(chat, chat.stream(line, keep_stopped=True), printer)
    elif word in _COMMANDS:
        _COMMANDS[word](chat, printer, "".join(rest).strip())
    else:
        raise UsageError(f"there is no {word}; /help lists what you can do here")


def _is_command(word: str) -> bool:
    """Return whether a line beginning with this word is for the chat: `/word`, unless that is a path and no command."""
    return bool(re.fullmatch("/[A-Za-z]+", word)) and (word in _COMMANDS or not os.path.exists(word))


def _show(chat: Chat, turn: Events, printer: Printer) -> None:
    """Print a turn as it happens; if it is stopped or fails, say what is kept of it."""
    before = chat.conversation.turns[-1:]
    try:
        drain(turn, printer.show)
    except KeyboardInterrupt:
        printer.after_echo()
        printer.note(f"Stopped. {_left(chat, before)}")
    except MossAgentError as error:
        printer.failure(str(error))
        if (left := _left(chat, before)) == KEPT:
            printer.note(left)


def _left(chat: Chat, before: Sequence[Turn]) -> str:
    """Return what a turn that was ended has left. before: the last turn until then, if there was one."""
    last = chat.conversation.turns[-1:]
    if last == before:
        return "The conversation is as it was before."
    return KEPT if last[0].status == "stopped" else "The answer is whole."


def _help(chat: Chat, printer: Printer, rest: str) -> None:
    printer.note(HELP)


def _again(chat: Chat, printer: Printer, rest: str) -> None:
    _show(chat, chat.stream_again(), printer)


def _continue(chat: Chat, printer: Printer, rest: str) -> None:
    _show(chat, chat.stream_on(keep_stopped=True), printer)


def _drop(chat: Chat, printer: Printer, rest: str) -> None:
    printer.note(f"Removed: {one_line(chat.drop().question, 60)}")


def _save(chat: Chat, printer: Printer, rest: str) -> None:
    path = _file(rest)
    if os.path.exists(path):
        Conversation.load(path)  # only a saved conversation may be replaced
    chat.conversation.save(path)
    printer.note(f"Saved to {one_line(str(path))}.")


def _load(chat: Chat, printer: Printer, rest: str) -> None:
    path = _file(rest)
    chat.conversation = Conversation.load(path)
    printer.note(f"Going on after {len(chat.conversation.turns)} turns.")


def _file(name: str) -> Path:
    if not name:
        raise UsageError("name the file, as in /save chat.json or /load chat.json")
    return user_path(name)


_COMMANDS = {
    "/help": _help,
    "/again": _again,
    "/continue": _continue,
    "/drop": _drop,
    "/save": _save,
    "/load": _load,
}
