"""The value of a tree beyond doubles: a fraction where it is rational, otherwise as many digits as are certain.

Doubles can be wrong although every step was rounded correctly: `1e20+1-1e20` gives 0, `sin(pi)`
gives 1.2e-16, `tan(pi/2)` something huge. Here everything rational stays a Fraction. The rest is
worked out by mpmath with more and more digits until two rounds agree; what shrinks away with the
digits is zero, what grows with them is infinite.

Importing this module imports mpmath, which takes a while.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from functools import partial, reduce
from itertools import pairwise
from typing import TypeAlias

import mpmath
from mpmath import mpf

from moss_agent.errors import PluginError

from .integers import INTEGER_FUNCTIONS, whole
from .tree import Call, Chain, Name, Negative, Node, Number, Power

ROUNDS = (50, 100, 200, 400, 800)  # digits
SURE = 20  # digits in which two rounds have to agree
NOISE = 8  # digits that a round may lose and still count as all noise
MAX_BITS = 20_000  # of a fraction; beyond, it is rounded like an irrational number
MAX_EXPONENT = 1 << 40  # of 2: keeps exp(exp(exp(9))) from filling the memory
MAX_ANGLE = 1 << 12  # bits: a larger one would need as many digits of pi

Exact: TypeAlias = Fraction | mpf


def exact(node: Node) -> Exact:
    """Return the value of a tree whose only names are constants.

    Raises PluginError if there is none, or if it would take more than 800 digits to tell.
    """
    try:
        for (fewer, before), (more, after) in pairwise(_rounds(node)):
            if isinstance(after, Fraction) or abs(after - before) <= mpf(10) ** -SURE * abs(after):
                return after
            grown = mpf(10) ** (more - fewer - NOISE)
            if abs(after) * grown < abs(before):
                return Fraction(0)
            if abs(after) > grown * abs(before) > 0:
                raise PluginError("undefined: the exact value is infinite")
    except ZeroDivisionError:
        raise PluginError("division by zero") from None
    except (OverflowError, ValueError):
        raise PluginError("undefined: outside the domain of a function, or too large") from None
    raise PluginError(f"it would take more than {ROUNDS[-1]} digits to compute this")


def _rounds(node: Node) -> Iterator[tuple[int, Exact]]:
    for digits in ROUNDS:
        with mpmath.workdps(digits):
            value = value_at(node, {})
        yield digits, value


def value_at(node: Node, names: Mapping[str, Exact]) -> Exact:
    """Return the value of a tree, with values for its names, in the current precision of mpmath.

    Raises PluginError, ArithmeticError or ValueError if there is none.
    """
    match node:
        case Number(value):
            return Fraction(value)
        case Name(name) if name in names:
            return names[name]
        case Name("pi"):
            return +mpmath.pi
        case Name("e"):
            return +mpmath.e
        case Name(name):
            raise PluginError(f"unknown name {name[:40]!r}")
        case Negative(operand):
            return -value_at(operand, names)
        case Power(base, exponent):
            return _power(value_at(base, names), value_at(exponent, names))
        case Call(function, arguments):
            return _call(function, [value_at(a, names) for a in arguments])
        case Chain(first, rest):
            value = value_at(first, names)
            for operator, operand in rest:
                value = _step(operator, value, value_at(operand, names))
            return value


def _step(operator: str, left: Exact, right: Exact) -> Exact:
    if isinstance(left, Fraction) and isinstance(right, Fraction):
        return _bounded(_OPERATIONS[operator](left, right))
    return _OPERATIONS[operator](rounded(left), rounded(right))


def _bounded(value: Exact) -> Exact:
    is_long = (
        isinstance(value, Fraction) and max(value.numerator.bit_length(), value.denominator.bit_length()) > MAX_BITS
    )
    return rounded(value) if is_long else value


def rounded(value: Exact) -> mpf:
    """Return the value as an mpf of the current precision."""
    return mpf(value.numerator) / value.denominator if isinstance(value, Fraction) else value


def _power(base: Exact, exponent: Exact) -> Exact:
    if isinstance(base, Fraction) and isinstance(exponent, Fraction) and exponent.denominator == 1:
        bits = max(base.numerator.bit_length(), base.denominator.bit_length())
        if bits * abs(exponent) <= MAX_BITS or base in (0, 1, -1):
            return base**exponent
    base, exponent = rounded(base), rounded(exponent)
    if base == 0:
        return base**exponent
    if abs(exponent * mpmath.log(abs(base), 2)) > MAX_EXPONENT:
        raise PluginError("a number is too large")
    return _real(base**exponent)


def _call(function: str, arguments: list[Exact]) -> Exact:
    if function in INTEGER_FUNCTIONS:
        return _bounded(Fraction(INTEGER_FUNCTIONS[function](*map(whole, arguments))))
    if function in _RATIONAL:
        return _RATIONAL[function](*arguments)
    if function == "log" and arguments[1:] and arguments[1] in (0, 1):
        raise PluginError(f"a logarithm has no base {int(arguments[1])}")
    argument = rounded(arguments[0])
    if function in _PERIODIC and mpmath.mag(argument) > MAX_ANGLE:
        raise PluginError(f"the angle of {function} is too large")
    if function in _EXPONENTIAL and abs(argument) > MAX_EXPONENT:
        raise PluginError("a number is too large")
    return _real(_FUNCTIONS[function](argument, *map(rounded, arguments[1:])))


def _real(value: mpf | mpmath.mpc) -> mpf:
    """Return the value without an imaginary part that is nothing but rounding. Raises PluginError, ValueError."""
    if isinstance(value, mpmath.mpc):
        if abs(value.imag) > mpf(10) ** (-mpmath.mp.dps // 3) * max(1, abs(value.real)):
            raise PluginError("the result is not a real number")
        value = value.real
    if not mpmath.isfinite(value):
        raise ValueError
    return value


def _floor(value: Exact) -> Fraction:
    """Return the floor; a value that is an integer up to rounding counts as that integer."""
    if isinstance(value, Fraction):
        return Fraction(math.floor(value))
    if mpmath.mag(value) > MAX_BITS:
        raise PluginError("a number is too large")
    nearest = mpmath.nint(value)
    is_whole = abs(value - nearest) < mpf(10) ** (-mpmath.mp.dps // 2) * max(1, abs(value))
    return Fraction(int(nearest if is_whole else mpmath.floor(value)))


def _sign(value: Exact) -> Fraction:
    return Fraction(0) if abs(rounded(value)) < mpf(10) ** (-mpmath.mp.dps // 2) else Fraction(1 if value > 0 else -1)


def _round(value: Exact, digits: Exact = Fraction(0)) -> Fraction:
    """Round to an integer exactly, to places as Python rounds the double."""
    places = whole(digits)
    if isinstance(value, Fraction) and (places == 0 or value.denominator == 1):
        return Fraction(round(value, places))
    return Fraction(int(mpmath.nint(value))) if places == 0 else Fraction(repr(round(float(rounded(value)), places)))


def _median(*values: Exact) -> Exact:
    ordered = sorted(values, key=rounded)
    below, above = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    return below if len(ordered) % 2 else _step("/", _step("+", below, above), Fraction(2))


_OPERATIONS: dict[str, Callable[[Exact, Exact], Exact]] = {
    "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b, "/": lambda a, b: a / b,
    "//": lambda a, b: _floor(a / b), "%": lambda a, b: a - b * _floor(a / b),
}  # fmt: skip
_RATIONAL: dict[str, Callable[..., Exact]] = {
    "abs": abs, "floor": _floor, "ceil": lambda x: -_floor(-x), "sign": _sign, "round": _round,
    "min": lambda *x: min(x, key=rounded), "max": lambda *x: max(x, key=rounded),
    "sum": lambda *x: reduce(partial(_step, "+"), x), "remainder": partial(_step, "%"),
    "trunc": lambda x: _floor(x) if x >= 0 else -_floor(-x), "float": lambda x: x, "median": _median,
    "radians": lambda x: rounded(x) * mpmath.pi / 180,
}  # fmt: skip
_EXPONENTIAL = frozenset({"exp", "sinh", "cosh", "tanh"})
_PERIODIC = frozenset({"sin", "cos", "tan", "cot", "sec", "csc"})
_SAME_NAME = ["sqrt", "log", "log10", "asin", "acos", "atan"]
_FUNCTIONS: dict[str, Callable[..., mpf]] = {
    **{name: getattr(mpmath, name) for name in (*_SAME_NAME, *_EXPONENTIAL, *_PERIODIC)},
    "log2": lambda x: mpmath.log(x, 2), "cbrt": lambda x: mpmath.sign(x) * mpmath.cbrt(abs(x)),
}  # fmt: skip
