"""Closed forms of equations, by sympy, where it can be expected to find them soon.

sympy takes seconds, or minutes, to find that an equation such as `x+2^x=11` or a sum of many roots has
no closed form that anybody could read. Those are recognised here and left to numeric methods, by the
kinds of things of which the equation is a polynomial: `x` and `2^x`, or two roots.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import sympy
from sympy.functions.elementary.trigonometric import TrigonometricFunction

MAX_DEGREE = 20  # of the polynomials in one thing that are left to sympy
MAX_DEGREES = {
    frozenset({"exponential"}): MAX_DEGREE,
    frozenset({"logarithm"}): 4,
    frozenset({"trigonometric"}): 2,
    frozenset({"absolute"}): 1,
    frozenset({"unknown", "absolute"}): 2,
    frozenset({"root"}): 4,
    frozenset({"unknown", "root"}): 4,
}  # of polynomials in several things, by their kinds
MAX_ROOTS = 2  # in one equation
MAX_ROOT = 4  # the n of its nth roots


def closed_forms(equations: Sequence[sympy.Expr], wanted: Sequence[sympy.Symbol]) -> list[dict]:
    """What sympy finds, as dicts from symbols to expressions, unchecked, perhaps nothing."""
    if len(equations) == 1 and equations[0].free_symbols == set(wanted) and _is_for_numbers(equations[0], wanted[0]):
        return []
    try:
        return sympy.solve(equations, wanted, dict=True)
    except Exception:  # of any kind: all of them mean that sympy knows no closed form
        return []


def _is_for_numbers(equation: sympy.Expr, unknown: sympy.Symbol) -> bool:
    numerator = sympy.fraction(sympy.together(equation))[0]
    if not numerator.has(unknown):
        return False
    polynomial = sympy.Poly(numerator)
    degree = polynomial.total_degree()
    things = [thing for thing in polynomial.gens if thing.has(unknown)]
    kinds = {_kind(thing, unknown) for thing in things}
    if len(things) == 1:
        return degree > MAX_DEGREE or "other" in kinds
    if isinstance(sympy.factor(numerator), sympy.Mul):
        return False
    roots = [thing.exp.q for thing in things if _kind(thing, unknown) == "root"]
    return degree > MAX_DEGREES.get(frozenset(kinds), 0) or len(roots) > MAX_ROOTS or math.lcm(*roots) > MAX_ROOT


def _kind(thing: sympy.Expr, unknown: sympy.Symbol) -> str:
    """What sort of thing it is; "other" for a tower such as `x^x` or a function inside another one."""
    if thing == unknown:
        return "unknown"
    if isinstance(thing, (sympy.Pow, sympy.exp)) and thing.exp.has(unknown):
        is_tower = thing.base.has(unknown) or not thing.exp.is_polynomial(unknown)
        return "other" if is_tower else "exponential"
    if isinstance(thing, sympy.Pow) and thing.exp.is_Rational:
        return "root"
    for kind, function in _FUNCTIONS.items():
        if isinstance(thing, function):
            return kind
    return "other"


_FUNCTIONS = {"logarithm": sympy.log, "trigonometric": TrigonometricFunction, "absolute": sympy.Abs}
