"""The arguments of one plugin call, read character by character from its opening parenthesis on.

A state machine: a state is a method that takes a character and sets the state for the next one. A quote is the
end of a string only if a comma or the call's end follows; what was read since as further arguments becomes part
of the first string again if it turns out not to be any. Nothing is read twice, so time is linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from string import ascii_letters, digits
from typing import Literal

OPENING, CLOSING = frozenset("(（"), frozenset(")）")
COMMAS = frozenset(",，、")
WORD = frozenset(ascii_letters + digits + "_")
NUMBER = re.compile(r"[+-]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
CONSTANTS = {"true": True, "false": False, "none": None, "null": None}

_QUOTES = {
    **{'"': '"', "'": "'", "＂": "＂", "＇": "＇", "「": "」", "『": "』"},
    **{"“": '”“"', "”": '”“"', "‘": "’‘", "’": "’‘"},
}  # what opens a string, and what closes it
_BARE = WORD | frozenset(".+-")
_ASSIGN = frozenset("=＝:：")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}")
_PLAIN = re.compile(r"[A-Za-z0-9_.]+")
_LONGEST_BARE = 400
_NESTED = re.compile(r"(?<![\w.])[A-Z]\w{0,39}\s*[(（]\Z")

State = Callable[[str], "bool | None"]


@dataclass(frozen=True)
class Token:
    """A part of the arguments: what it is, and where it stands in `text`, without its quotes."""

    kind: Literal["string", "bare", "key", "expression", "[", "]"]
    start: int
    stop: int


@dataclass
class _String:
    """A string that is being read: where its content starts, what closes it, and how often in a row."""

    start: int
    closing: str
    quotes: int = 1


class ArgumentsReader:
    """Reads what follows the opening parenthesis, up to the one that closes it.

    tokens: once `read` has returned True, the arguments.
    """

    def __init__(self) -> None:
        self.tokens: list[Token] = []
        self._written: list[str] = []
        self._state: State = self._value
        self._in_list = False
        self._first: _String | None = None  # of the strings, with what had been read before it
        self._before_first: tuple[int, bool] = (0, False)
        self._was_resumed = False

    def read(self, character: str) -> bool | None:
        """Take the next character: True if the call is complete with it, False if it ends and is no call."""
        self._written.append(character)
        return self._state(character)

    @property
    def text(self) -> str:
        """All that was read."""
        return "".join(self._written)

    @property
    def is_quoted(self) -> bool:
        return self._first is not None

    def _value(self, character: str) -> bool | None:
        """Begin a value."""
        position = len(self._written) - 1
        if character in _QUOTES:
            self._open_string(character, position)
        elif character == "[" and not self._in_list:
            self._in_list = True
            self.tokens.append(Token("[", position, position))
        elif character in _BARE:
            self._bare_start, self._state = position, self._bare
        elif character == "]" or character in CLOSING:  # behind a last comma, or of an empty list
            return self._behind_value(character) if self.tokens and not self._has_key() else self._fail(character)
        elif not character.isspace():
            return self._fail(character)
        return None

    def _open_string(self, quote: str, position: int) -> None:
        self._string = _String(position + 1, _QUOTES[quote])
        if self._first is None:
            self._first, self._before_first = self._string, (len(self.tokens), self._in_list)
        self._state = self._in_string

    def _in_string(self, character: str) -> None:
        written, quotes = self._written, self._string.quotes
        if character == "\\":
            self._escape()
        elif character in self._string.closing:
            if quotes == 1 or (written[-3:] == [character] * 3 and len(written) - 3 >= self._string.start):
                self._stop, self._state = len(written) - quotes, self._behind_quote
        elif self._first and self._string is not self._first and character in self._first.closing:
            self._stop, self._state = len(written) - 1, self._behind_first_quote

    def _escape(self) -> None:
        """Let the next character, behind a backslash, mean nothing."""
        self._unescaped, self._state = self._state, self._escaped

    def _escaped(self, _: str) -> None:
        self._state = self._unescaped

    def _behind_quote(self, character: str) -> bool | None:
        """Tell by what follows a quote whether it closed the string."""
        string, stop = self._string, self._stop
        is_plain = string.closing in "\"'"
        may_be_expression = is_plain and not self.tokens and not self._was_resumed
        is_empty = string.quotes == 1 and stop == string.start == len(self._written) - 2
        if is_plain and is_empty and character == string.closing:
            string.quotes, string.start, self._state = 3, stop + 2, self._in_string
        elif character == "+" and may_be_expression:
            self._skip(depth=1, is_expression=True)
        elif character == "." and may_be_expression:
            self._state = self._method
        elif not character.isspace():
            self.tokens.append(Token("string", string.start, stop))
            return self._behind_value(character)
        return None

    def _behind_first_quote(self, character: str) -> bool | None:
        """Let a quote in a later string that would close the first one do so if the call ends here."""
        if character in CLOSING and self._first:
            self._resume(self._first)
            self.tokens.append(Token("string", self._string.start, self._stop))
            return self._behind_value(character)
        if not character.isspace():
            self._state = self._in_string
            self._in_string(character)
        return None

    def _bare(self, character: str) -> bool | None:
        if character in _BARE:
            return None
        self._stop, self._state = len(self._written) - 1, self._behind_bare
        return self._behind_bare(character)

    def _behind_bare(self, character: str) -> bool | None:
        """Tell by what follows a word without quotes if it is a value, a keyword or a call in the call."""
        if character.isspace():
            return None
        start, stop = self._bare_start, self._stop
        word = "".join(self._written[start:stop]) if stop - start <= _LONGEST_BARE else ""
        if character in OPENING:
            self._skip(depth=2, is_expression=False)
        elif character in _ASSIGN and _IDENTIFIER.fullmatch(word) and not self._in_list and not self._has_key():
            self.tokens.append(Token("key", start, stop))
            self._state = self._value
        elif self._is_value(word):
            self.tokens.append(Token("bare", start, stop))
            return self._behind_value(character)
        else:
            return self._fail(character)
        return None

    def _is_value(self, word: str) -> bool:
        """Return whether the word is a value: numbers and constants always are, others beside a string."""
        is_literal = NUMBER.fullmatch(word) or word.lower() in CONSTANTS
        return bool(is_literal or (self._first and _PLAIN.fullmatch(word)))

    def _has_key(self) -> bool:
        return bool(self.tokens) and self.tokens[-1].kind == "key"

    def _behind_value(self, character: str) -> bool | None:
        """Go on behind a value: another one follows, the list ends or the call."""
        self._state = self._behind_value
        if character in COMMAS:
            self._state = self._value
        elif character == "]" and self._in_list:
            self._in_list = False
            self.tokens.append(Token("]", 0, 0))
        elif character in CLOSING and not self._in_list:
            return True
        elif not character.isspace():
            return self._fail(character)
        return None

    def _fail(self, character: str) -> bool | None:
        """Take what was read, which is no list of values, for a part of the first string, or for no call."""
        if self._first:
            self._resume(self._first)
            self._in_string(character)
            return None
        self._skip(depth=1, is_expression=False)
        return self._balanced(character)

    def _resume(self, first: _String) -> None:
        length, self._in_list = self._before_first
        del self.tokens[length:]
        self._was_resumed = True
        self._string, self._state = first, self._in_string

    def _method(self, character: str) -> bool | None:
        """Read a method's name, behind the dot of `"{}".format(3)`."""
        if character in OPENING and self._written[-2] != ".":
            self._skip(depth=2, is_expression=True)
        elif character not in WORD:
            return self._fail(character)
        return None

    def _skip(self, depth: int, is_expression: bool) -> None:
        """Read up to the parenthesis that closes the outermost of `depth`."""
        self._depth, self._is_expression, self._inside = depth, is_expression, ""
        self._quotes = '"' + (self._string.closing if is_expression else "")
        self._state = self._balanced

    def _balanced(self, character: str) -> bool | None:
        """Count parentheses, but not those in strings."""
        if character == "\\":
            self._escape()
        elif character in self._quotes:
            if self._inside in ("", character):
                self._inside = "" if self._inside else character
        elif character in OPENING and not self._inside:
            self._depth += 1
            if _NESTED.search("".join(self._written[-50:])):
                self._is_expression = False  # `"1+" + Search("x")` is a call in a call
        elif character in CLOSING and not self._inside:
            self._depth -= 1
            if self._depth == 0:
                opening = self._string.start - self._string.quotes if self._is_expression else 0
                self.tokens = [Token("expression", opening, len(self._written) - 1)]
                return self._is_expression
        return None
