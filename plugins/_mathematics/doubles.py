"""The value of a tree as Python computes it: exact integers, otherwise doubles.

Integers stay integers under `+ - * // % ^ !`; `/` and decimals make a double. Doubles are worked
out by numexpr from text that is written here, out of numbers and the names in `_NUMEXPR` only, without
its optimization, which multiplies by 1/4.7 where 4.7 divides and so is off in the last digit.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from typing import TypeAlias

import numexpr
import numpy

from moss_agent.errors import PluginError

from .integers import INTEGER_FUNCTIONS, check_bits, whole
from .tree import Call, Chain, Name, Negative, Node, Number, Power

MAX_PLACES = 500  # that a number is rounded to

CONSTANTS = {"pi": math.pi, "e": math.e}
_SAME_NAME = ["sqrt", "exp", "log", "log10", "sin", "cos", "tan", "sinh", "cosh", "tanh"]
_NUMEXPR = {
    **{name: f"{name}({{}})" for name in _SAME_NAME},
    "asin": "arcsin({})", "acos": "arccos({})", "atan": "arctan({})",
    "cot": "(1.0/tan({}))", "sec": "(1.0/cos({}))", "csc": "(1.0/sin({}))",
}  # fmt: skip

Double: TypeAlias = int | float
_Part: TypeAlias = int | str  # an exact integer, or text for numexpr that stands for a double


def compute(node: Node) -> Double | None:
    """Return the value of a tree whose only names are constants, None if no double can hold it or a step on the way.

    Raises PluginError for an unknown name or a limit.
    """
    try:
        return _number(_reduce(node))
    except (ArithmeticError, ValueError):
        return None


def _reduce(node: Node) -> _Part:
    match node:
        case Number(int() as value):
            return value
        case Number(value):
            return _text(float(value))
        case Name(name) if name in CONSTANTS:
            return _text(CONSTANTS[name])
        case Name(name):
            raise PluginError(f"unknown name {name[:40]!r}")
        case Negative(operand):
            part = _reduce(operand)
            return -part if isinstance(part, int) else f"(-{part})"
        case Power(base, exponent):
            return _power(_reduce(base), _reduce(exponent))
        case Call(function, arguments):
            return _call(function, [_reduce(a) for a in arguments])
        case Chain(first, rest):
            return _chain(_reduce(first), [(operator, _reduce(operand)) for operator, operand in rest])


def _chain(total: _Part, rest: list[tuple[str, _Part]]) -> _Part:
    for operator, part in rest:
        if isinstance(total, int) and isinstance(part, int):
            total = _integers(operator, total, part)
        elif operator in ("//", "%"):
            left, right = _number(_closed(total)), _number(part)
            total = _text(left // right if operator == "//" else left % right)
        else:
            total = f"{_text(total)}{operator}{_text(part)}"
    return _closed(total)


def _closed(part: _Part) -> _Part:
    return part if isinstance(part, int) else f"({part})"


def _integers(operator: str, left: int, right: int) -> _Part:
    match operator:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            check_bits(left.bit_length() + right.bit_length())
            return left * right
        case "/":
            return _text(left / right)
        case "//":
            return left // right
        case _:
            return left % right


def _power(base: _Part, exponent: _Part) -> _Part:
    if isinstance(base, str) or isinstance(exponent, str):
        return f"({_text(base)}**{_text(exponent)})"
    if exponent < 0:
        return _text(base**exponent)
    if abs(base) > 1:
        check_bits(base.bit_length() * exponent)
    power: int = base**exponent
    return power


def _call(function: str, arguments: list[_Part]) -> _Part:
    if function == "log" and len(arguments) == 2:
        return _logarithm(*arguments)
    if function in _NUMEXPR:
        return _NUMEXPR[function].format(_text(arguments[0]))
    numbers = [_number(a) for a in arguments]
    if function in INTEGER_FUNCTIONS:
        return INTEGER_FUNCTIONS[function](*map(whole, numbers))
    result = _FUNCTIONS[function](*numbers)
    return result if isinstance(result, int) else _text(result)


def _logarithm(argument: _Part, base: _Part) -> _Part:
    if base in (2, 10):
        return _call(f"log{base}", [argument])
    return f"(log({_text(argument)})/log({_text(base)}))"


def _text(part: Double | str) -> str:
    """Return the part as text of a double; negative numbers in parentheses. Raises OverflowError."""
    if isinstance(part, str):
        return part
    number = float(part)
    if not math.isfinite(number):
        raise OverflowError
    return f"({number!r})" if number < 0 else repr(number)


def _number(part: _Part) -> Double:
    """Return the part's value. Raises ArithmeticError or ValueError if there is no double."""
    if isinstance(part, int):
        return part
    with numpy.errstate(all="raise", under="ignore"):
        value = numexpr.evaluate(part, local_dict={}, global_dict={}, optimization="none").item()
    if isinstance(value, complex) or not math.isfinite(value):
        raise ValueError
    return float(value) + 0.0  # -0.0 becomes 0.0


def _cube_root(value: Double) -> float:
    root = math.copysign(abs(value) ** (1 / 3), value)
    return float(round(root)) if round(root) ** 3 == value else root


def _round(value: Double, digits: Double = 0) -> Double:
    places = whole(digits)
    if abs(places) > MAX_PLACES:
        raise PluginError(f"round to more than {MAX_PLACES} places")
    return round(value, places) if places else round(value)


_FUNCTIONS: dict[str, Callable[..., Double]] = {
    "abs": abs, "floor": math.floor, "ceil": math.ceil, "round": _round,
    "min": lambda *values: min(values), "max": lambda *values: max(values),
    "sum": lambda *values: sum(values), "sign": lambda value: (value > 0) - (value < 0),
    "remainder": lambda left, right: left % right, "cbrt": _cube_root, "log2": math.log2,
    "trunc": math.trunc, "float": float, "median": lambda *values: statistics.median(values), "radians": math.radians,
}  # fmt: skip
