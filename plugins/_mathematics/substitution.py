"""Systems that become one polynomial in one unknown where equations such as `y = x^3 - 2` are substituted.

sympy drops the solutions of a system that have no closed form, where others have one. The polynomial has all of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import mpmath
import sympy

from .roots import MAX_DEGREE, polynomial_roots
from .written import Solution

MIN_DEGREE = 5  # below it every root has a closed form


@dataclass(frozen=True)
class Substituted:
    """A polynomial that is zero, and the values of the other unknowns by its own."""

    polynomial: sympy.Poly
    values: Solution

    def has_closed_forms(self) -> bool:
        """Return whether sympy knows all roots of the polynomial."""
        return bool(sum(sympy.roots(self.polynomial).values()) == self.polynomial.degree())

    def solutions(self) -> list[Solution]:
        """Return the solutions, unchecked, real ones if the unknowns are real; none if the roots do not converge."""
        unknown = self.polynomial.gen
        try:
            roots = [root for root in polynomial_roots(self.polynomial) if root.is_real or not unknown.is_real]
        except mpmath.NoConvergence:
            return []
        return [{unknown: r, **{s: sympy.expand(v.subs(unknown, r)) for s, v in self.values.items()}} for r in roots]


def substituted(equations: Sequence[sympy.Expr], wanted: Sequence[sympy.Symbol]) -> Substituted | None:
    """Return what a system becomes if that is a polynomial of degree 5 to 40, else None."""
    if all(e.diff(symbol).is_number for e in equations for symbol in e.free_symbols):
        return None
    left, values = _eliminated(equations, wanted)
    unknowns = set().union(*(e.free_symbols for e in left))
    if not values or len(left) != 1 or len(unknowns) != 1 or not unknowns <= set(wanted):
        return None
    (unknown,) = unknowns
    zero = sympy.fraction(sympy.together(left[0]))[0]
    if not zero.is_polynomial(unknown) or not MIN_DEGREE <= sympy.degree(zero, unknown) <= MAX_DEGREE:
        return None
    return Substituted(sympy.Poly(zero, unknown), {s: _remainder(v, zero, unknown) for s, v in values.items()})


def _eliminated(equations: Sequence[sympy.Expr], wanted: Sequence[sympy.Symbol]) -> tuple[list[sympy.Expr], Solution]:
    """Return the equations that are left, and the values of the unknowns that are in none of them."""
    left = list(equations)
    values: Solution = {}
    while len(left) > 1 and (step := _simplest(left, wanted)):
        values = {**{symbol: value.subs(*step) for symbol, value in values.items()}, step[0]: step[1]}
        left = [e for e in (equation.subs(*step) for equation in left) if e != 0]
    return left, values


def _simplest(
    equations: Sequence[sympy.Expr], wanted: Sequence[sympy.Symbol]
) -> tuple[sympy.Symbol, sympy.Expr] | None:
    """Return an unknown that has a number as its factor in an equation, with its value.

    It is that of the fewest unknowns in the equation, then that of the fewest equations in which it is not linear.
    """
    factors = [(e, symbol, e.diff(symbol)) for e in equations for symbol in wanted if symbol in e.free_symbols]
    bends = Counter(symbol for _, symbol, factor in factors if not factor.is_number)
    linear = [(e, symbol, factor) for e, symbol, factor in factors if factor.is_number and factor != 0]
    if not linear:
        return None
    equation, symbol, factor = min(linear, key=lambda part: (len(part[0].free_symbols), bends[part[1]]))
    return symbol, -equation.subs(symbol, 0) / factor


def _remainder(value: sympy.Expr, zero: sympy.Expr, unknown: sympy.Symbol) -> sympy.Expr:
    """Return the value without multiples of the polynomial that is zero."""
    return sympy.rem(value, zero, unknown) if value.is_polynomial(unknown) else value
