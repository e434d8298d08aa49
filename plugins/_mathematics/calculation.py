"""A calculator's argument from text to text: assignments, comparisons, one expression, or equations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import partial
from itertools import islice

from moss_agent.errors import PluginError

from .dates import with_days
from .doubles import CONSTANTS
from .exact import exact
from .python_text import spelled_out
from .reading import read_calculation
from .tokens import MAX_LENGTH
from .tree import PI, Name, Node, Number, Relation, Statement, names, replaced, walk
from .units import may_be_beside_units
from .values import evaluate, holds, show

MAX_NODES = 2000  # of the expression that a name stands for: names in it multiply it


def calculated(text: str) -> str:
    """Return the result of the argument. Raises PluginError naming the token or the limit that is in the way."""
    if len(text) > MAX_LENGTH:
        raise PluginError(f"the argument has {len(text)} characters, the limit is {MAX_LENGTH}")
    statements, has_units = read_calculation(with_days(spelled_out(text, _inner)))
    values, rights, rest = _assigned(statements)
    worth = {name: partial(_worth, right, values) for name, right in rights.items()}
    asked = [s.name for s in statements if isinstance(s, Name)]
    if not rest or (len(rest) == len(asked) > 1 and worth.keys() >= set(asked)):
        asked = asked or _unused(rights)
        return worth[asked[0]]() if len(asked) == 1 else "; ".join(f"{name} = {worth[name]()}" for name in asked)
    relations = [s for s in rest if isinstance(s, Relation)]
    if unknown := sorted(set().union(*map(names, rest)) - CONSTANTS.keys()):
        has_expression = len(rest) > len(relations) + len(asked)
        if has_expression or len(relations) < len(unknown) or (has_units and not may_be_beside_units(unknown)):
            raise PluginError(f"unknown name {unknown[0][:40]!r}")
        given = [name for name in rights if (name in asked if asked else name not in CONSTANTS)]
        lines = _solved(relations, unknown, asked)
        return "; ".join([*(f"{name} = {worth[name]()}" for name in given), *lines])
    expressions = [s for s in rest if not isinstance(s, Relation)]
    if not expressions:
        return str(all(holds(relation) for relation in relations))
    if len(rest) > 1:
        raise PluginError(f"{len(rest)} expressions: give one at a time")
    return show(evaluate(expressions[0]))


def _inner(expression: str) -> str:
    """Return what one expression inside Python code is worth, as text."""
    (statement, *others), _ = read_calculation(expression)
    if others or isinstance(statement, Relation):
        raise PluginError(f"{expression[:40]!a} is not one expression")
    return show(evaluate(statement))


def _assigned(statements: Sequence[Statement]) -> tuple[dict[str, Node], dict[str, Node], list[Statement]]:
    """Return values of assignments `name = number`, their right sides as written, and the rest, values put in."""
    values: dict[str, Node] = {}
    rights: dict[str, Node] = {}
    rest = list(statements)
    pi_too = len(statements) > 1
    relations = [s for s in rest if isinstance(s, Relation)]
    while found := next(((s, v) for s in relations if (v := _assignment(s, values, pi_too))), None):
        relations.remove(found[0])
        rest.remove(found[0])
        values.update(found[1])
        rights.update(dict.fromkeys(found[1], found[0].right))
    return values, rights, [_with_values(statement, values) for statement in rest]


def _worth(right: Node, values: Mapping[str, Node]) -> str:
    return show(evaluate(replaced(right, values)))


def _unused(rights: Mapping[str, Node]) -> list[str]:
    """Return the names that no other is worked out from: what several assignments are about."""
    used = set().union(*map(names, rights.values()))
    return [name for name in rights if name not in used]


def _assignment(statement: Relation, values: Mapping[str, Node], pi_too: bool) -> dict[str, Node]:
    """Return the name and its value, if the statement is an assignment; pi_too: to pi as well."""
    if statement.symbol != "=" or not isinstance(statement.left, Name):
        return {}
    name, right = statement.left.name, replaced(statement.right, values)
    if name in values or names(right) - CONSTANTS.keys() or (statement.left == PI and not pi_too):
        return {}
    return {name: _value(right)}


def _with_values(statement: Statement, values: Mapping[str, Node]) -> Statement:
    if isinstance(statement, Relation):
        left, right = replaced(statement.left, values), replaced(statement.right, values)
        return Relation(statement.symbol, left, right)
    return replaced(statement, values)


def _value(node: Node) -> Node:
    """Return what a name stands for: a rational number, or the node itself where its value is irrational."""
    value = evaluate(node)
    if isinstance(value, int):
        return Number(value)
    if isinstance(sure := exact(node), Fraction):
        return Number(sure)
    if next(islice(walk(node), MAX_NODES, None), None):
        raise PluginError(f"a name stands for an expression of more than {MAX_NODES} parts")
    return node


def _solved(relations: list[Relation], unknown: list[str], asked: Sequence[str]) -> list[str]:
    """Return what the equation solver says of equations that were handed to the calculator."""
    if asked and not set(asked) & set(unknown):
        return []
    from .solving import solve_relations

    return solve_relations(relations, unknown, [name for name in asked if name in unknown])
