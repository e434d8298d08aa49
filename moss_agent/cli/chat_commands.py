"""What can be typed in a chat besides questions."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from moss_agent.chat import Chat
from moss_agent.cli.conversations import KEPT, tell
from moss_agent.cli.printing import Printer, drain
from moss_agent.cli.tables import SHORT, conversation_table
from moss_agent.cli.text import fitted, one_line
from moss_agent.conversation import Conversation
from moss_agent.errors import MossAgentError, UsageError
from moss_agent.events import Events
from moss_agent.records import Turn
from moss_agent.resources import user_path

LISTED = 10  # conversations

HELP = """\
clear        start over: the conversation is forgotten
stop         leave the chat, as Ctrl-D does
/again       answer the last question anew
/continue    go on with an answer that was stopped
/drop        remove the last question and its answer
/edit N ...  ask another question in place of that number; what followed it stays stored
/turns       list the questions of this conversation, with their numbers
/log         list the stored conversations
/resume ID   go on with one of them; without ID with the last one
/fork        go on in a copy of this conversation
/save FILE   save the conversation
/load FILE   go on with a saved conversation
/help        show this list
Ctrl-C       stop the answer that is being written; what there is of it stays"""


def show(chat: Chat, turn: Events, printer: Printer) -> None:
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
    show(chat, chat.stream_again(), printer)


def _continue(chat: Chat, printer: Printer, rest: str) -> None:
    show(chat, chat.stream_on(keep_stopped=True), printer)


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


def _edit(chat: Chat, printer: Printer, rest: str) -> None:
    number, _, question = rest.partition(" ")
    if not number.isdecimal():
        raise UsageError("name the question and what to ask instead, as in /edit 2 And in French?; /turns lists them")
    show(chat, chat.stream_edited(int(number[:9]), question.strip(), keep_stopped=True), printer)


def _turns(chat: Chat, printer: Printer, rest: str) -> None:
    turns = chat.conversation.turns
    lines = [f"{number}. {fitted(turn.question, 100)}" for number, turn in enumerate(turns, 1)]
    printer.note("\n".join(lines) or "Nothing was asked yet.")


def _log(chat: Chat, printer: Printer, rest: str) -> None:
    listed = chat.store.list(LISTED)
    printer.note(conversation_table(listed) if listed else "No conversation is stored yet.")


def _resume(chat: Chat, printer: Printer, rest: str) -> None:
    title = chat.store.load(rest or "last").about.title
    chat.resume(rest or "last")
    tell(chat, title, printer)


def _fork(chat: Chat, printer: Printer, rest: str) -> None:
    printer.note(f"Going on in {chat.fork()[:SHORT]}, a copy; the conversation until here stays as it is.")


COMMANDS: Mapping[str, Callable[[Chat, Printer, str], None]] = {
    "/help": _help,
    "/again": _again,
    "/continue": _continue,
    "/drop": _drop,
    "/save": _save,
    "/load": _load,
    "/edit": _edit,
    "/turns": _turns,
    "/log": _log,
    "/resume": _resume,
    "/fork": _fork,
}
