"""A calculator's argument from text to text: assignments, comparisons, one expression, or equations."""

from __future__ import annotations

from fractions import Fraction

from moss_agent.errors import PluginError

from ._dates import days_between
from ._doubles import CONSTANTS
from ._expressions import parse_tokens
from ._numbers import evaluate, holds, show
from ._python_text import spelled_out
from ._tokens import MAX_LENGTH, tokenize
from ._tree import PI, Name, Node, Number, Relation, Statement, names, replaced
from ._units import without_units


def calculated(text: str) -> str:
    """The result of the argument. Raises PluginError naming the token or the limit that is in the way."""
    if len(text) > MAX_LENGTH:
        raise PluginError(f"the argument has {len(text)} characters, the limit is {MAX_LENGTH}")
    if (days := days_between(text)) is not None:
        return show(days)
    values, rest = _assigned(_statements(spelled_out(text, _inner)))
    if not rest:
        return show(evaluate(list(values.values())[-1]))
    relations = [s for s in rest if isinstance(s, Relation)]
    if unknown := sorted(set().union(*map(names, rest)) - CONSTANTS.keys()):
        return _solved(relations, unknown)
    if len(relations) == len(rest):
        return str(all(holds(relation) for relation in relations))
    if len(rest) > 1 or isinstance(rest[0], Relation):
        raise PluginError(f"{len(rest)} expressions: give one at a time")
    return show(evaluate(rest[0]))


def _statements(expression: str) -> tuple[Statement, ...]:
    return parse_tokens(without_units(tokenize(expression)))


def _inner(expression: str) -> str:
    """What one expression inside Python code is worth, as text."""
    if len(statements := _statements(expression)) != 1 or isinstance(statements[0], Relation):
        raise PluginError(f"{expression[:40]!a} is not one expression")
    return show(evaluate(statements[0]))


def _assigned(statements: tuple[Statement, ...]) -> tuple[dict[str, Node], list[Statement]]:
    """The values of the assignments `name = number`, and the other statements with these put in."""
    values: dict[str, Node] = {}
    rest: list[Statement] = []
    for statement in statements:
        if not isinstance(statement, Relation):
            rest.append(replaced(statement, values))
            continue
        left, right = replaced(statement.left, values), replaced(statement.right, values)
        if statement.symbol == "=" and isinstance(left, Name) and left != PI and not names(right) - CONSTANTS.keys():
            values[left.name] = _value(right)
        else:
            rest.append(Relation(statement.symbol, left, right))
    return values, rest


def _value(node: Node) -> Number:
    """The node's value as a number; a literal keeps its exact decimals."""
    if isinstance(node, Number):
        return node
    value = evaluate(node)
    if isinstance(value, int):
        return Number(value)
    if isinstance(value, float):
        return Number(Fraction(value))
    raise PluginError("a name stands for a number that no double can hold")


def _solved(relations: list[Relation], unknown: list[str]) -> str:
    """What the equation solver says of equations that were handed to the calculator."""
    if len([r for r in relations if r.symbol == "="]) < len(unknown):
        raise PluginError(f"unknown name {unknown[0][:40]!r}")
    from ._solving import solve_relations

    return "; ".join(solve_relations(relations, unknown))
