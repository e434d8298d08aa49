"""Relations to lines such as `x = 26`: solved by sympy, checked by substitution, written out.

Everything is worked out exactly, decimals as fractions; how it is written is in `written.py`. Where
there is no closed form, `roots.py` finds numbers, for systems with `substitution.py`. Several solutions come
in sympy's order.

Not covered: all solutions of a periodic equation (sympy gives a principal set).
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import sympy
from mpmath import mpf

from moss_agent.errors import PluginError

from .algebra import build, is_undefined, is_zero
from .closed_forms import closed_forms
from .inequalities import inequality, region_lines, solved_range
from .roots import DIGITS, MAX_DEGREE, numeric_roots, polynomial_roots
from .substitution import substituted
from .tree import Call, Relation, names, walk
from .written import Solution, is_decimal, solution_lines

STEP = sympy.Rational(1, 10**6)
_REAL = frozenset({"abs", "cbrt", "min", "max"})


@dataclass(frozen=True)
class _Equation:
    """residual = left - right of the relation, which is zero."""

    relation: Relation
    residual: sympy.Expr


def solve_relations(relations: Sequence[Relation], unknowns: Sequence[str], asked: Sequence[str] = ()) -> list[str]:
    """Return the solution lines for `asked`, or for all `unknowns` that are determined.

    Raises PluginError if there is no solution, if every value is one, or if none was found.
    """
    try:
        return _solved(relations, _symbols(relations, unknowns), asked)
    except PluginError:
        raise
    except Exception as error:  # sympy fails in many ways on what it does not know
        raise PluginError(f"no way is known to solve this ({type(error).__name__})") from error


def _solved(relations: Sequence[Relation], symbols: dict[str, sympy.Symbol], asked: Sequence[str]) -> list[str]:
    conditions = [r for r in relations if r.symbol != "="]
    if len(conditions) == len(relations):
        return solved_range(conditions, list(symbols))
    equations = list(_equations(relations, symbols))
    if not equations:
        raise PluginError("the equations hold for every value of the unknowns")
    order = [symbols[n] for n in sorted(symbols, key=lambda name: (name not in asked, name not in "xyz", name))]
    exact = not any(is_decimal(r, set(symbols)) for r in relations)
    solutions = _solutions(equations, order, max(len(equations), len(asked)))
    if "I" in symbols and not all(map(_is_real, solutions)):
        raise PluginError("I is an unknown here, and the solution is complex: name it differently")
    inequalities = [inequality(c, symbols) for c in conditions]
    return list(_meeting(inequalities, solutions, set(asked or symbols), exact))


def _symbols(relations: Sequence[Relation], unknowns: Sequence[str]) -> dict[str, sympy.Symbol]:
    """Return symbols in alphabetical order, real ones if a function of them needs that, as in `|x - 3| = 5`."""
    calls = [node for relation in relations for node in walk(relation) if isinstance(node, Call)]
    real = True if any(c.function in _REAL and names(c) & set(unknowns) for c in calls) else None
    return {name: sympy.Symbol(name, real=real) for name in sorted(unknowns)}


def _equations(relations: Sequence[Relation], symbols: dict[str, sympy.Symbol]) -> Iterator[_Equation]:
    """Yield the equations that are not trivially true."""
    for relation in relations:
        if relation.symbol != "=":
            continue
        residual = build(relation.left, symbols) - build(relation.right, symbols)
        if is_undefined(residual):
            raise PluginError("undefined: something in the equation is infinite")
        if residual.free_symbols:
            if not _is_identity(residual):
                yield _Equation(relation, residual)
        elif not is_zero(residual):
            raise PluginError("no solution: the equations contradict each other")


def _solutions(equations: Sequence[_Equation], order: Sequence[sympy.Symbol], first: int) -> list[Solution]:
    """Find at least one solution, each checked: for the first unknowns by the others, else for any unknowns."""
    residuals = [e.residual for e in equations]
    wanted = order[:first]
    polynomial = substituted(residuals, wanted)
    numbers = _checked(polynomial.solutions(), residuals) if polynomial else []
    if polynomial and numbers and not polynomial.has_closed_forms():
        return numbers
    found = max(_checked(closed_forms(residuals, wanted), residuals), numbers, key=len)
    if not found and len(wanted) < len(order):
        found = _checked(closed_forms(residuals, order), residuals)
    if not found and len(residuals) == len(order):
        found = _checked(_numbers(equations, order), residuals)
    if not found and all(r.is_polynomial(*order) and sympy.Poly(r, *order).is_linear for r in residuals):
        raise PluginError("no solution: the equations contradict each other")
    if not found:
        raise PluginError("no solution was found: the equations may contradict each other or have no closed form")
    return found


def _numbers(equations: Sequence[_Equation], wanted: Sequence[sympy.Symbol]) -> list[Solution]:
    if len(wanted) == 1 and equations[0].residual.is_polynomial(wanted[0]):
        polynomial = sympy.Poly(equations[0].residual, wanted[0])
        if polynomial.degree() <= MAX_DEGREE:
            return [{wanted[0]: root} for root in polynomial_roots(polynomial)]
    symbols = {symbol.name: symbol for symbol in wanted}
    roots = numeric_roots([e.relation for e in equations], list(symbols))
    return [{symbols[name]: _number(value) for name, value in root.items()} for root in roots]


def _number(value: Fraction | mpf) -> sympy.Expr:
    if isinstance(value, Fraction):
        return sympy.Rational(value.numerator, value.denominator)
    return sympy.Float(value, DIGITS)


def _checked(solutions: Sequence[Solution], residuals: Sequence[sympy.Expr]) -> list[Solution]:
    checked: list[Solution] = []
    for solution in solutions:
        if solution and solution not in checked and all(_satisfies(solution, r) for r in residuals):
            checked.append(solution)
    return checked


def _satisfies(solution: Solution, residual: sympy.Expr) -> bool:
    """Return whether the residual is zero there, whatever the parameters are.

    It is if it is at most a millionth of what it is a millionth further on: so near is the next number of 12 digits.
    """
    exact = residual.subs(solution)
    here = _number_at(exact, samples := _samples(exact))
    if here is None or here == 0:
        return here == 0
    steps = {symbol: value * (1 + STEP * i) for i, (symbol, value) in enumerate(solution.items(), 1)}
    beyond = _number_at(residual.subs(steps), samples)
    return beyond is not None and bool(abs(here) <= STEP * abs(beyond))


def _is_identity(residual: sympy.Expr) -> bool:
    """Return whether the residual is zero for any values, to 12 digits of its largest term."""
    return all(_is_zero_at(residual, _samples(residual, factor)) for factor in (1, -1, 30, -30))


def _is_zero_at(residual: sympy.Expr, samples: Mapping[sympy.Symbol, sympy.Expr]) -> bool:
    found = [_number_at(term, samples) for term in sympy.Add.make_args(residual)]
    terms = [term for term in found if term is not None]
    if len(terms) < len(found):
        return False
    return bool(abs(sympy.Add(*terms)) <= STEP**2 * max(abs(term) for term in terms))


def _samples(expression: sympy.Expr, factor: int = 1) -> dict[sympy.Symbol, sympy.Float]:
    """Choose odd values for the symbols, 1 to 10 times the factor: hardly anything is zero by chance."""
    values = random.Random(1)
    symbols = sorted(expression.free_symbols, key=str)
    return {symbol: factor * sympy.Float(values.uniform(1, 10), 30) for symbol in symbols}


def _number_at(expression: sympy.Expr, values: Mapping[sympy.Symbol, sympy.Expr]) -> sympy.Expr | None:
    """Evaluate to 30 digits; None if there is no value."""
    number = expression.subs(values).evalf(30)
    return number if number.is_number and number.is_finite else None


def _is_real(solution: Solution) -> bool:
    return not any(value.has(sympy.I) for value in solution.values())


def _meeting(
    inequalities: Sequence[sympy.Basic], solutions: Sequence[Solution], shown: set[str], exact: bool
) -> Iterator[str]:
    """Yield the lines of the solutions that meet the inequalities, and what these still say of other unknowns."""
    left = [(s, [i.subs(s) for i in inequalities]) for s in solutions if not inequalities or _is_real(s)]
    kept = [(s, conditions) for s, conditions in left if sympy.false not in conditions]
    if not kept:
        raise PluginError("no solution meets the inequalities")
    yield from solution_lines([s for s, _ in kept], shown, exact)
    conditions = {c for _, conditions in kept for c in conditions} - {sympy.true}
    if conditions and len(kept) > 1:
        raise PluginError("the inequalities hold for some of the solutions only, depending on other unknowns")
    yield from region_lines(sorted(conditions, key=str))
