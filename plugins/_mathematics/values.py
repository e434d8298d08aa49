"""The value of a tree without unknowns, as people are shown it.

It is what Python would compute: an exact integer, otherwise a double. Where digits cancelled, or a
step left the range of doubles, that is not what the expression is worth: then the exact value takes
its place, as the nearest double or as 17 digits with their exponent. So it does for angles in degrees,
where everybody knows that `sin(30°)` is 0.5.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import mpmath
from mpmath import mpf

from .doubles import Double, compute
from .exact import Exact, exact, rounded
from .tree import Call, Chain, Node, Relation, walk

MAX_SHOWN_DIGITS = 500
TOLERANCE = 1e-12  # between a double and the exact value, relative: more than honest rounding gives

Value: TypeAlias = int | float | mpf  # an mpf only where no double can hold it
_STEPPED = frozenset({"floor", "ceil", "sign", "remainder", "round", "trunc"})


def evaluate(node: Node) -> Value:
    """Return the value of a tree whose only names are constants. Raises PluginError if there is none."""
    value, functions = compute(node), {part.function for part in walk(node) if isinstance(part, Call)}
    if isinstance(value, int) and not functions & _STEPPED:
        return value
    sure = exact(node)
    if isinstance(value, int):
        return int(sure)
    if value is not None and "radians" not in functions and _agree(value, sure):
        return value
    return _nearest(sure)


def holds(relation: Relation) -> bool:
    """Return whether the relation is true, exactly: `0.1+0.2=0.3` is."""
    difference = evaluate(Chain(relation.left, (("-", relation.right),)))
    return {
        "=": difference == 0, "!=": difference != 0, "<": difference < 0,
        "<=": difference <= 0, ">": difference > 0, ">=": difference >= 0,
    }[relation.symbol]  # fmt: skip


def show(value: Value) -> str:
    """Return the value as Python prints it; an integer of more than 500 digits by its first 18 digits."""
    if isinstance(value, mpf):
        return str(mpmath.nstr(value, 17)).replace(".0e", "e")
    if isinstance(value, float) or abs(value) < 10**MAX_SHOWN_DIGITS:
        return str(value)
    sign, size = "-" if value < 0 else "", abs(value)
    power = int((size.bit_length() - 1) * math.log10(2))
    power += size >= 10 ** (power + 1)
    digits = str(size // 10 ** (power - 17))
    return f"{sign}{digits[0]}.{digits[1:]}e+{power} (an integer of {power + 1} digits)"


def _agree(value: Double, sure: Exact) -> bool:
    with mpmath.workdps(40):
        return bool(abs(rounded(sure) - value) <= TOLERANCE * abs(rounded(sure)))


def _nearest(sure: Exact) -> float | mpf:
    """Return the nearest double, or the value itself if it is too large or too small for one."""
    try:
        double = float(sure)
    except OverflowError:
        double = math.inf
    if math.isinf(double) or (double == 0 and sure != 0):
        with mpmath.workdps(40):
            return rounded(sure)
    return double
