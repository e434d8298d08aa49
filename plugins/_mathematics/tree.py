"""The tree that an expression becomes: six kinds of node and a relation, nothing else.

All are frozen and compare by value. Sugar does not reach the tree: `7%` is `7/100`, `5!` is
`factorial(5)`, `30°` is `radians(30)`, `|a|` is `abs(a)`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias


@dataclass(frozen=True)
class Number:
    """An int for an integer, a Fraction for anything written as a decimal, even 2.0."""

    value: int | Fraction


@dataclass(frozen=True)
class Name:
    """A variable or a constant."""

    name: str


@dataclass(frozen=True)
class Negative:
    """-operand."""

    operand: Node


@dataclass(frozen=True)
class Chain:
    """Operations of one level, left to right: `first`, then each operator with its operand.

    Flat, so that a sum of a thousand terms is no deeper than a sum of two.
    """

    first: Node
    rest: tuple[tuple[str, Node], ...]


@dataclass(frozen=True)
class Power:
    """base ^ exponent."""

    base: Node
    exponent: Node


@dataclass(frozen=True)
class Call:
    """A known function, by its canonical name, with as many arguments as it takes."""

    function: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True)
class Relation:
    """left symbol right, where symbol is one of = < <= > >= !=."""

    symbol: str
    left: Node
    right: Node


Node: TypeAlias = Number | Name | Negative | Chain | Power | Call
Statement: TypeAlias = Node | Relation

PI = Name("pi")
RELATIONS = frozenset({"=", "<", "<=", ">", ">=", "!="})


def walk(node: Statement) -> Iterator[Statement]:
    """Yield the node and everything below it."""
    yield node
    for part in parts(node):
        yield from walk(part)


def parts(node: Statement) -> tuple[Node, ...]:
    """Return the node's operands, left to right."""
    if isinstance(node, Negative):
        return (node.operand,)
    if isinstance(node, Chain):
        return (node.first, *(operand for _, operand in node.rest))
    if isinstance(node, Power):
        return (node.base, node.exponent)
    if isinstance(node, Call):
        return node.arguments
    return (node.left, node.right) if isinstance(node, Relation) else ()


def replaced(node: Node, values: Mapping[str, Node]) -> Node:
    """Return the node with every name that has a value replaced by it."""
    match node:
        case Name(name):
            return values.get(name, node)
        case Negative(operand):
            return Negative(replaced(operand, values))
        case Power(base, exponent):
            return Power(replaced(base, values), replaced(exponent, values))
        case Call(function, arguments):
            return Call(function, tuple(replaced(a, values) for a in arguments))
        case Chain(first, rest):
            return Chain(replaced(first, values), tuple((o, replaced(operand, values)) for o, operand in rest))
    return node


def names(node: Statement) -> set[str]:
    """Return all names in the node, constants included."""
    return {part.name for part in walk(node) if isinstance(part, Name)}
