"""The way from the options of `ask` and `chat` to a conversation, new or stored."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from moss_agent.cli.options import settings_from
from moss_agent.cli.text import one_line
from moss_agent.conversation import Conversation
from moss_agent.errors import HistoryError, UsageError
from moss_agent.history import History
from moss_agent.records import Turn

if TYPE_CHECKING:
    from moss_agent.calls import OnApproval
    from moss_agent.chat import Chat
    from moss_agent.cli.printing import Printer
    from moss_agent.runtime import Runtime
    from moss_agent.store import Stored

KEPT = "What was written is kept: /continue goes on with it, /undo removes it."


def find_stored(parsed: argparse.Namespace) -> Stored | None:
    """Return the conversation that the options name; None for a new one. Raises UsageError, HistoryError."""
    return History().load(parsed.resume) if parsed.resume is not None else None


def open_chat(
    runtime: Runtime,
    parsed: argparse.Namespace,
    on_approval: OnApproval,
    stored: Stored | None = None,
    conversation: Conversation | None = None,
) -> Chat:
    """Open a chat that is stored unless the settings say otherwise. stored, conversation: an earlier one."""
    settings = settings_from(parsed)
    if not settings.log:
        return runtime.chat(Conversation("", stored.turns) if stored else conversation, on_approval=on_approval)
    store = History(keep_days=settings.keep_days)
    if stored is None:
        return runtime.chat(conversation, on_approval=on_approval, store=store)
    name = stored.about.id if parsed.resume == "last" else parsed.resume
    return runtime.resume(name, on_approval=on_approval, store=store)


def moved(chat: Chat, runtime: Runtime, on_approval: OnApproval | None) -> Chat:
    """Open the conversation of a chat on another runtime; in the store it stays the same one."""
    try:
        store = chat.store
    except (UsageError, HistoryError):  # it is not stored, or cannot be any more
        return runtime.chat(chat.conversation, on_approval=on_approval)
    if chat.id:
        return runtime.resume(chat.id, on_approval=on_approval, store=store)
    return runtime.chat(chat.conversation, on_approval=on_approval, store=store)


def check_replaceable(path: Path) -> None:
    """Raise UsageError if something else than a saved conversation stands in the file."""
    if not os.path.exists(path):
        return
    try:
        Conversation.load(path)
    except UsageError:
        if not path.is_file():
            raise
        raise UsageError(f"{path} has something else in it than a saved conversation: name another file") from None


def tell(turns: list[Turn], title: str, printer: Printer) -> None:
    """Say which conversation goes on, and how it ended."""
    printer.note(f"Going on after {count(turns)}: {one_line(title, 80)}")
    if turns and turns[-1].status == "stopped":
        printer.note(f"The last answer was stopped. {KEPT}")


def count(turns: list[Turn]) -> str:
    """Return how many turns there are, in words."""
    return f"{len(turns)} turn{'s' * (len(turns) != 1)}"
