"""Runs of letters such as `xy` and `mgh`: one name, or a product of unknowns?

A run of two to four letters is a product if its letters are unknowns on their own: all of them, or all but
one of two or three (`xy` beside `x`). In an equation without any longer name it is also one if it has two
letters (`F=ma`) or no vowel and no y (`V=lwh`); capitals only if they are two and another letter stands alone
(`U=IR`, but `GDP` and `AB=5`), and behind a small letter only if all letters are unknowns on their own (`rA`
and `dB` are names); none where names are multiplied by `*` (`PE=m*g*h`). Units, Greek letters and functions are
names. `lnx` is `ln x`, and `x1x2` beside `x1` and `x2` is their product.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from moss_agent.errors import PluginError

from .grammar import canonical
from .names import GREEK
from .tokens import Token
from .unit_words import UNIT_WORDS

_RUN = re.compile("[A-Za-z]{2,4}")
_CLEAR_RUN = re.compile("(?![A-Z]{3,}$)(?:[A-Za-z]{2}|[^aeiouyAEIOUY]{3,4}|xyz)")
_INNER_CAPITAL = re.compile("[a-z][A-Z]")
_CALL = re.compile("(sin|cos|tan|ln|lg|log)(x)|(pi)(r)")
_GLUED = re.compile("(?:sin|cos|tan|ln|lg|log)(?:x|[0-9])")
_INDEXED = re.compile("(?:[A-Za-z][0-9]+){2,}")


def split_runs(tokens: Sequence[Token], *, by_look: bool) -> list[Token]:
    """Split each run of letters that is a product into its letters. by_look: also if no letter stands alone."""
    names = {token.text for token in tokens if token.kind == "name" and not canonical(token.text)}
    letters = {name for name in names if len(name) == 1}
    by_look = by_look and all(len(name) == 1 or _may_be_product(name) for name in names) and not _has_signs(tokens)
    split: list[Token] = []
    for token in tokens:
        parts = _parts(token.text, names, letters, by_look) if token.kind == "name" else []
        split += [Token("name", part) for part in parts] or [token]
    return split


def _has_signs(tokens: Sequence[Token]) -> bool:
    """Return whether a name is multiplied by another with a sign."""
    looked = zip(tokens, tokens[1:], tokens[2:], strict=False)
    return any((before.kind, sign.text, after.kind) == ("name", "*", "name") for before, sign, after in looked)


def _parts(name: str, names: set[str], letters: set[str], by_look: bool) -> list[str]:
    """Return what a name consists of, nothing if it is one name."""
    if call := _CALL.fullmatch(name):
        return [part for part in call.groups() if part]
    if _GLUED.search(name) and not re.fullmatch("log_?[0-9]+", name):
        raise PluginError(f"{name[:40]} can be read in two ways: write functions with parentheses")
    if _INDEXED.fullmatch(name) and names.issuperset(parts := re.findall("[A-Za-z][0-9]+", name)):
        return parts
    by_look = by_look and (bool(letters) or not name.isupper())
    return list(name) if _is_product(name, letters, by_look) else []


def _is_product(name: str, letters: set[str], by_look: bool) -> bool:
    if not _may_be_product(name):
        return False
    known = [letter in letters for letter in name]
    if all(known):
        return True
    by_look = by_look and not _INNER_CAPITAL.search(name)
    if by_look and _CLEAR_RUN.fullmatch(name):
        return True
    return by_look and len(known) < 4 and known.count(False) == 1


def _may_be_product(name: str) -> bool:
    is_known = canonical(name) or name in GREEK or name in UNIT_WORDS
    is_placeholder = len(name) > 2 and len(set(name)) == 1  # such as XXXX
    return bool(_RUN.fullmatch(name)) and not is_known and not is_placeholder
