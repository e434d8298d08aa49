"""Plugin calls as the model writes them: `Search("..."), Calculate("...")`.

Read tolerantly, never evaluated. A call is closed by a quote and a parenthesis, not by counting
parentheses, because those inside an argument need not balance. Accepted besides the plain form:

    Solve("x^2=4", "x")                     further arguments, in `extra`
    Calculate("(" + str(2) + ")")           a Python expression: the argument is its text, as written
    Search("the word "moss" in Finnish")    quotes inside the argument, escaped or not
    1. Search("moss")  # a comment          numbering, comments, any separator, prose, `None`
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from moss_agent.protocol.markers import COMMANDS

_START = re.compile(r"#[^\n]*(?:\n|\Z)|(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*\(\s*(?P<quote>[\"“])")
_CLOSING = {'"': '"', "“": "”"}
_AFTER = re.compile(r"\s*(?:(?P<end>\))|(?P<more>,)|(?P<operator>\+|\.\w+\())")
_EXTRA = re.compile(r"""\s*,\s*(?:"([^"]*)"|'([^']*)'|([\w.]+))""")
_LONGEST_NAME = 40


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
        return self.text or f"{self.name}({', '.join(f'{chr(34)}{a}{chr(34)}' for a in self.arguments)})"


class CommandScanner:
    """Finds commands in text that arrives in pieces, each as soon as it is complete."""

    def __init__(self) -> None:
        self._text = ""

    def feed(self, piece: str) -> Iterator[Command]:
        """The commands that `piece` completes."""
        self._text += piece
        while found := self._next():
            command, end = found
            self._text = self._text[end:]
            yield command

    def _next(self) -> tuple[Command, int] | None:
        """The first complete command and where it ends; None if more text is needed."""
        for start in _START.finditer(self._text):
            if start["name"] is None:
                if not start[0].endswith("\n"):
                    return None  # the comment may go on in the next piece
            elif start["name"] != "None" and len(start["name"]) <= _LONGEST_NAME:
                call = _Call(self._text, start)
                return call.read()
        return None


class _Call:
    """One call being read; `start` matched its name, parenthesis and opening quote."""

    def __init__(self, text: str, start: re.Match[str]) -> None:
        self.text = text
        self.start = start
        self.closing = _CLOSING[start["quote"]]

    def read(self) -> tuple[Command, int] | None:
        """The command and its end, None while it is incomplete."""
        opening = self.start.end()
        position = opening
        while (quote := self._closing_quote(position)) >= 0:
            position = quote + 1
            after = _AFTER.match(self.text, position)
            if after is None:
                continue  # a quote inside the argument
            argument = self.text[opening:quote].replace('\\"', '"')
            if after["end"]:
                return self._command(after.end(), argument)
            if after["more"] and (extra := self._extra(position)):
                return self._command(extra[1], argument, extra[0])
            if after["operator"] and self._only_string_so_far(opening, quote):
                return self._expression(position)
        return None

    def _closing_quote(self, position: int) -> int:
        """The next quote that no backslash precedes, -1 if there is none."""
        quote = self.text.find(self.closing, position)
        while quote > 0 and self.text[quote - 1] == "\\":
            quote = self.text.find(self.closing, quote + 1)
        return quote

    def _only_string_so_far(self, opening: int, quote: int) -> bool:
        return self.closing not in self.text[opening:quote]

    def _extra(self, position: int) -> tuple[tuple[str, ...], int] | None:
        """Further arguments up to the closing parenthesis and where that stands."""
        values = []
        while extra := _EXTRA.match(self.text, position):
            values.append(next(group for group in extra.groups() if group is not None))
            position = extra.end()
        end = _AFTER.match(self.text, position)
        return (tuple(values), end.end()) if values and end and end["end"] else None

    def _expression(self, position: int) -> tuple[Command, int] | None:
        """A Python expression: up to the parenthesis that closes the call, strings skipped."""
        depth, in_string = 1, False
        for i in range(position, len(self.text)):
            char = self.text[i]
            if char == '"':
                in_string = not in_string
            elif not in_string and char in "()":
                depth += 1 if char == "(" else -1
                if depth == 0:
                    return self._command(i + 1, self.text[self.start.end() - 1 : i])
        return None

    def _command(self, end: int, argument: str, extra: tuple[str, ...] = ()) -> tuple[Command, int]:
        written = self.text[self.start.start() : end]
        return Command(self.start["name"], argument, extra, written), end


def parse_commands(text: str) -> list[Command]:
    """The commands of a Commands segment, with or without its header and end marker."""
    body = text.removeprefix(COMMANDS.header).rstrip().removesuffix(COMMANDS.end)
    return list(CommandScanner().feed(body))
