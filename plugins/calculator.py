"""Calculate: the value of an expression, exact for integers, otherwise a double as Python prints it.

| argument | result |
|---|---|
| `(12/2)*(2*6+33)` | `270.0` |
| `2^100` | `1267650600228229401496703205376` |
| `p=(3+4+5)/2; sqrt(p*(p-3)*(p-4)*(p-5))` | `6.0`: names are given values first |
| `a=3+4; b=5*6` | `a = 7; b = 30`: the values that no other uses |
| `3*4=12`, `2<1` | `True`, `False` |
| `2*3.14*r=50` | `r = 7.96178343949045`: as many equations as unknowns go to the equation solver |
| `2022-09-01 - 1998-11-20` | `8686`: days |
| `$12.50*4`, `300万元/40万人` | currency and units are dropped, magnitudes count |
| `"({}-1)*2".format(3)` | `4`: Python code that puts an expression together is read, not run |

The grammar is in `grammar.py` and `_mathematics/tokens.py`. Trigonometry is in radians, `log` is natural.

Not covered: conversion of units (a sum of two different units is refused), other questions about dates,
expressions with unknowns, complex numbers.
"""

from __future__ import annotations

from typing import Annotated

from moss_agent.plugin_host.contract import plugin


@plugin(
    "Calculate",
    label="Calculator",
    description="Compute an arithmetic expression exactly. Use it for every calculation with numbers.",
    timeout=5,
    isolated=True,
    imports=("numexpr", "mpmath"),
)
def calculate(
    expression: Annotated[str, "such as (1500/20)*1.5, 2^100, sqrt(2), 15% of 80 or p=6; p*(p-1); no unknowns"],
) -> str:
    """Return the value of `expression`. Raises PluginError naming the token or the limit that is in the way."""
    from ._mathematics.calculation import calculated

    return calculated(expression)
