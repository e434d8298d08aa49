"""Closed forms of equations, by sympy, where it finds them quickly.

sympy takes seconds, or minutes, to find that an equation such as `x+2^x=11` or a sum of many roots has
no closed form that anybody could read. Those are recognised here and left to numeric methods, by the
kinds of things of which the equation is a polynomial: `x` and `2^x`, or two roots.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import sympy
from sympy.functions.elementary.trigonometric import TrigonometricFunction

from .algebra import cbrt
from .written import Solution

MAX_DEGREE = 20  # of the polynomials in one thing that are left to sympy
MAX_FACTORED = 40  # degree of the polynomials that are factored
MAX_DEGREES = {
    frozenset({"exponential"}): MAX_DEGREE,
    frozenset({"logarithm"}): 4,
    frozenset({"trigonometric"}): 2,
    frozenset({"absolute"}): 1,
    frozenset({"unknown", "absolute"}): 2,
    frozenset({"root"}): 4,
    frozenset({"unknown", "root"}): 4,
}  # of polynomials in several things, by their kinds
MAX_THINGS = 3  # in one equation, `x` included
MAX_ROOT = 4  # the n of its nth roots


def closed_forms(equations: Sequence[sympy.Expr], wanted: Sequence[sympy.Symbol]) -> list[Solution]:
    """Return sympy's solutions, unchecked, perhaps none."""
    try:
        if len(equations) == len(wanted) == 1 and equations[0].free_symbols == set(wanted):
            return _of_one(equations[0], wanted[0])
        found: list[Solution] = sympy.solve(equations, wanted, dict=True)
        return found
    except Exception:  # of any kind: all of them mean that sympy knows no closed form
        return []


def _of_one(equation: sympy.Expr, unknown: sympy.Symbol) -> list[Solution]:
    """Solve one equation in one unknown."""
    numerator = sympy.fraction(sympy.together(equation))[0]
    if not numerator.has(unknown):
        return []
    things = [thing for thing in sympy.Poly(numerator).gens if thing.has(unknown)]
    polynomial, kinds = sympy.Poly(numerator, *things), {_kind(thing, unknown) for thing in things}
    if kinds == {"exponential"} and len(things) == polynomial.total_degree() == 1:
        return _of_exponential(polynomial, unknown)
    if _is_for_numbers(polynomial, kinds):
        return []
    found: list[Solution] = sympy.solve(equation, unknown, dict=True)
    if kinds & {"exponential", "trigonometric"}:  # periodic: their complex solutions are a few of infinitely many
        return [s for s in found if s[unknown].is_real] or found
    return found


def _of_exponential(polynomial: sympy.Poly, unknown: sympy.Symbol) -> list[Solution]:
    """Solve a*b^f(x) + c = 0 by a logarithm: sympy would take the 5730th root of 0.5^(t/5730)."""
    factor, constant = polynomial.coeff_monomial(polynomial.gen), polynomial.coeff_monomial(1)
    base, exponent = polynomial.gen.as_base_exp()
    if not base.is_positive:
        return []
    power = sympy.Dummy()
    logarithm = _logarithm(-constant / factor, base)
    return [{unknown: value.subs(power, logarithm)} for value in sympy.solve(exponent - power, unknown)]


def _logarithm(value: sympy.Expr, base: sympy.Expr) -> sympy.Expr:
    """Return log(value, base), as a fraction if it is a short one: 3/2 for 8 and 4."""
    exact = sympy.log(value, base)
    if value.is_Rational and base.is_Rational and value > 0:
        fraction = Fraction(float(exact)).limit_denominator(100)
        if base**fraction.numerator == value**fraction.denominator:
            return sympy.Rational(fraction.numerator, fraction.denominator)
    return exact


def _is_for_numbers(polynomial: sympy.Poly, kinds: set[str]) -> bool:
    """Return whether sympy would take long, for closed forms too complex to read."""
    degree = polynomial.total_degree()
    if kinds == {"unknown"}:
        return degree > MAX_FACTORED or not all(_is_plain(factor) for factor in _factors(polynomial))
    if len(polynomial.gens) == 1:
        return degree > MAX_DEGREE or "other" in kinds
    if isinstance(sympy.factor(polynomial.as_expr()), sympy.Mul):
        return False
    roots = [thing.exp.q for thing in polynomial.gens if thing.is_Pow and thing.exp.is_Rational]
    has_many = len(polynomial.gens) > MAX_THINGS and kinds != {"exponential"}
    return degree > MAX_DEGREES.get(frozenset(kinds), 0) or has_many or math.lcm(*roots) > MAX_ROOT


def _factors(polynomial: sympy.Poly) -> list[sympy.Poly]:
    return (
        [factor for factor, _ in polynomial.factor_list()[1]]
        if polynomial.domain.is_QQ or polynomial.domain.is_ZZ
        else [polynomial]
    )


def _is_plain(factor: sympy.Poly) -> bool:
    """Return whether the roots of an irreducible polynomial can be read: `x^2+x+1`, `x^5-2`, `x^4+4x^2+1`."""
    powers = [power for (power,) in factor.monoms() if power]
    is_quadratic = len(powers) == 2 and powers[0] == 2 * powers[1] <= 4
    return powers[0] <= 2 or len(powers) == 1 or is_quadratic


def _kind(thing: sympy.Expr, unknown: sympy.Symbol) -> str:
    """Classify the expression; "other" for a tower such as `x^x` or a function inside another one."""
    if thing == unknown:
        return "unknown"
    if isinstance(thing, (sympy.Pow, sympy.exp)) and thing.exp.has(unknown):
        is_tower = thing.base.has(unknown) or not thing.exp.is_polynomial(unknown)
        return "other" if is_tower else "exponential"
    if not thing.args[0].is_polynomial(unknown):
        return "other"
    is_cube_root = isinstance(thing, cbrt) and sympy.degree(thing.args[0], unknown) == 1
    if is_cube_root or (isinstance(thing, sympy.Pow) and thing.exp.is_Rational):
        return "root"
    return next((kind for kind, function in _FUNCTIONS.items() if isinstance(thing, function)), "other")


_FUNCTIONS = {"logarithm": sympy.log, "trigonometric": TrigonometricFunction, "absolute": sympy.Abs}
