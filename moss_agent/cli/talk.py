"""A chat at a terminal: showing its turns, and what is left of one that was stopped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from moss_agent.chat import Chat
from moss_agent.cli.conversations import KEPT
from moss_agent.cli.printing import Printer, drain
from moss_agent.errors import MossAgentError
from moss_agent.events import Events
from moss_agent.plugin_host import Plugin
from moss_agent.records import Turn


@dataclass(frozen=True)
class Talk:
    """A chat at a terminal. model: its name; plugins: those that it may call. settings: of the plugins, by key."""

    chat: Chat
    printer: Printer
    model: str = ""
    plugins: Mapping[str, Plugin] = field(default_factory=dict)
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def show(talk: Talk, turn: Events) -> None:
    """Print a turn as it happens; if it is stopped or fails, say what is kept of it."""
    chat, printer = talk.chat, talk.printer
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
