"""Numeric solutions of equations that have no closed form, to 20 digits; trees in, fractions and floats out.

One polynomial of degree 40 or less has all its roots, complex ones included. Any other equation in one
unknown is sampled at both sides of zero, at distances from 0.001 to 1000: a change of sign is narrowed
down by bisection, a dip towards zero by golden section. Systems are solved by Newton's method from
points that are always the same. The `MAX_ROOTS` solutions nearest to zero are given; roots closer together
than two samples and complex roots are not found.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from itertools import islice, pairwise

import mpmath
import sympy
from mpmath import mpf

from moss_agent.errors import PluginError

from .exact import rounded, value_at
from .tree import Chain, Relation

SAMPLES = 180  # on each side of zero
STARTS = 16  # of Newton's method
MAX_ROOTS = 6
MAX_DEGREE = 40
DIGITS = 20
_WORKING = 40  # digits while it is computed
_STEPS = 120  # halvings: 1000 / 2^120 is below 20 digits of 0.001
_BESIDE = mpf(10) ** -9  # how far from a root the next one is looked for
_GOLDEN = 0.6180339887498949
_NOTHING = mpf(10) ** -30  # of an equation's size: what is smaller is zero

_Function = Callable[[mpf], mpf | None]  # None where the equation has no real value


def polynomial_roots(polynomial: sympy.Poly) -> list[sympy.Expr]:
    """Return all roots of a polynomial in one unknown, real ones first; rational ones are exact."""
    exact: list[sympy.Expr] = []
    if polynomial.domain.is_QQ or polynomial.domain.is_ZZ:
        polynomial = polynomial.sqf_part()
        exact = list(polynomial.ground_roots())
        for root in exact:
            polynomial = polynomial.quo(sympy.Poly(polynomial.gen - root, polynomial.gen))
    else:
        polynomial = sympy.Poly(polynomial.as_expr().evalf(2 * DIGITS), polynomial.gen)
    found = [*exact, *map(_neat_complex, polynomial.nroots(n=DIGITS, maxsteps=200) if polynomial.degree() else [])]
    return sorted(found, key=lambda root: (not root.is_real, *root.as_real_imag()))


def numeric_roots(equations: Sequence[Relation], unknowns: Sequence[str]) -> list[dict[str, Fraction | mpf]]:
    """Return real solutions of as many equations as unknowns, in ascending order, perhaps none."""
    with mpmath.workdps(_WORKING):
        if len(unknowns) == 1:
            found = [(root,) for root in islice(_zeros(_residual(equations[0], unknowns)), MAX_ROOTS)]
        else:
            found = _newton([_residual(equation, unknowns) for equation in equations], len(unknowns))
        return [dict(zip(unknowns, map(_neat, root), strict=True)) for root in sorted(found)]


def _residual(equation: Relation, unknowns: Sequence[str]) -> Callable[..., mpf | None]:
    difference = Chain(equation.left, (("-", equation.right),))

    def at(*values: mpf) -> mpf | None:
        try:
            return rounded(value_at(difference, dict(zip(unknowns, values, strict=True))))
        except (PluginError, ArithmeticError, ValueError):
            return None

    return at


def _zeros(function: _Function) -> Iterator[mpf]:
    """Yield zeros of the function, beginning near 0."""
    distances = [mpf(10) ** (mpf(-3) + mpf(6 * i) / SAMPLES) for i in range(SAMPLES + 1)]
    points = [*(-d for d in reversed(distances)), mpf(0), *distances]
    values = [function(point) for point in points]
    if any(left == right == 0 for left, right in pairwise(values)):
        return  # zero along a whole interval
    for i in sorted(range(1, len(points) - 1), key=lambda i: abs(points[i])):
        before, here, after = values[i - 1 : i + 2]
        if here == 0:
            yield points[i]
            here = function(points[i] + _BESIDE * (1 + abs(points[i])))
        if here is None:
            continue
        if after and (here > 0) != (after > 0):
            yield from _checked(function, _bisected(function, points[i], points[i + 1]), here)
        elif before and after and (before > 0) == (here > 0) and abs(before) > abs(here) < abs(after):
            yield from _checked(function, _lowest(function, points[i - 1], points[i + 1]), before)


def _checked(function: _Function, root: mpf, beside: mpf) -> Iterator[mpf]:
    """Yield the root, if the function is small there and not at a pole or a jump."""
    value = function(root)
    if value is not None and abs(value) <= mpf(10) ** -DIGITS * (1 + abs(beside)):
        yield root


def _bisected(function: _Function, left: mpf, right: mpf) -> mpf:
    at_left = function(left)
    is_positive = at_left is not None and at_left > 0
    for _ in range(_STEPS):
        middle = (left + right) / 2
        value = function(middle)
        if value is not None and (value > 0) == is_positive:
            left = middle
        else:
            right = middle
    return (left + right) / 2


def _lowest(function: _Function, left: mpf, right: mpf) -> mpf:
    """Minimise the function's absolute value by golden section."""

    def size(point: mpf) -> mpf:
        value = function(point)
        return mpf("inf") if value is None else abs(value)

    for _ in range(_STEPS):
        inner, outer = right - _GOLDEN * (right - left), left + _GOLDEN * (right - left)
        if size(inner) < size(outer):
            right = outer
        else:
            left = inner
    return (left + right) / 2


def _newton(functions: Sequence[_Function], unknowns: int) -> list[tuple[mpf, ...]]:
    """Return solutions that Newton's method finds from fixed points around zero."""

    def values(*point: mpf) -> list[mpf]:
        found = [function(*point) for function in functions]
        if any(value is None for value in found):
            raise ValueError
        return found

    places = random.Random(1)
    roots: list[tuple[mpf, ...]] = []
    for _ in range(STARTS):
        start = [mpf(places.choice((-1, 1, 1)) * 10 ** places.uniform(-1, 1.5)) for _ in range(unknowns)]
        try:
            root = tuple(mpmath.findroot(values, start, solver="mdnewton", tol=_NOTHING, maxsteps=15))
        except (ValueError, ZeroDivisionError, TypeError, PluginError):  # singular, outside a domain, diverging
            continue
        if not any(
            max(abs(a - b) for a, b in zip(root, other, strict=True)) < _NOTHING ** mpf("0.4") for other in roots
        ):
            roots.append(root)
    return roots


def _neat_complex(root: sympy.Expr) -> sympy.Expr:
    """Return the root with short fractions for its parts, such as -1 and 1 in `-1 + I`."""
    parts = [_neat(mpf(str(part))) for part in root.as_real_imag()]
    if any(isinstance(part, mpf) for part in parts):
        return root
    real, imaginary = (sympy.Rational(part.numerator, part.denominator) for part in parts)
    return real + imaginary * sympy.I


def _neat(root: mpf) -> Fraction | mpf:
    """Return the root as a short fraction if it is one to 20 digits."""
    scale = 10 ** (DIGITS + 10)
    nearest = Fraction(int(mpmath.nint(root * scale)), scale).limit_denominator(1000)
    if abs(root - rounded(nearest)) < mpf(10) ** -DIGITS * (1 + abs(root)):
        return nearest
    return root
