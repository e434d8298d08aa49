"""`moss-agent chat`: question after question, in one conversation."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

from moss_agent.cli.approval import approval
from moss_agent.cli.chat_commands import COMMANDS, HELP, completed
from moss_agent.cli.conversations import find_stored, open_chat, tell
from moss_agent.cli.loading import Loading
from moss_agent.cli.options import (
    add_agent_options,
    add_history_options,
    add_plain_option,
    follow,
    open_runtime,
    settings_from,
)
from moss_agent.cli.printing import Printer
from moss_agent.cli.prompt import Prompt, typed_file
from moss_agent.cli.streams import is_interactive, own_stdout
from moss_agent.cli.talk import Talk, show
from moss_agent.cli.text import one_line
from moss_agent.conversation import Conversation
from moss_agent.errors import MossAgentError, UsageError
from moss_agent.extras import missing

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


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = DESCRIPTION, EXAMPLES
    parser.add_argument("--load", metavar="FILE", help="go on with a conversation saved by /save")
    add_plain_option(parser)
    add_history_options(parser)
    add_agent_options(parser)
    parser.set_defaults(run=run_command)


def run_command(parsed: argparse.Namespace) -> int:
    follow(parsed)
    if parsed.load is not None and parsed.resume is not None:
        raise UsageError("--load and -c or --id name two conversations: leave out one")
    conversation = Conversation.load(parsed.load) if parsed.load is not None else None
    stored, settings = find_stored(parsed), settings_from(parsed)
    interactive = is_interactive()
    with own_stdout() as out, ExitStack() as opened:
        printer = Printer(out, sys.stderr, plain=parsed.plain, folds=interactive)

        def open_talk() -> Talk:
            ask = Prompt(plain=parsed.plain).ask if interactive else None
            asked = approval(lambda: talk.runtime.plugins, printer, ask)
            runtime = open_runtime(settings)
            try:
                talk = Talk(runtime, open_chat(runtime, parsed, asked, stored, conversation), printer, settings, asked)
            except BaseException:
                runtime.close()
                raise
            opened.callback(talk.close)
            return talk

        name = one_line(settings.server or settings.model, 60)
        loading = Loading(open_talk, name)
        if interactive:
            printer.note(f"{name}. /help lists what you can do here, Ctrl-D leaves.")
            if missing("terminal"):
                printer.note("pip install 'moss-agent[terminal]' for lines that are edited, completed and remembered.")
        else:
            loading.wait(printer.screen)
        typed = typed_file() if settings.log else None
        prompt = Prompt(typed, lambda words: completed(words, loading.done), plain=parsed.plain, on_shown=loading.start)
        if stored:
            tell(stored.turns, stored.about.title, printer)
        with prompt.waiting():
            run(partial(loading.wait, printer.screen), partial(prompt.read, "> "), printer)
        if not loading.done:
            opened.pop_all()  # the program ends while the model is being loaded: nobody can close it
    return 0


def run(talk: Callable[[], Talk], read: Callable[[], str], printer: Printer) -> None:
    """Chat until the input ends or says stop.

    talk: waits for the chat. read: gives the next text, raises EOFError when there is none and KeyboardInterrupt as
    `input` does.
    """
    while (line := _next_line(read, printer)) not in (None, "stop", "/quit"):
        _answer(talk, line, printer)


def _answer(talk: Callable[[], Talk], line: str, printer: Printer) -> None:
    """Do what the line asks for; say what went wrong, unless it is that there is no model."""
    try:
        opened = talk()
    except KeyboardInterrupt:
        printer.after_echo()
        printer.note("The model is still being loaded. Ctrl-D leaves.")
        return
    try:
        _do(opened, line)
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


def _do(talk: Talk, line: str) -> None:
    """Carry out a command or ask a question. Raises MossAgentError."""
    word, *rest = line.split(maxsplit=1)
    if line in ("clear", "/clear"):
        talk.chat.reset()
        talk.printer.note("Started over.")
    elif not _is_command(word):
        show(talk, talk.chat.stream(line, keep_stopped=True))
    elif word in COMMANDS:
        COMMANDS[word].run(talk, "".join(rest).strip())
    else:
        raise UsageError(f"there is no {word}; /help lists what you can do here")


def _is_command(word: str) -> bool:
    """Return whether a line beginning with this word is for the chat: `/word`, unless that is a path and no command."""
    return bool(re.fullmatch("/[A-Za-z]+", word)) and (word in COMMANDS or not os.path.exists(word))
