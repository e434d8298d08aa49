"""The two kinds of word problems: what to compute, and what to find out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Story:
    """A problem with all numbers known.

    ``told`` and ``asks`` hold alternatives separated by `` | ``; ``{r}`` in ``answer`` is the rounded result.
    """

    numbers: str
    told: str
    asks: str
    expression: str
    answer: str
    idea: str


@dataclass(frozen=True)
class Riddle:
    """A problem with unknowns ``x``, ``y``, ``z``: the solution is drawn first, its conditions follow.

    ``direct`` is one expression that finds the same without an equation solver, where there is one.
    """

    numbers: str
    told: str
    asks: str
    unknowns: str
    equations: str
    answer: str
    direct: str = ""
