"""The interface of a store of conversations: five methods, so that another one can take the place of `History`.

A conversation is a tree of turns: each turn names the one that it came after, a conversation the last turn of the
branch that goes on, its head. An answer given anew and an edited question are further turns after the same one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from moss_agent.errors import one_line
from moss_agent.records import Turn, new_id, now

LONGEST_TITLE = 100


@dataclass(frozen=True)
class About:
    """What a conversation is called. time: when it began, UTC, ISO 8601."""

    title: str = ""
    model: str = ""
    preamble: str = ""
    id: str = field(default_factory=new_id)
    time: str = field(default_factory=now)


@dataclass(frozen=True)
class Stored:
    """A conversation as it was stored, up to one of its turns.

    copies: ids of the turns that are not stored: copies of turns that somebody else is writing just now.
    """

    about: About
    turns: list[Turn]
    copies: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Summary:
    """A line about a conversation. turns: how many its branch has. status: of the last of them, "running" too."""

    id: str
    title: str
    model: str
    time: str
    turns: int
    status: str


class Store(Protocol):
    """Where conversations are kept. Thread-safe. Whatever a method raises, a chat goes on without the store."""

    def create(self, about: About, head: str | None = None) -> None:
        """Begin a conversation, after the turn `head` if it is a fork."""

    def save(self, conversation: str, turn: Turn, parent: str | None, *, is_running: bool = False) -> None:
        """Write a turn, new or as far as it has come, and make it the conversation's head.

        is_running: whether there is more to come; as long as it does not, the turn counts as stopped.
        """

    def move(self, conversation: str, head: str | None, discard: str = "") -> None:
        """Make another turn the head; None is before the first. discard: a turn to delete, which has left nothing."""

    def load(self, name: str) -> Stored:
        """Return the conversation up to its head, or up to a turn. name: the id of either, shortened, or `last`.

        Raises UsageError if there is none or more than one.
        """

    def list(self, limit: int) -> Sequence[Summary]:
        """Return the conversations, the last used first."""


def title_of(question: str) -> str:
    """Return what a conversation that begins with this question is called."""
    return one_line(question, LONGEST_TITLE)
