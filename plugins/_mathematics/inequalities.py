"""Inequalities in one real unknown, written as `x < 2 or x >= 5`.

Not covered: several unknowns, periodic functions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import sympy
from sympy.functions.elementary.trigonometric import TrigonometricFunction

from moss_agent.errors import PluginError

from .algebra import build, cbrt, is_short, is_undefined
from .tree import Relation


def inequality(relation: Relation, symbols: Mapping[str, sympy.Symbol]) -> sympy.Basic:
    """Return `left - right symbol 0` for sympy."""
    make = {"<": sympy.Lt, "<=": sympy.Le, ">": sympy.Gt, ">=": sympy.Ge, "!=": sympy.Ne}[relation.symbol]
    difference = build(relation.left, symbols) - build(relation.right, symbols)
    if is_undefined(difference):
        raise PluginError("undefined: something in the inequality is infinite")
    return make(difference, 0)


def solved_range(conditions: Sequence[Relation], unknowns: Sequence[str]) -> list[str]:
    """Return the real numbers that meet inequalities in one unknown, such as `x < 2 or x >= 5`."""
    if len(unknowns) != 1 or any(c.symbol == "!=" for c in conditions):
        raise PluginError("inequalities are solved for one unknown only, and without !=")
    symbol = sympy.Symbol(unknowns[0], real=True)
    return [_line([inequality(condition, {symbol.name: symbol}) for condition in conditions], symbol)]


def region_lines(inequalities: Sequence[sympy.Basic]) -> Iterator[str]:
    """Yield a line for each unknown that says where it lies; each inequality has one unknown."""
    if any(len(i.free_symbols) != 1 for i in inequalities):
        raise PluginError("inequalities are solved for one unknown only")
    for unknown in sorted(set().union(*(i.free_symbols for i in inequalities)), key=str):
        symbol = sympy.Symbol(unknown.name, real=True)
        yield _line([i.subs(unknown, symbol) for i in inequalities if i.has(unknown)], symbol)


def _line(inequalities: Sequence[sympy.Basic], symbol: sympy.Symbol) -> str:
    if any(i.has(TrigonometricFunction) for i in inequalities):  # sympy would give one period only
        raise PluginError("inequalities of periodic functions are not solved")
    region = sympy.Intersection(*(_solved(i, symbol) for i in inequalities))
    if region == sympy.S.EmptySet:
        raise PluginError("no solution: no real number meets the inequality")
    if region.has(sympy.CRootOf):
        raise PluginError("the borders of the solution have no closed form")
    if not is_short(region):
        raise PluginError("the solution has numbers of more than 500 digits")
    return _region(region, str(symbol))


def _solved(inequality: sympy.Basic, symbol: sympy.Symbol) -> sympy.Set:
    roots = inequality.atoms(cbrt)
    is_continuous = bool(roots) and inequality.lhs.is_polynomial(symbol, *roots)
    return sympy.solve_univariate_inequality(inequality, symbol, relational=False, continuous=is_continuous)


def _region(region: sympy.Set, name: str) -> str:
    if isinstance(region, sympy.Union):
        return " or ".join(_region(part, name) for part in region.args)
    if isinstance(region, sympy.FiniteSet):
        return " or ".join(f"{name} = {value}" for value in region)
    if not isinstance(region, sympy.Interval):
        raise PluginError("no way is known to write the solution of this inequality")
    below, above = ("<" if region.left_open else "<="), ("<" if region.right_open else "<=")
    if region.start == -sympy.oo:
        return f"{name} {above} {region.end}" if region.end != sympy.oo else f"{name} is any real number"
    if region.end == sympy.oo:
        return f"{name} {below.replace('<', '>')} {region.start}"
    return f"{region.start} {below} {name} {above} {region.end}"
