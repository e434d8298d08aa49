"""Roots of an equation in one unknown that has no closed form, to 15 digits.

A polynomial of degree 40 or less has all its roots, complex ones included. Any other equation is
sampled on both sides of zero, at distances from 0.001 to 1000, and each change of sign is narrowed
down by bisection. Roots that touch zero without crossing it, roots closer together than two samples
and complex roots are not found; the six nearest to zero are given.
"""

from __future__ import annotations

from itertools import pairwise

import sympy

SAMPLES = 60  # on each side of zero
MAX_ROOTS = 6
MAX_DEGREE = 40
DIGITS = 20
_STEPS = 70  # halvings: 1000 / 2^70 is below 15 digits of 0.001


def numeric_roots(equation: sympy.Expr, symbol: sympy.Symbol) -> list[sympy.Expr]:
    """Roots of equation = 0, real ones first and in ascending order, perhaps none."""
    if equation.is_polynomial(symbol) and sympy.degree(equation, symbol) <= MAX_DEGREE:
        roots = sympy.Poly(equation, symbol).nroots(n=DIGITS, maxsteps=200)
        return sorted(roots, key=lambda root: not root.is_real)
    return _crossings(equation, symbol)


def _crossings(equation: sympy.Expr, symbol: sympy.Symbol) -> list[sympy.Expr]:
    distances = [sympy.Float(10 ** (-3 + 6 * i / SAMPLES), DIGITS) for i in range(SAMPLES + 1)]
    points = [*(-d for d in reversed(distances)), sympy.Float(0, DIGITS), *distances]
    signs = [_sign(equation, symbol, point) for point in points]
    roots = [point for point, sign in zip(points, signs, strict=True) if sign == 0]
    if any(left == right == 0 for left, right in pairwise(signs)):
        return []  # zero along a whole interval
    for i, (left, right) in enumerate(pairwise(points)):
        sign = signs[i]
        if sign and signs[i + 1] and sign != signs[i + 1]:
            root = _bisected(equation, symbol, left, right, sign)
            if _size(equation, symbol, root) < 1e-6 * _size(equation, symbol, left):  # otherwise a pole
                roots.append(root)
    return sorted(sorted(roots, key=abs)[:MAX_ROOTS])


def _bisected(
    equation: sympy.Expr, symbol: sympy.Symbol, left: sympy.Float, right: sympy.Float, sign: int
) -> sympy.Float:
    for _ in range(_STEPS):
        middle = (left + right) / 2
        if _sign(equation, symbol, middle) == sign:
            left = middle
        else:
            right = middle
    return (left + right) / 2


def _size(equation: sympy.Expr, symbol: sympy.Symbol, point: sympy.Float) -> sympy.Expr:
    return abs(equation.subs(symbol, point).evalf(DIGITS))


def _sign(equation: sympy.Expr, symbol: sympy.Symbol, point: sympy.Float) -> int | None:
    """-1, 0 or 1; None where the equation has no real value."""
    try:
        value = equation.subs(symbol, point).evalf(DIGITS)
    except ValueError:  # mpmath at a pole
        return None
    if not value.is_real or not value.is_finite:
        return None
    return int(sympy.sign(value))
