"""Plugin calls as the model writes them: `Search("..."), Calculate("...")`.

Read tolerantly, never evaluated. A call is closed by a quote and a parenthesis, not by counting
parentheses, because those inside an argument need not balance. Accepted besides the plain form:

    Solve("x^2=4", "x")                     further arguments, in `extra`
    Calculate("(" + str(2) + ")")           a Python expression: the argument is its text, as written
    Search("the word "moss" in Finnish")    quotes inside the argument, escaped or not
    Search(“moss”)                          curly quotes
    1. Search("moss")  # a comment          numbering, comments, any separator, prose, `None`
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from string import ascii_letters, digits

from moss_agent.protocol.markers import COMMANDS

_CLOSING = {'"': '"', "“": "”"}
_WORD = frozenset(ascii_letters + digits + "_")
_LONGEST_NAME = 40
_ESCAPE = re.compile(r'\\(["\\])')
_TO_ESCAPE = re.compile(r'(["\\])')


@dataclass(frozen=True)
class Command:
    """One call. `text` is the call as the model wrote it; it takes no part in comparisons."""

    name: str
    argument: str
    extra: tuple[str, ...] = ()
    text: str = field(default="", compare=False)

    @property
    def arguments(self) -> tuple[str, ...]:
        return (self.argument, *self.extra)

    def __str__(self) -> str:
        """The call as written, or in the form that reads back as this command."""
        quoted = ('"' + _TO_ESCAPE.sub(r"\\\1", argument) + '"' for argument in self.arguments)
        return self.text or f"{self.name}({', '.join(quoted)})"


class CommandScanner:
    """Finds commands in text that arrives in pieces, each with the character that completes it.

    A state machine: a state is a method that takes one character and may move on to another state.
    Nothing is read twice, so time is linear in the text however it is cut.
    """

    def __init__(self) -> None:
        self._state = self._outside
        self._written: list[str] = []  # the call so far, or what may become one
        self._word = ""  # a word outside of calls: the name, if a parenthesis and a quote follow
        self._word_ended = False

    def feed(self, piece: str) -> Iterator[Command]:
        """The commands that `piece` completes."""
        return (command for _, command in self.scan(piece))

    def scan(self, piece: str) -> Iterator[tuple[int, Command]]:
        """The commands that `piece` completes, each with the position in `piece` where it ends."""
        for position, character in enumerate(piece, 1):
            self._written.append(character)
            self._state(character)
            if self._state == self._complete:
                yield position, self._command()
                self._state, self._word = self._outside, ""

    def _complete(self, _: str) -> None:
        """The state after a command's last parenthesis."""

    def _command(self) -> Command:
        text = "".join(self._written)
        argument = text[self._opening + 1 : self._quote]
        if self._is_expression:
            argument = text[self._opening : -1]
        elif self._closing == '"':
            argument = _ESCAPE.sub(r"\1", argument)
        return Command(self._name, argument, tuple(self._extra), text)

    # Outside of calls

    def _outside(self, character: str) -> None:
        if character in _WORD:
            if not self._word or self._word_ended:
                self._word, self._word_ended = "", False
                self._written = [character]
"""TO BE CONTINUED"""
