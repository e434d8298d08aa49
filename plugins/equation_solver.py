"""Solve: the solutions of one or several equations, one line per unknown.

| argument | lines |
|---|---|
| `x+y=48; 2x+4y=140` | `x = 26`, `y = 22` |
| `x^2=144` | `x_0 = -12`, `x_1 = 12` |
| `3x=160` | `x = 160/3`; `0.5x=65` gives `x = 130.000000000000` |
| `x+y=7, xy=12` | `x_0 = 3`, `y_0 = 4`, `x_1 = 4`, `y_1 = 3` |
| `x+y=25` | `x = 25 - y` |
| `l*w*h=12; w` or the second argument `w` | `w = 12/(h*l)` |
| `x^2=4; x>0` and `2x+3<7` | `x = 2` and `x < 2` |

The grammar is in `grammar.py` and `_mathematics/tokens.py`. Equations are separated by `;`, `,`, lines or
`and`. A part without `=` names the unknown if it is a name, otherwise it is ignored.

- A run of letters may be a product (`xy` beside `x`, `F=ma`): see `_mathematics/letter_runs.py`. Units are dropped.
- `e` is Euler's number where an unknown is its exponent, or where it is only ever raised to a power and there
  are too few equations for one more unknown; otherwise it is an unknown.
- `I` in a result is the imaginary unit.

What the result lines mean is in `_mathematics/solving.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from moss_agent.errors import PluginError
from moss_agent.plugin_host.contract import plugin

from ._mathematics.reading import read_equations
from ._mathematics.tokens import tokenize
from ._mathematics.tree import Name, Power, Relation, Statement, names, walk

MAX_UNKNOWNS = 100


@plugin(
    "Solve",
    label="Equation solver",
    description="Solve equations, systems of equations or inequalities for their unknowns, exactly.",
    timeout=5,
    isolated=True,
    imports=("sympy",),
)
def solve(
    equation: Annotated[str, "equations with =, < or >, separated by semicolons, such as x+y=35; 2*x+4*y=94"],
    unknowns: Annotated[str, "names to solve for, such as x, y; empty for all"] = "",
) -> list[str]:
    """Return the solution lines. Raises PluginError if there is none, or naming what is in the way."""
    statements = read_equations(equation)
    relations = [s for s in statements if isinstance(s, Relation)]
    if not relations:
        raise PluginError("there is no equation: write one with =")
    asked = _asked(statements, unknowns)
    found = sorted(set().union(*map(names, relations)) - _constants(relations, asked))
    if not found:
        raise PluginError("there is no unknown in the equation")
    if len(found) > MAX_UNKNOWNS:
        raise PluginError(f"{len(found)} unknowns, the limit is {MAX_UNKNOWNS}")
    if asked and not set(asked) & set(found):
        raise PluginError(f"{asked[0][:40]} does not occur in the equation")
    from ._mathematics.solving import solve_relations

    return solve_relations(relations, found, [name for name in asked if name in found])


def _asked(statements: Sequence[Statement], unknowns: str) -> list[str]:
    """Return the names to solve for: the bare names among the statements and those in the second argument."""
    named = [s.name for s in statements if isinstance(s, Name)]
    for token in tokenize(unknowns):
        if token.kind == "name":
            named.append(token.text)
    return named


def _constants(relations: Sequence[Relation], asked: Sequence[str]) -> set[str]:
    """Return the names in the relations that are constants."""
    nodes = [node for relation in relations for node in walk(relation)]
    exponents = [node.exponent for node in nodes if isinstance(node, Power) and node.base == Name("e")]
    unknowns = {node.name for node in nodes if isinstance(node, Name)} - {"pi"}
    is_power = any(names(exponent) - {"pi", "e"} for exponent in exponents)
    is_spare = len(exponents) == nodes.count(Name("e")) and len(relations) < len(unknowns)
    return {"pi", "e"} if "e" not in asked and (is_power or is_spare) else {"pi"}
