"""How the two plugins read an argument: from its text to the statements of the grammar."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby, pairwise

from moss_agent.errors import PluginError

from .grammar import canonical, parse_tokens
from .letter_runs import split_runs
from .tokens import Token, tokenize
from .tree import RELATIONS, Statement
from .units import without_units

_DERIVATIVE = re.compile(r"\bd(?: \^ \d+ [a-z]|[a-z])? / d[a-z]\b")
_SEPARATOR = Token("operator", ";")
_BRACKETS = {"(": ")", "[": "]", "{": "}"}
_LOGARITHM = re.compile("log_?[0-9]{1,9}")


def read_calculation(text: str) -> tuple[tuple[Statement, ...], bool]:
    """Return the statements of a calculator's argument, and whether units were dropped from it."""
    tokens = _with_parentheses(tokenize(text))
    plain = without_units(tokens, loose=True)
    _check_no_inequality(plain)
    return parse_tokens(split_runs(plain, by_look=False)), len(plain) < len(tokens)


def read_equations(text: str) -> tuple[Statement, ...]:
    """Return the statements of an equation solver's argument."""
    tokens = _with_ratios(_with_parentheses(tokenize(text)))
    _check_no_derivative(tokens)
    _check_no_speed(tokens)
    plain = without_units(_separated(tokens), loose=False)
    _check_no_inequality(plain)
    return parse_tokens(split_runs(plain, by_look=True))


def _with_parentheses(tokens: Sequence[Token]) -> list[Token]:
    """Return the tokens with `sqrt[x]` and `sqrt{x}` as `sqrt(x)`."""
    plain = list(tokens)
    opened: list[int] = []
    for position, token in enumerate(tokens):
        if token.text in _BRACKETS:
            opened.append(position)
        elif opened and token.text == _BRACKETS[tokens[opened[-1]].text]:
            begin = opened.pop()
            if _is_behind_function(tokens, begin):
                plain[begin], plain[position] = replace(tokens[begin], text="("), replace(token, text=")")
    return plain


def _is_behind_function(tokens: Sequence[Token], position: int) -> bool:
    """Return whether a function's name stands before it, perhaps with a power: `sin^2[x]`."""
    is_power = position > 2 and tokens[position - 2].text == "^" and tokens[position - 1].kind == "number"
    name = tokens[position - (3 if is_power else 1)] if position else tokens[0]
    return name.kind == "name" and bool(canonical(name.text) or _LOGARITHM.fullmatch(name.text))


def _with_ratios(tokens: list[Token]) -> list[Token]:
    """Return the tokens with `x:1/2=3:4` as `(x)/(1/2)=(3)/(4)`.

    A single colon is none of a ratio, and `1:2:3` is no quotient: they stay, and the grammar refuses them.
    """
    sides: list[list[Token]] = [[]]
    for token in tokens:
        if token.text in ("=", ";", ",") or token.kind == "end":
            sides += [[token], []]
        else:
            sides[-1].append(token)
    colons = [[t.text for t in side].count(":") for side in sides]
    if sum(colons) < 2 or max(colons) > 1:
        return tokens
    return [token for side in sides for token in _quotient(side)]


def _quotient(side: list[Token]) -> list[Token]:
    place = next((i for i, t in enumerate(side) if t.text == ":"), None)
    if place is None:
        return side
    opened, closed, divided = (Token("operator", text) for text in "()/")
    return [opened, *side[:place], closed, divided, opened, *side[place + 1 :], closed]


def _check_no_derivative(tokens: Sequence[Token]) -> None:
    if _DERIVATIVE.search(" ".join(t.text for t in tokens)):
        raise PluginError("derivatives are not covered")


def _check_no_inequality(tokens: Sequence[Token]) -> None:
    """Raise PluginError for `x+2!=5`, which may be a factorial; `5!=120` and `n=5!=120` are."""
    for _, group in groupby(tokens, key=lambda token: token.text in (";", ",")):
        part = list(group)
        is_glued = any(sign.text == "!" and after.text == "=" and not after.spaced for sign, after in pairwise(part))
        has_name = any(token.kind == "name" and not canonical(token.text) for token in part)
        if is_glued and has_name and sum(token.text in RELATIONS for token in part) == 1:
            raise PluginError("!= can be read in two ways after a number: write ' !=', or '! =' for a factorial")


def _check_no_speed(tokens: Sequence[Token]) -> None:
    """Raise PluginError for `10m/s`, whose letters would become unknowns."""
    for number, *rest in zip(tokens, tokens[1:], tokens[2:], tokens[3:], strict=False):
        if number.kind == "number" and [t.text for t in rest] in (["m", "/", "s"], ["m", "/", "h"], ["g", "/", "l"]):
            raise PluginError(f"{rest[0].text}/{rest[2].text} may be a unit or unknowns")


def _separated(tokens: Sequence[Token]) -> list[Token]:
    """Return the tokens with a separator between `x+y=10 x-y=2`: where two values meet between two equals signs."""
    separated: list[Token] = []
    meeting: int | None = None  # where two values with a space between them met since the last equals sign
    has_equals = False
    for position, token in enumerate(tokens):
        if has_equals and token.spaced and _is_label(tokens[position : position + 4]):
            raise PluginError(f"({tokens[position + 1].text}) may be a factor or the number of an equation")
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


def _is_label(tokens: Sequence[Token]) -> bool:
    """Return whether it is a `(1)` after which nothing follows, or a space."""
    texts = [t.text for t in tokens]
    return (
        len(tokens) == 4
        and texts[0] == "("
        and tokens[1].kind == "number"
        and texts[2] == ")"
        and (tokens[3].spaced or tokens[3].kind == "end" or texts[3] in ";,")
    )
