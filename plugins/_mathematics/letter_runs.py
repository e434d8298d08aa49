"""Runs of letters such as `xy` and `mgh`: one name, or a product of unknowns?

A run of two to four letters is a product if its letters are unknowns on their own: all of them, or all but
one of two or three (`xy` beside `x`). In an equation without any longer name it is also one if it has two
letters (`F=ma`) or no vowel and no y (`V=lwh`). Units, Greek letters and functions are names.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from .grammar import canonical
from .tokens import Token
from .units import UNIT_WORDS

_RUN = re.compile("[A-Za-z]{2,4}")
_CLEAR_RUN = re.compile("[A-Za-z]{2}|[^aeiouyAEIOUY]{3,4}|xyz")
_SHORT_GREEK = frozenset({"pi", "mu", "nu", "xi"})


def split_runs(tokens: Sequence[Token], *, by_look: bool) -> list[Token]:
    """The tokens with each run that is a product split into its letters. by_look: also if no letter stands alone."""
    names = {token.text for token in tokens if token.kind == "name" and not canonical(token.text)}
    letters = {name for name in names if len(name) == 1}
    by_look = by_look and all(len(name) == 1 or _may_be_product(name) for name in names)
    split: list[Token] = []
    for token in tokens:
        is_product = token.kind == "name" and _is_product(token.text, letters, by_look)
        split += [Token("name", letter) for letter in token.text] if is_product else [token]
    return split


def _is_product(name: str, letters: set[str], by_look: bool) -> bool:
    if not _may_be_product(name):
        return False
    known = [letter in letters for letter in name]
    if all(known) or (by_look and _CLEAR_RUN.fullmatch(name)):
        return True
    return by_look and len(known) < 4 and known.count(False) == 1


def _may_be_product(name: str) -> bool:
    is_word = canonical(name) or name.lower() in _SHORT_GREEK or name in UNIT_WORDS
    is_placeholder = len(name) > 2 and len(set(name)) == 1  # such as XXXX
    return bool(_RUN.fullmatch(name)) and not is_word and not is_placeholder
