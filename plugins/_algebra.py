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

from ._tree import Call, Chain, Name, Negative, Node, Number, Power

MAX_EXPONENT = 200  # of an expression with an unknown
MAX_BITS = 40_000  # of a power of numbers
MAX_FACTORIAL = 2000

CONSTANTS = {"pi": sympy.pi, "e": sympy.E}
_FUNCTIONS: dict[str, Callable[..., sympy.Expr]] = {
    name: getattr(sympy, name)
    for name in (
        "sqrt cbrt exp log sin cos tan cot sec csc asin acos atan sinh cosh tanh "
        "sign floor binomial factorial gcd lcm"
    ).split()
} | {
    "abs": sympy.Abs, "ceil": sympy.ceiling, "min": sympy.Min, "max": sympy.Max, "remainder": sympy.Mod,
    "log2": lambda x: sympy.log(x, 2), "log10": lambda x: sympy.log(x, 10), "sum": lambda *x: sympy.Add(*x),
}  # fmt: skip


def build(node: Node, symbols: Mapping[str, sympy.Symbol]) -> sympy.Expr:
    """The expression. Raises PluginError for a name that is no symbol, a limit, a division by zero."""
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


def is_zero(node: Node) -> bool:
    """Whether a tree without unknowns is exactly zero, or zero to a hundred digits."""
    value = build(node, {})
    return value == 0 if value.is_Rational else bool(abs(value.evalf(30)) < sympy.Rational(1, 10**100))


def is_pole(node: Node) -> bool:
    """Whether a tree without unknowns is infinite or undefined."""
    return build(node, {}).has(*_UNDEFINED)


_UNDEFINED = (sympy.zoo, sympy.nan, sympy.oo, -sympy.oo)


def _chain(first: sympy.Expr, rest: list[tuple[str, sympy.Expr]]) -> sympy.Expr:
    if rest[0][0] in "+-":  # all at once: one term after the other takes quadratic time
        return sympy.Add(first, *(term if operator == "+" else -term for operator, term in rest))
    return reduce(_multiply, rest, first)


def _multiply(left: sympy.Expr, step: tuple[str, sympy.Expr]) -> sympy.Expr:
    operator, right = step
    if operator != "*" and right == 0:
        raise PluginError("division by zero")
    match operator:
        case "*":
            return left * right
        case "/":
            return left / right
        case "//":
            return sympy.floor(left / right)
        case _:
            return sympy.Mod(left, right)


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
    if function in ("factorial", "binomial") and arguments[0].is_number and arguments[0] > MAX_FACTORIAL:
        raise PluginError(f"{function} of a number beyond {MAX_FACTORIAL}")
    if function not in _FUNCTIONS:
        raise PluginError(f"{function} cannot stand in an equation")
    return _FUNCTIONS[function](*arguments)
