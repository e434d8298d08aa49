"""The value of a tree without unknowns: exact integers, otherwise doubles as Python computes them.

Integers stay integers under `+ - * // % ^ !`; `/` and decimals make a double. Doubles are worked
out by numexpr from text that is written here, out of numbers and the names in `_NUMEXPR` only.
Two kinds of result are settled exactly by sympy before they are given: a tiny one that may be
nothing but rounding (`0.1+0.2-0.3`, `sin(pi)`), and a huge one that may be a pole (`tan(pi/2)`).

Not covered: complex numbers, numbers beyond the range of a double that are not integers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import numexpr
import numpy

from moss_agent.errors import PluginError

from ._tree import Call, Chain, Name, Negative, Node, Number, Power, Relation, walk

MAX_BITS = 4_000_000  # of an exact integer: 1.2 million digits
MAX_FACTORIAL = 100_000
MAX_SHOWN_DIGITS = 500
TINY, HUGE = 1e-9, 1e15

CONSTANTS = {"pi": math.pi, "e": math.e}
_NUMEXPR = {
    **{name: f"{name}({{}})" for name in ("sqrt", "exp", "log", "log10", "sin", "cos", "tan", "sinh", "cosh", "tanh")},
    "asin": "arcsin({})", "acos": "arccos({})", "atan": "arctan({})",
    "cot": "(1.0/tan({}))", "sec": "(1.0/cos({}))", "csc": "(1.0/sin({}))",
}  # fmt: skip
_POLES = frozenset({"tan", "cot", "sec", "csc"})

Value: TypeAlias = int | float
_Part: TypeAlias = int | str  # an exact integer, or text for numexpr that stands for a double


def evaluate(node: Node) -> Value:
    """The value of a tree whose only names are constants. Raises PluginError if there is none."""
    try:
        value = _number(_reduce(node))
        return _settled(node, value) if _is_doubtful(node, value) else value
    except ZeroDivisionError:
        raise PluginError("division by zero") from None
    except (OverflowError, FloatingPointError, ValueError) as error:
        if isinstance(error, OverflowError) or "overflow" in str(error):
            raise PluginError("a number is too large for a double") from None
        raise PluginError("undefined: outside the domain of a function") from None


def holds(relation: Relation) -> bool:
    """Whether the relation is true; doubles that differ by rounding only are equal."""
    difference = evaluate(Chain(relation.left, (("-", relation.right),)))
    return {
        "=": difference == 0, "!=": difference != 0, "<": difference < 0,
        "<=": difference <= 0, ">": difference > 0, ">=": difference >= 0,
    }[relation.symbol]  # fmt: skip


def show(value: Value) -> str:
    """The value as Python prints it; an integer of more than 500 digits by its first 18 digits."""
    if isinstance(value, float) or abs(value) < 10**MAX_SHOWN_DIGITS:
        return str(value)
    sign, size = "-" if value < 0 else "", abs(value)
    power = int((size.bit_length() - 1) * math.log10(2))
    power += size >= 10 ** (power + 1)
    digits = str(size // 10 ** (power - 17))
    return f"{sign}{digits[0]}.{digits[1:]}e+{power} (an integer of {power + 1} digits)"


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
            total = _exact(operator, total, part)
        elif operator in ("//", "%"):
            left, right = _number(_closed(total)), _number(part)
            total = _text(left // right if operator == "//" else left % right)
        else:
            total = f"{_text(total)}{operator}{_text(part)}"
    return _closed(total)


def _closed(part: _Part) -> _Part:
    return part if isinstance(part, int) else f"({part})"


def _exact(operator: str, left: int, right: int) -> _Part:
    match operator:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            _check_bits(left.bit_length() + right.bit_length())
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
        _check_bits(base.bit_length() * exponent)
    return base**exponent


def _check_bits(bits: int) -> None:
    if bits > MAX_BITS:
        raise PluginError(f"an integer would have more than {int(MAX_BITS * math.log10(2))} digits")


def _call(function: str, arguments: list[_Part]) -> _Part:
    if function == "log" and len(arguments) == 2:
        return _logarithm(*arguments)
    if function in _NUMEXPR:
        return _NUMEXPR[function].format(_text(arguments[0]))
    result = _FUNCTIONS[function](*(_number(a) for a in arguments))
    return result if isinstance(result, int) else _text(result)


def _logarithm(argument: _Part, base: _Part) -> _Part:
    if base in (2, 10):
        return _call(f"log{base}", [argument])
    return f"(log({_text(argument)})/log({_text(base)}))"


def _text(part: Value | str) -> str:
    """The part as text of a double; negative numbers in parentheses. Raises OverflowError."""
    if isinstance(part, str):
        return part
    number = float(part)
    if not math.isfinite(number):
        raise OverflowError
    return f"({number!r})" if number < 0 else repr(number)


def _number(part: _Part) -> Value:
    """The part's value. Raises PluginError for a complex number, OverflowError beyond doubles."""
    if isinstance(part, int):
        return part
    with numpy.errstate(all="raise", under="ignore"):
        value = numexpr.evaluate(part, local_dict={}, global_dict={}).item()
    if isinstance(value, complex):
        raise PluginError("the result is not a real number: a negative number to a fractional power")
    if not math.isfinite(value):
        raise OverflowError
    return float(value) + 0.0  # -0.0 becomes 0.0


def _integer(value: Value) -> int:
    if value != int(value):
        raise PluginError(f"{value} should be an integer")
    return int(value)


def _factorial(value: Value) -> int:
    number = _integer(value)
    if not 0 <= number <= MAX_FACTORIAL:
        raise PluginError(f"factorial of a number outside 0 to {MAX_FACTORIAL}")
    return math.factorial(number)


def _binomial(above: Value, below: Value) -> int:
    if abs(above) > MAX_FACTORIAL:
        raise PluginError(f"binomial of a number beyond {MAX_FACTORIAL}")
    return math.comb(_integer(above), _integer(below))


def _cube_root(value: Value) -> float:
    root = math.copysign(abs(value) ** (1 / 3), value)
    return float(round(root)) if round(root) ** 3 == value else root


def _round(value: Value, digits: Value = 0) -> Value:
    places = _integer(digits)
    if abs(places) > MAX_SHOWN_DIGITS:
        raise PluginError(f"round to more than {MAX_SHOWN_DIGITS} places")
    return round(value, places) if places else round(value)


def _lcm(*values: Value) -> int:
    _check_bits(sum(_integer(v).bit_length() for v in values))
    return math.lcm(*map(_integer, values))


_FUNCTIONS: dict[str, Callable[..., Value]] = {
    "abs": abs, "floor": math.floor, "ceil": math.ceil, "round": _round,
    "min": lambda *values: min(values), "max": lambda *values: max(values),
    "factorial": _factorial, "binomial": _binomial, "lcm": _lcm,
    "gcd": lambda *values: math.gcd(*map(_integer, values)),
    "sum": lambda *values: sum(values), "sign": lambda value: (value > 0) - (value < 0),
    "remainder": lambda left, right: left % right, "cbrt": _cube_root, "log2": math.log2,
}  # fmt: skip


def _is_doubtful(node: Node, value: Value) -> bool:
    """A tiny double that is a difference or a function value, or a huge one near a pole."""
    if isinstance(value, int):
        return False
    if abs(value) > HUGE:
        return any(isinstance(part, Call) and part.function in _POLES for part in walk(node))
    return 0 < abs(value) < TINY and any(_may_cancel(part) for part in walk(node))


def _may_cancel(node: Node | Relation) -> bool:
    return isinstance(node, Call) or (isinstance(node, Chain) and any(o in "+-%" for o, _ in node.rest))


def _settled(node: Node, value: float) -> float:
    """`value`, or 0.0 if the exact value is zero. Raises PluginError at a pole."""
    from ._algebra import is_undefined, is_zero, try_build

    exact = try_build(node)
    if exact is None:
        return value
    if is_undefined(exact):
        raise PluginError("undefined: the exact value is infinite")
    return 0.0 if is_zero(exact) else value
