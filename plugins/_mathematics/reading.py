"""How the two plugins read an argument: from its text to the statements of the grammar."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from moss_agent.errors import PluginError

from .grammar import parse_tokens
from .letter_runs import split_runs
from .tokens import Token, tokenize
from .tree import Statement
from .units import without_units

_SEPARATOR = Token("operator", ";")


def read_calculation(text: str) -> tuple[tuple[Statement, ...], bool]:
    """The statements of a calculator's argument, and whether units were dropped from it."""
    tokens = tokenize(text)
    plain = without_units(tokens, loose=True)
    return parse_tokens(split_runs(plain, by_look=False)), len(plain) < len(tokens)


def read_equations(text: str) -> tuple[Statement, ...]:
    """The statements of an equation solver's argument."""
    tokens = _with_ratios(tokenize(text))
    _check_no_derivative(tokens)
    return parse_tokens(split_runs(without_units(_separated(tokens), loose=False), by_look=True))


def _with_ratios(tokens: list[Token]) -> list[Token]:
    """The tokens with `x:y=3:4` as `x/y=3/4`. A single colon is none of a ratio, and `1:2:3` is no quotient."""
    colons = [i for i, t in enumerate(tokens) if t.text == ":"]
    if len(colons) < 2 or any(not any(t.text == "=" for t in tokens[i:j]) for i, j in pairwise(colons)):
        return tokens
    return [replace(t, text="/") if t.text == ":" else t for t in tokens]


def _check_no_derivative(tokens: Sequence[Token]) -> None:
    for before, token in zip(tokens, tokens[1:], strict=False):
        if before.text == "/" and re.fullmatch("d[a-z]", token.text) and any(t.text[0] == "d" for t in tokens):
            raise PluginError("derivatives are not covered")


def _separated(tokens: Sequence[Token]) -> list[Token]:
    """The tokens with a separator between `x+y=10 x-y=2`: where two values meet between two equals signs."""
    separated: list[Token] = []
    meeting: int | None = None  # where two values with a space between them met since the last equals sign
    has_equals = False
    for token in tokens:
        if token.text == "=" and has_equals and meeting is not None:
            separated.insert(meeting, _SEPARATOR)
        if token.text == "=" or token.text in ";,":
            has_equals, meeting = token.text == "=", None
        elif token.spaced and _begins_value(token) and separated and _ends_value(separated[-1]):
            meeting = len(separated)
        separated.append(token)
    return separated


def _begins_value(token: Token) -> bool:
    return token.kind in ("number", "name") or token.text in ("(", "[")


def _ends_value(token: Token) -> bool:
    return token.kind in ("number", "name") or token.text in (")", "]")
