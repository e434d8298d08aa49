"""A tiny evaluator for the arithmetic that the generator itself writes."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache

Number = int | float
Roots = tuple[tuple[str, tuple[Number, ...]], ...]  # the solutions by unknown

_OPERATORS = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.Pow: operator.pow,
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le,
    ast.Gt: operator.gt, ast.GtE: operator.ge,
}  # fmt: skip
_FUNCTIONS = {
    "sqrt": math.sqrt, "sin": math.sin, "cos": math.cos, "tan": math.tan, "log": math.log, "log10": math.log10,
    "exp": math.exp, "factorial": math.factorial, "abs": abs, "max": max, "min": min, "round": round,
}  # fmt: skip
_CONSTANTS = {"pi": math.pi, "e": math.e}


@lru_cache(maxsize=4096)
def _parse(expression: str) -> ast.expr:
    return ast.parse(expression.replace("^", "**"), mode="eval").body


def evaluate(expression: str, values: Mapping[str, Number] | None = None) -> Number:
    """The value of ``expression`` (``^`` is power) with the names in ``values`` filled in."""
    return _value(_parse(expression), values or {})


def evaluate_exactly(expression: str) -> Fraction:
    """The value of an expression without functions, as a fraction."""
    tree = ast.parse(expression.replace("^", "**"), mode="eval").body
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant):
            node.value = Fraction(str(node.value))
    return Fraction(_value(tree, {}))


def _value(node: ast.expr, values: Mapping[str, Number]) -> Number:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            return values[name] if name in values else _CONSTANTS[name]
        case ast.BinOp(left=left, op=op, right=right):
            return _OPERATORS[type(op)](_value(left, values), _value(right, values))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand, values)
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return _OPERATORS[type(op)](_value(left, values), _value(right, values))
        case ast.Call(func=ast.Name(id=name), args=args):
            return _FUNCTIONS[name](*(_value(arg, values) for arg in args))
    raise ValueError(f"not arithmetic: {ast.dump(node)}")


def gives_decimals(equations: str) -> bool:
    """Whether an equation solver answers in decimals: a number has a point, or numbers are divided by numbers."""
    if "." in equations:
        return True
    sides = equations.replace(";", "=").split("=")
    return any(
        isinstance(node, ast.BinOp)
        and isinstance(node.op, ast.Div)
        and not any(isinstance(part, ast.Name) for part in ast.walk(node))
        for side in sides
        for node in ast.walk(_parse(side))
    )


def tidy(value: Number) -> Number:
    """``value`` without floating point noise; whole numbers become ints."""
    if isinstance(value, float):
        value = round(value, 9)
        return int(value) if value.is_integer() and abs(value) < 1e15 else value
    return value


def rounded(value: Number) -> str:
    """``value`` as an answer gives it: whole, or with two to four decimals."""
    if isinstance(value, int):
        return str(value)
    if value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    digits = 2 if abs(value) >= 10 else 4 if abs(value) >= 0.01 else 6
    short = f"{value:.{digits}f}".rstrip("0").rstrip(".")
    return short if float(short) else f"{value:.3g}"


def solver_number(value: Number | Fraction, decimal: bool) -> str:
    """``value`` as an exact solver prints it: a fraction, or 15 significant digits for decimal equations."""
    exact = Fraction(value).limit_denominator(10000)
    return _fifteen_digits(float(exact)) if decimal else str(exact)


def _fifteen_digits(value: float) -> str:
    if value == 0:
        return "0"
    before_point = max(len(str(int(abs(value)))), 1) if abs(value) >= 1 else 0
    decimals = 15 - before_point
    if abs(value) < 1:
        decimals = 15 - (math.floor(math.log10(abs(value))) + 1)
    return f"{value:.{decimals}f}"


def solver_output(equations: str, solution: Mapping[str, Number]) -> str:
    """What an equation solver prints for equations of which one solution is known."""
    return printed(equations, roots(equations, solution))


def printed(equations: str, named: Roots) -> str:
    """What an equation solver prints, one line for each solution."""
    decimal = gives_decimals(equations)
    lines = []
    for letter, values in named:
        shown = [solver_number(value, decimal) for value in values]
        names = [letter] if len(shown) == 1 else [f"{letter}_{i}" for i in range(len(shown))]
        lines += [f"{name} = {value}" for name, value in zip(names, shown, strict=True)]
    return "\n".join(lines)


def roots(equations: str, solution: Mapping[str, Number]) -> Roots:
    """All solutions by unknown: a quadratic in one unknown has its other root added."""
    if len(solution) > 1:
        return tuple((letter, (value,)) for letter, value in solution.items())
    ((letter, value),) = solution.items()
    left, right = equations.split("=")
    at = [evaluate(left, {letter: x}) - evaluate(right, {letter: x}) for x in (0, 1, 2)]
    square = (at[2] - 2 * at[1] + at[0]) / 2
    if abs(square) < 1e-9:
        return ((letter, (value,)),)
    other = tidy(-(at[1] - at[0] - square) / square - value)
    return ((letter, tuple(sorted({value, other}))),)
