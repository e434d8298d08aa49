"""A question with unknowns, ready to be asked."""

from __future__ import annotations

from dataclasses import dataclass

from .expressions import Number


@dataclass(frozen=True)
class Task:
    """``roots`` are the solutions by unknown; ``plain`` marks equations that the user wrote out."""

    text: str
    unknowns: str
    equations: str
    roots: tuple[tuple[str, tuple[Number, ...]], ...]
    answer: str
    direct: str = ""
    plain: bool = False
