"""Classify names by their characters."""

from __future__ import annotations

import re

_LETTERS = """
alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau upsilon phi chi psi
omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega
"""
GREEK = frozenset(_LETTERS.split())
_WORD = re.compile("[A-Za-z]{2,}")
_MIXED = re.compile("[加减乘除和且的分根]")


def is_word(name: str) -> bool:
    """Return whether it is a word of several letters, and no Greek one."""
    return bool(_WORD.fullmatch(name)) and name not in GREEK


def is_sentence(name: str) -> bool:
    """Return whether it mixes Latin letters or digits with Chinese words for operations, as `x的平方根` does."""
    return bool(_MIXED.search(name)) and any(character.isascii() for character in name)
