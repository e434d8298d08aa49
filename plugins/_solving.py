"""Relations to lines such as `x = 26`: solved by sympy, checked by substitution, written out.

Everything is worked out exactly, decimals as fractions. Numbers are written as the training data
has them: exactly, unless an equation itself holds a decimal, a quotient of two numbers, pi, e or a
function of a number; then as 15 digits. Where a value has no short elementary closed form, all are
written with `≈` instead of `=`. Several solutions are numbered `x_0`, `x_1` in sympy's order.

Not covered: all solutions of a periodic equation (sympy gives a principal set), numeric solutions
of systems that have no closed form.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import sympy

from moss_agent.errors import PluginError

from ._algebra import CONSTANTS, build, is_short, is_undefined, is_zero
from ._inequalities import inequality, solved_range
from ._roots import numeric_roots
from ._tree import Call, Chain, Name, Node, Number, Relation, names, walk

MAX_CLOSED_FORM = 80  # characters
MAX_DEGREE = 20  # of the polynomials that are left to sympy
MAX_ROOT = 10  # the n of the nth roots that are left to sympy
TOLERANCE = 1e-12
_REAL = frozenset({"abs", "min", "max"})
_ELEMENTARY = (
    sympy.exp, sympy.log, sympy.sin, sympy.cos, sympy.tan, sympy.cot, sympy.asin, sympy.acos, sympy.atan,
    sympy.sinh, sympy.cosh, sympy.tanh, sympy.Abs,
)  # fmt: skip

Solution = dict[sympy.Symbol, sympy.Expr]


def solve_relations(relations: Sequence[Relation], unknowns: Sequence[str], asked: Sequence[str] = ()) -> list[str]:
    """The solution lines for `asked`, or for all `unknowns` that are determined.

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
    equations = list(_residuals([r for r in relations if r.symbol == "="], symbols))
    if not equations:
        raise PluginError("the equations hold for every value of the unknowns")
    order = sorted(symbols, key=lambda name: (name not in asked, name))
    wanted = [symbols[name] for name in (order[: max(len(equations), len(asked))] if asked else order)]
    solutions = _meeting(conditions, _solutions(equations, wanted), symbols)
    exact = not any(_is_decimal(r, set(symbols)) for r in relations)
    return list(_lines(solutions, set(asked or symbols), exact))


def _symbols(relations: Sequence[Relation], unknowns: Sequence[str]) -> dict[str, sympy.Symbol]:
    """Symbols in alphabetical order; real ones if a function asks for that, as `|x - 3| = 5` does."""
    calls = {node.function for relation in relations for node in walk(relation) if isinstance(node, Call)}
    real = True if calls & _REAL else None
    return {name: sympy.Symbol(name, real=real) for name in sorted(unknowns)}


def _residuals(relations: list[Relation], symbols: dict[str, sympy.Symbol]) -> Iterator[sympy.Expr]:
    """left - right of each equation that says something."""
    for relation in relations:
        residual = build(relation.left, symbols) - build(relation.right, symbols)
        if is_undefined(residual):
            raise PluginError("undefined: something in the equation is infinite")
        if residual.free_symbols:
            if not _satisfies({}, residual):  # otherwise an identity
                yield residual
        elif not is_zero(residual):
            raise PluginError("no solution: the equations contradict each other")


def _solutions(equations: list[sympy.Expr], wanted: list[sympy.Symbol]) -> list[Solution]:
    """At least one solution, each checked."""
    is_single = len(equations) == len(wanted) == 1 and equations[0].free_symbols == set(wanted)
    found = [] if is_single and _is_for_numbers(equations[0], wanted[0]) else _closed_forms(equations, wanted)
    checked = [s for s in found if s and all(_satisfies(s, e) for e in equations)]
    if not checked and is_single:
        checked = [{wanted[0]: root} for root in numeric_roots(equations[0], wanted[0])]
    if not checked and all(e.is_polynomial(*wanted) and sympy.Poly(e, *wanted).is_linear for e in equations):
        raise PluginError("no solution: the equations contradict each other")
    if not checked:
        raise PluginError("no solution was found: the equations may contradict each other or have no closed form")
    return checked


def _is_for_numbers(equation: sympy.Expr, symbol: sympy.Symbol) -> bool:
    """Whether sympy would take long over closed forms that nobody can read."""
    if equation.is_polynomial(symbol):
        return bool(sympy.degree(equation, symbol) > MAX_DEGREE)
    powers = equation.atoms(sympy.Pow)  # x^2.37 would become an equation of degree 237
    return any(p.base.has(symbol) and p.exp.is_Rational and p.exp.q > MAX_ROOT for p in powers)


def _closed_forms(equations: list[sympy.Expr], wanted: list[sympy.Symbol]) -> list[Solution]:
    """What sympy finds, perhaps nothing."""
    try:
        return sympy.solve(equations, wanted, dict=True)
    except Exception:  # of any kind: all of them mean that sympy knows no closed form
        return []


def _satisfies(solution: Solution, equation: sympy.Expr) -> bool:
    """Whether the equation holds, to 12 digits of its largest term, parameters at sample values."""
    terms = [term.subs(solution) for term in sympy.Add.make_args(equation)]
    parameters = sorted(set().union(*(t.free_symbols for t in terms)), key=str)
    samples = {p: sympy.Rational(7 + 2 * i, 3) for i, p in enumerate(parameters)}
    values = [term.subs(samples).evalf(30) for term in terms]
    if not all(v.is_number and v.is_finite for v in values):
        return False
    return bool(abs(sympy.Add(*values)) <= TOLERANCE * (1 + max(abs(v) for v in values)))


def _meeting(conditions: list[Relation], solutions: list[Solution], symbols: dict[str, sympy.Symbol]) -> list[Solution]:
    """The solutions that meet the inequalities beside the equations."""
    kept = [s for s in solutions if all(inequality(c, symbols).subs(s) == True for c in conditions)]  # noqa: E712
    if not kept:
        raise PluginError("no solution meets the inequalities")
    return kept


def _lines(solutions: list[Solution], shown: set[str], exact: bool) -> Iterator[str]:
    closed = all(_is_closed_form(value) for solution in solutions for value in solution.values())
    for index, solution in enumerate(solutions):
        suffix = f"_{index}" if len(solutions) > 1 else ""
        for symbol in sorted(solution, key=str):
            if symbol.name in shown:
                yield f"{symbol.name}{suffix} {_written(solution[symbol], exact, closed)}"


def _is_closed_form(value: sympy.Expr) -> bool:
    """Short, elementary, and without real numbers in complex disguise (a root of a complex number)."""
    if value.is_Rational:
        return is_short(value)
    if value.has(sympy.Float) or any(p.base.has(sympy.I) for p in value.atoms(sympy.Pow)):
        return False
    return _is_elementary(value) and (bool(value.free_symbols) or len(str(value)) <= MAX_CLOSED_FORM)


def _is_elementary(value: sympy.Expr) -> bool:
    return all(isinstance(f, _ELEMENTARY) for f in value.atoms(sympy.Function, sympy.CRootOf))


def _written(value: sympy.Expr, exact: bool, closed: bool) -> str:
    """`= 3/2`, `= 1.50000000000000` or `≈ 1.16730397826142`."""
    if value.free_symbols:
        if not _is_elementary(value) or not is_short(value):
            raise PluginError("no short closed form: the solution cannot be written down")
        return f"= {value}"
    if exact and closed:
        return f"= {value}"
    return f"{'=' if closed else '≈'} {_digits(value)}"


def _digits(value: sympy.Expr) -> sympy.Expr:
    """The value to 15 digits, without a real or imaginary part that is nothing but rounding."""
    digits = value.evalf(15)
    real, imaginary = digits.as_real_imag()
    if abs(imaginary) < TOLERANCE * abs(real):
        return real
    return imaginary * sympy.I if abs(real) < TOLERANCE * abs(imaginary) else digits


def _is_decimal(relation: Relation, unknowns: set[str]) -> bool:
    """Whether the training data's tool would have computed a number of the relation as a double."""
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
