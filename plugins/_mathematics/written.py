"""How a solution is written: as the training data has it, or marked as approximate.

Numbers are exact unless an equation itself holds a decimal, a quotient of two numbers, pi, e or a
function of a number; then they have 15 digits. A value without a short elementary closed form has `≈`
instead of `=`. Several solutions are numbered `x_0`, `x_1`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import sympy

from moss_agent.errors import PluginError

from .algebra import CONSTANTS, cbrt, is_short
from .tree import Call, Chain, Name, Node, Number, Relation, names, walk

MAX_CLOSED_FORM = 80  # characters
ROUNDING = 1e-12  # a real or imaginary part that is smaller than the other one by this is nothing
_ELEMENTARY = (
    sympy.exp, sympy.log, sympy.sin, sympy.cos, sympy.tan, sympy.cot, sympy.asin, sympy.acos, sympy.atan,
    sympy.sinh, sympy.cosh, sympy.tanh, sympy.Abs, cbrt,
)  # fmt: skip

Solution = dict[sympy.Symbol, sympy.Expr]


def solution_lines(solutions: Sequence[Solution], shown: set[str], exact: bool) -> Iterator[str]:
    """Yield a line for each shown unknown of each solution. Raises PluginError if a value cannot be written."""
    for index, solution in enumerate(solutions):
        suffix = f"_{index}" if len(solutions) > 1 else ""
        for symbol in sorted(solution, key=str):
            if symbol.name in shown:
                yield f"{symbol.name}{suffix} {_written(solution[symbol], exact)}"


def _is_closed_form(value: sympy.Expr) -> bool:
    """Return whether it is short, elementary, and without roots of complex numbers."""
    if value.is_Rational:
        return is_short(value)
    if value.has(sympy.Float) or any(p.base.has(sympy.I) for p in value.atoms(sympy.Pow)):
        return False
    return _is_elementary(value) and (bool(value.free_symbols) or len(str(value)) <= MAX_CLOSED_FORM)


def _is_elementary(value: sympy.Expr) -> bool:
    return all(isinstance(f, _ELEMENTARY) for f in value.atoms(sympy.Function, sympy.CRootOf))


def _written(value: sympy.Expr, exact: bool) -> str:
    """Return `= 3/2`, `= 1.50000000000000` or `≈ 1.16730397826142`."""
    if value.free_symbols:
        if not _is_elementary(value) or not is_short(value):
            raise PluginError("no short closed form: the solution cannot be written down")
        return f"= {value}"
    closed = _is_closed_form(value)
    if exact and closed:
        return f"= {value}"
    return f"{'=' if closed else '≈'} {_digits(value)}"


def _digits(value: sympy.Expr) -> sympy.Expr:
    """Return the value to 15 digits, without a real or imaginary part that is nothing but rounding."""
    digits = value.evalf(15)
    real, imaginary = digits.as_real_imag()
    if abs(imaginary) < ROUNDING * abs(real):
        return real
    return imaginary * sympy.I if abs(real) < ROUNDING * abs(imaginary) else digits


def is_decimal(relation: Relation, unknowns: set[str]) -> bool:
    """Return whether the training data's tool would have computed a number of the relation as a double."""
    return any(_makes_double(part, unknowns) for part in walk(relation))


def _makes_double(node: Node | Relation, unknowns: set[str]) -> bool:
    match node:
        case Number(value):
            return not isinstance(value, int)
        case Name(name):
            return name in CONSTANTS and name not in unknowns
        case Call():
            return not names(node) & unknowns
        case Chain(first, rest):
            numeric = not names(first) & unknowns
            for operator, operand in rest:
                numeric = numeric and not names(operand) & unknowns
                if numeric and operator == "/":
                    return True
    return False
