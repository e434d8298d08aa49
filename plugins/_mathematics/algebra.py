"""The tree as a sympy expression, built node by node; exact, decimals as fractions.

sympy never sees text: names become Symbols, functions are looked up in a table, and whatever it
would work out on the spot (powers, factorials) is limited first. Importing this module imports
sympy, which takes a while: import it inside the function that needs it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce

import sympy

from moss_agent.errors import PluginError

from .tree import Call, Chain, Name, Negative, Node, Number, Power

MAX_EXPONENT = 200  # of an expression with an unknown
MAX_BITS = 40_000  # of a power of numbers
MAX_FACTORIAL = 2000
MAX_WRITTEN_BITS = 1660


class cbrt(sympy.Function):  # type: ignore[misc]  # named as solutions are written
    """The real cube root, where sympy's own of a negative number is complex."""

    @classmethod
    def eval(cls, value: sympy.Expr) -> sympy.Expr | None:
        if not value.is_number:
            return None
        return -sympy.cbrt(-value) if sympy.re(value.evalf()).is_negative else sympy.cbrt(value)

    def inverse(self, argindex: int = 1) -> Callable[[sympy.Expr], sympy.Expr]:
        return lambda value: value**3

    def _eval_is_real(self) -> bool | None:
        is_real: bool | None = self.args[0].is_real
        return is_real


CONSTANTS = {"pi": sympy.pi, "e": sympy.E}
_SAME_NAME = (
    sympy.sqrt, sympy.exp, sympy.log, sympy.sin, sympy.cos, sympy.tan, sympy.cot, sympy.sec, sympy.csc,
    sympy.asin, sympy.acos, sympy.atan, sympy.sinh, sympy.cosh, sympy.tanh,
    sympy.sign, sympy.floor, sympy.binomial, sympy.factorial, sympy.gcd, sympy.lcm,
)  # fmt: skip
_FUNCTIONS: dict[str, Callable[..., sympy.Expr]] = {
    **{function.__name__: function for function in _SAME_NAME},
    "abs": sympy.Abs, "ceil": sympy.ceiling, "min": sympy.Min, "max": sympy.Max, "remainder": sympy.Mod,
    "log2": lambda x: sympy.log(x, 2), "log10": lambda x: sympy.log(x, 10), "sum": lambda *x: sympy.Add(*x),
    "cbrt": cbrt, "radians": lambda x: x * sympy.pi / 180, "float": lambda x: x,
}  # fmt: skip
_STEPPED = frozenset({"floor", "ceil", "sign", "remainder", "gcd", "lcm"})
_UNDEFINED = (sympy.zoo, sympy.nan, sympy.oo, -sympy.oo)


def build(node: Node, symbols: Mapping[str, sympy.Symbol]) -> sympy.Expr:
    """Return the expression. Raises PluginError for a name that is no symbol, a limit, a division by zero."""
    match node:
        case Number(value):
            return sympy.Rational(value.numerator, value.denominator)
        case Name(name) if name in symbols:
            return symbols[name]
        case Name(name) if name in CONSTANTS:
            return CONSTANTS[name]
        case Name(name):
            raise PluginError(f"unknown name {name[:40]!r}")
        case Negative(operand):
            return -build(operand, symbols)
        case Power(base, exponent):
            return _power(build(base, symbols), build(exponent, symbols))
        case Call(function, arguments):
            return _call(function, [build(a, symbols) for a in arguments])
        case Chain(first, rest):
            return _chain(build(first, symbols), [(o, build(operand, symbols)) for o, operand in rest])


def is_short(value: sympy.Basic) -> bool:
    """Return whether all its numbers have at most 500 digits: longer ones may not print."""
    numbers = value.atoms(sympy.Rational)
    return all(max(n.p.bit_length(), n.q.bit_length()) <= MAX_WRITTEN_BITS for n in numbers)


def is_zero(value: sympy.Expr) -> bool:
    """Return whether a number is exactly zero, or zero to a hundred digits."""
    return value == 0 if value.is_Rational else bool(abs(value.evalf(30)) < sympy.Rational(1, 10**100))


def is_undefined(value: sympy.Basic) -> bool:
    """Return whether something in it is infinite or not a number."""
    return bool(value.has(*_UNDEFINED))


def _chain(first: sympy.Expr, rest: list[tuple[str, sympy.Expr]]) -> sympy.Expr:
    """Build a sum or product at once: one operand after the other takes quadratic time."""
    if any(operator not in ("+", "-", "*") and operand == 0 for operator, operand in rest):
        raise PluginError("division by zero")
    if rest[0][0] in "+-":
        return sympy.Add(first, *(operand if operator == "+" else -operand for operator, operand in rest))
    if all(operator in "*/" for operator, _ in rest):
        return sympy.Mul(first, *(operand if operator == "*" else 1 / operand for operator, operand in rest))
    return reduce(_multiply, rest, first)


def _multiply(left: sympy.Expr, step: tuple[str, sympy.Expr]) -> sympy.Expr:
    operator, right = step
    match operator:
        case "*":
            return left * right
        case "/":
            return left / right
        case "//":
            return _call("floor", [left / right])
        case _:
            return _call("remainder", [left, right])


def _power(base: sympy.Expr, exponent: sympy.Expr) -> sympy.Expr:
    if base == 0 and exponent.is_negative:
        raise PluginError("division by zero")
    if exponent.is_Rational:
        size = abs(exponent)
        if base.free_symbols and size > MAX_EXPONENT:
            raise PluginError(f"the exponent {str(exponent)[:40]} is beyond {MAX_EXPONENT}")
        if base.is_Rational and size * max(base.p.bit_length(), base.q.bit_length()) > MAX_BITS:
            raise PluginError(f"a power of numbers has more than {MAX_BITS} bits")
    return base**exponent


def _call(function: str, arguments: list[sympy.Expr]) -> sympy.Expr:
    is_counted = function in ("factorial", "binomial") and arguments[0].is_number
    if is_counted and not (arguments[0].is_Integer and abs(arguments[0]) <= MAX_FACTORIAL):
        raise PluginError(f"{function} of a number that is no integer up to {MAX_FACTORIAL}")
    if function in _STEPPED and any(a.free_symbols for a in arguments):
        raise PluginError(f"{function} of an unknown cannot be solved")
    if function not in _FUNCTIONS:
        raise PluginError(f"{function} cannot stand in an equation")
    if function == "log" and arguments[1:] and arguments[1] in (0, 1):
        raise PluginError(f"a logarithm has no base {arguments[1]}")
    return _FUNCTIONS[function](*arguments)
