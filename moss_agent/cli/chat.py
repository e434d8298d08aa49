"""`moss-agent chat`: question after question, in one conversation."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from functools import partial
from typing import TYPE_CHECKING

from moss_agent.cli.approval import approval
from moss_agent.cli.chat_commands import COMMANDS, HELP, show
from moss_agent.cli.conversations import find_stored, open_chat, tell
from moss_agent.cli.options import add_agent_options, add_history_options, follow, open_runtime
from moss_agent.cli.printing import Printer
from moss_agent.cli.streams import is_interactive, own_stdout, prompt_line
from moss_agent.conversation import Conversation
from moss_agent.errors import MossAgentError, UsageError

if TYPE_CHECKING:
    from moss_agent.chat import Chat

DESCRIPTION = """\
Talk with the model. It remembers what was said before, until the conversation grows too long for it.
Conversations are stored: see moss-agent log."""

EXAMPLES = f"""\
in the chat:
  {HELP.replace(chr(10), chr(10) + "  ")}

examples:
  moss-agent chat
  moss-agent chat -c                 goes on with the last conversation
  moss-agent chat --load holidays.json
  printf 'What is 37*89?\\nAnd half of it?\\n' | moss-agent chat"""

LONGEST = 1_000_000  # bytes of a line that is not typed


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = DESCRIPTION, EXAMPLES
    parser.add_argument("--load", metavar="FILE", help="go on with a conversation saved by /save")
    add_history_options(parser)
    add_agent_options(parser)
    parser.set_defaults(run=run_command)


def run_command(parsed: argparse.Namespace) -> int:
    follow(parsed)
    if parsed.load is not None and parsed.resume is not None:
        raise UsageError("--load and -c or --id name two conversations: leave out one")
    conversation = Conversation.load(parsed.load) if parsed.load is not None else None
    stored = find_stored(parsed)
    interactive = is_interactive()
    with own_stdout() as out:
        printer = Printer(out, sys.stderr)
        with closing(open_runtime(parsed, printer)) as runtime:
            asked = approval(runtime, printer, interactive=interactive)
            chat = open_chat(runtime, parsed, asked, stored, conversation)
            if interactive:
                with suppress(ImportError):
                    import readline  # noqa: F401  makes input() edit lines and remember them
                printer.note("Ready. /help lists what you can do here, stop or Ctrl-D leaves.")
            if stored:
                tell(chat, stored.about.title, printer)
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
        show(chat, chat.stream(line, keep_stopped=True), printer)
    elif word in COMMANDS:
        COMMANDS[word](chat, printer, "".join(rest).strip())
    else:
        raise UsageError(f"there is no {word}; /help lists what you can do here")


def _is_command(word: str) -> bool:
    """Return whether a line beginning with this word is for the chat: `/word`, unless that is a path and no command."""
    return bool(re.fullmatch("/[A-Za-z]+", word)) and (word in COMMANDS or not os.path.exists(word))
