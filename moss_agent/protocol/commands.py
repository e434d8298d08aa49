"""Plugin calls as the model writes them: `Search("..."), Calculate("...")`.

Read tolerantly, never evaluated. A call is closed by a quote and a parenthesis, not by counting
parentheses, because those inside an argument need not balance. Accepted besides the plain form:

    Convert(12.5, "km", to="mi")            further arguments, by keyword too; numbers, true, None without quotes
    Search(["moss", "fern"])                lists
    Calculate("(" + str(2) + ")")           a Python expression: the argument is its text, as written
    Search("the word "moss" in Finnish")    quotes inside the argument, escaped or not
    Search(“moss”), Search（'moss'）         other quotes, tripled ones, full-width parentheses and commas
    1. Search("moss")  # a comment          numbering, comments, any separator, prose

A call that is never closed swallows what follows it. A call in a call, `Calculate(Search("x"))`, is none, and
neither is it inside. Nothing behind `None` is a call but what a comma or a line's end separates from it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from string import digits
from typing import TypeAlias

from moss_agent.protocol.arguments import (
    CLOSING,
    COMMAS,
    CONSTANTS,
    NUMBER,
    OPENING,
    WORD,
    ArgumentsReader,
    Token,
)
from moss_agent.protocol.markers import COMMANDS
from moss_agent.protocol.neutral import join_surrogates

Value: TypeAlias = str | int | float | bool | tuple[str, ...] | None

_LONGEST_NAME = 40
_SEPARATORS = COMMAS | frozenset(";；\n")
_SPECIAL = re.compile(r'["\\]')
_ESCAPED = re.compile(r"""\\(["'\\])""")
_SIMPLE = (str, int, float, type(None))


@dataclass(frozen=True)
class Command:
    """One call: `Convert(12.5, "km", to="mi")` has the arguments 12.5 and "km", and "mi" is the one named `to`.

    text: the call as the model wrote it; takes no part in comparisons.
    """

    name: str
    arguments: tuple[Value, ...] = ()
    named: Mapping[str, Value] = field(default_factory=dict, hash=False)
    text: str = field(default="", compare=False)

    @property
    def texts(self) -> tuple[str, ...]:
        """All values as text, in the order in which they are written."""
        return tuple(map(_as_text, (*self.arguments, *self.named.values())))

    @property
    def argument(self) -> str:
        """The first value as text."""
        return next(iter(self.texts), "")

    def __str__(self) -> str:
        """Return the call as written, else in the form that reads back as this command."""
        named = (f"{name}={_literal(value)}" for name, value in self.named.items())
        return self.text or f"{self.name}({', '.join((*map(_literal, self.arguments), *named))})"


class CommandScanner:
    """Finds commands in text that arrives in pieces, each at the character that completes it.

    A state machine, as `ArgumentsReader` is one.
    """

    def __init__(self) -> None:
        self._state: Callable[[str], Command | None] = self._outside
        self._word = ""
        self._written: list[str] = []  # from the word on, up to the parenthesis
        self._word_ended = False
        self._after_none = False  # only a call that follows at once is one
        self._depth = 0  # of parentheses that explain a `None`
        self._arguments = ArgumentsReader()

    def feed(self, piece: str) -> Iterator[Command]:
        """Yield the commands that `piece` completes."""
        for _, command in self.scan(piece):
            yield command

    def scan(self, piece: str) -> Iterator[tuple[int, Command]]:
        """Yield the commands that `piece` completes, each with the position in `piece` where it ends."""
        for end, character in enumerate(piece, 1):
            if command := self._state(character):
                yield end, command

    def _outside(self, character: str) -> None:
        """Look for a name and a parenthesis, which begin a call."""
        self._written.append(character)
        if character in WORD:
            self._continue_word(character)
        elif self._word.lower() == "none":
            self._state = self._behind_none
            self._behind_none(character)
        elif character in OPENING and 0 < len(self._word.lstrip(digits)) <= _LONGEST_NAME:
            self._arguments, self._state = ArgumentsReader(), self._inside
        elif character.isspace():
            self._word_ended = True
        else:
            self._word = ""
            if self._after_none and character not in _SEPARATORS:
                self._state = self._prose
            elif character == "#":
                self._state = self._comment

    def _continue_word(self, character: str) -> None:
        if self._word_ended and self._word and self._after_none:
            self._state = self._prose
        if self._word_ended or not self._word:
            self._word, self._word_ended, self._written = "", False, [character]
        if len(self._word) <= 2 * _LONGEST_NAME:
            self._word += character

    def _comment(self, character: str) -> None:
        if character == "\n":
            self._state = self._outside

    def _prose(self, _: str) -> None:
        """Skip what follows `None.` and the like: why no call is needed, to the end."""

    def _behind_none(self, character: str) -> None:
        """Look for a separator, which alone lets a call follow `None` and its explanation in parentheses."""
        if character in OPENING:
            self._depth += 1
        elif character in CLOSING and self._depth:
            self._depth -= 1
        elif self._depth or (character.isspace() and character != "\n"):
            pass
        elif character in _SEPARATORS:
            self._word, self._after_none, self._state = "", True, self._outside
        else:
            self._state = self._prose

    def _inside(self, character: str) -> Command | None:
        """Read what is behind name and parenthesis, up to the one that closes the call."""
        is_complete = self._arguments.read(character)
        if is_complete is None:
            return None
        command = self._command() if is_complete else None
        self._word, self._after_none, self._state = "", False, self._outside
        return command

    def _command(self) -> Command | None:
        """Return the complete call, None if it may be a formula such as `f(3)` or is given nothing."""
        name, call = self._word.lstrip(digits), self._arguments
        arguments, named = _values(call.text, call.tokens)
        is_given = any(value not in (None, ()) for value in (*arguments, *named.values()))
        if call.is_quoted or (name[0].isupper() and is_given):
            return Command(name, arguments, named, "".join(self._written).lstrip(digits) + call.text)
        return None


def parse_commands(text: str) -> list[Command]:
    """Parse a Commands segment, with or without its header and end marker."""
    body = text.removeprefix(COMMANDS.header).rstrip().removesuffix(COMMANDS.end)
    return list(CommandScanner().feed(body))


def as_value(given: object) -> Value:
    """Return what JSON or a program gives as an argument: lists as texts, without lone surrogates.

    Raises ValueError with what is wrong with it, to follow the name of the argument.
    """
    if isinstance(given, (list, tuple)) and all(isinstance(item, _SIMPLE) for item in given):
        return tuple(join_surrogates(item) if isinstance(item, str) else json.dumps(item) for item in given)
    if not isinstance(given, _SIMPLE):
        raise ValueError("must not hold objects")
    if isinstance(given, float) and not math.isfinite(given):
        raise ValueError("is too large")
    return join_surrogates(given) if isinstance(given, str) else given


def _values(text: str, tokens: Iterable[Token]) -> tuple[tuple[Value, ...], dict[str, Value]]:
    """Return the arguments without a keyword and those with one."""
    arguments: list[Value] = []
    named: dict[str, Value] = {}
    remaining = iter(tokens)
    for token in remaining:
        key = ""
        if token.kind == "key":
            key, token = text[token.start : token.stop], next(remaining)
        if token.kind == "[":
            value: Value = tuple(_string(text, item) for item in takewhile(lambda t: t.kind != "]", remaining))
        else:
            value = _constant(_string(text, token)) if token.kind == "bare" else _string(text, token)
        if key:
            named[key] = value
        else:
            arguments.append(value)
    return tuple(arguments), named


def _string(text: str, token: Token) -> str:
    written = text[token.start : token.stop]
    return _ESCAPED.sub(r"\1", written) if token.kind == "string" else written


def _constant(word: str) -> Value:
    """Return what a word without quotes stands for."""
    if word.lower() in CONSTANTS:
        return CONSTANTS[word.lower()]
    if not NUMBER.fullmatch(word):
        return word
    if word.lstrip("+-").isdecimal():
        return int(word)
    number = float(word)
    return number if math.isfinite(number) else word


def _as_text(value: Value) -> str:
    return ", ".join(value) if isinstance(value, tuple) else str(value)


def _literal(value: Value) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_literal, value))}]"
    return '"' + _SPECIAL.sub(r"\\\g<0>", value) + '"' if isinstance(value, str) else repr(value)
