"""Plugin calls as the model writes them: `Search("..."), Calculate("...")`.

Read tolerantly, never evaluated. A call is closed by a quote and a parenthesis, not by counting
parentheses, because those inside an argument need not balance. Accepted besides the plain form:

    Solve("x^2=4", "x")                     further arguments, in `extra`
    Calculate("(" + str(2) + ")")           a Python expression: the argument is its text, as written
    Search("the word "moss" in Finnish")    quotes inside the argument, escaped or not
    Search(“moss”)                          curly quotes
    1. Search("moss")  # a comment          numbering, comments, any separator, prose, `None`

A call that is never closed swallows what follows it; a call without quotes is no call.
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
_SPECIAL = re.compile(r'["\\]')
_ESCAPED = re.compile(r'\\(["\\])')


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
        """The call as written, else in the form that reads back as this command."""
        quoted = ('"' + _SPECIAL.sub(r"\\\g<0>", argument) + '"' for argument in self.arguments)
        return self.text or f"{self.name}({', '.join(quoted)})"


class CommandScanner:
    """Finds commands in text that arrives in pieces, each at the character that completes it."""

    def __init__(self) -> None:
        self._call = _Call()

    def feed(self, piece: str) -> Iterator[Command]:
        """The commands that `piece` completes."""
        for _, command in self.scan(piece):
            yield command

    def scan(self, piece: str) -> Iterator[tuple[int, Command]]:
        """The commands that `piece` completes, each with the position in `piece` where it ends."""
        for end, character in enumerate(piece, 1):
            if self._call.read(character):
                command, self._call = self._call.command(), _Call()
                yield end, command


class _Call:
    """The next call, read character by character from anywhere before it.

    A state machine: a state is a method that takes a character, sets the state for the next one and
    returns True if the call is complete. Nothing is read twice, so time is linear in the text.
    """

    def __init__(self) -> None:
        self._state = self._outside
        self._written: list[str] = []  # the call, from its name on
        self._word = ""
        self._word_ended = False
        self._is_expression = False
        self._extra: list[str] = []

    def read(self, character: str) -> bool | None:
        """Take the next character; True if the call is complete with it."""
        self._written.append(character)
        return self._state(character)

    def command(self) -> Command:
        """The complete call."""
        text = "".join(self._written)
        quoted = slice(self._opening + 1, self._quote)
        argument = text[self._opening : -1] if self._is_expression else _unescape(text[quoted])
        return Command(self._name, argument, tuple(self._extra), text.lstrip(digits))

    def _outside(self, character: str) -> None:
        """Before the call: a name and a parenthesis may begin it."""
        if character in _WORD:
            if self._word_ended or not self._word:
                self._word, self._word_ended, self._written = "", False, [character]
            if len(self._word) <= 2 * _LONGEST_NAME:
                self._word += character
        elif character == "(" and self._is_name():
            self._state = self._opened
        elif character.isspace():
            self._word_ended = True
        else:
            self._word = ""
            self._state = self._comment if character == "#" else self._outside

    def _is_name(self) -> bool:
        self._name = self._word.lstrip(digits)
        return 0 < len(self._name) <= _LONGEST_NAME and self._name != "None"

    def _comment(self, character: str) -> None:
        if character == "\n":
            self._state = self._outside

    def _opened(self, character: str) -> None:
        """Behind name and parenthesis: a quote makes them a call."""
        if character in _CLOSING:
            self._opening = len(self._written) - 1
            self._closing = _CLOSING[character]
            self._may_be_expression = character == '"'
            self._state = self._argument
        elif not character.isspace():
            self._word, self._state = "", self._outside
            self._outside(character)

    def _argument(self, character: str) -> None:
        if character == self._closing:
            self._quote = len(self._written) - 1
            self._state = self._behind_quote
        elif character == "\\":
            self._escape()

    def _escape(self) -> None:
        """Behind a backslash: the next character means nothing."""
        self._unescaped, self._state = self._state, self._escaped

    def _escaped(self, _: str) -> None:
        self._state = self._unescaped

    def _behind_quote(self, character: str) -> bool | None:
        """What follows a quote tells whether it closed the argument."""
        if character == ")":
            return True
        if character == ",":
            self._state = self._before_extra
        elif character == "+" and self._may_be_expression:
            self._begin_expression(depth=1)
        elif character == "." and self._may_be_expression:
            self._state = self._method
        elif not character.isspace():
            self._resume_argument(character)
        return None

    def _resume_argument(self, character: str) -> None:
        """Neither the last quote nor one since has closed the argument: they are part of it."""
        self._may_be_expression = False
        self._extra = []
        self._state = self._argument
        self._argument(character)

    def _before_extra(self, character: str) -> None:
        self._extra_start = len(self._written) - 1
        if character in "\"'":
            self._extra_quote = character
            self._state = self._quoted_extra
        elif character in _WORD or character == ".":
            self._state = self._bare_extra
        elif not character.isspace():
            self._resume_argument(character)

    def _quoted_extra(self, character: str) -> None:
        if character == self._extra_quote:
            self._extra.append(_unescape("".join(self._written[self._extra_start + 1 : -1])))
            self._state = self._behind_extra
        elif character == '"':
            self._resume_argument(character)
        elif character == "\\":
            self._escape()

    def _bare_extra(self, character: str) -> bool | None:
        if character in _WORD or character == ".":
            return None
        self._extra.append("".join(self._written[self._extra_start : -1]))
        self._state = self._behind_extra
        return self._behind_extra(character)

    def _behind_extra(self, character: str) -> bool | None:
        if character == ",":
            self._state = self._before_extra
        elif character != ")" and not character.isspace():
            self._resume_argument(character)
        return character == ")"

    def _method(self, character: str) -> None:
        """Behind the dot of `"{}".format(3)`."""
        if character == "(" and self._written[-2] != ".":
            self._begin_expression(depth=2)
        elif character not in _WORD:
            self._resume_argument(character)

    def _begin_expression(self, depth: int) -> None:
        self._is_expression, self._in_string, self._depth = True, False, depth
        self._state = self._expression

    def _expression(self, character: str) -> bool:
        """Up to the parenthesis that closes the call; those in strings do not count."""
        if character == "\\":
            self._escape()
        elif character == '"':
            self._in_string = not self._in_string
        elif character in "()" and not self._in_string:
            self._depth += 1 if character == "(" else -1
        return self._depth == 0


def _unescape(text: str) -> str:
    return _ESCAPED.sub(r"\1", text)


def parse_commands(text: str) -> list[Command]:
    """The commands of a Commands segment, with or without its header and end marker."""
    body = text.removeprefix(COMMANDS.header).rstrip().removesuffix(COMMANDS.end)
    return list(CommandScanner().feed(body))
