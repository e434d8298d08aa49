"""Functions of integers, exact, with limits on what they may cost."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

from moss_agent.errors import PluginError

MAX_BITS = 4_000_000  # of an exact integer: 1.2 million digits
MAX_COMMON_BITS = 400_000  # of the numbers that gcd and lcm take
MAX_FACTORIAL = 100_000


def whole(value: Any) -> int:
    """Return a number of any kind as an int. Raises PluginError if it is none."""
    if value != int(value):
        raise PluginError(f"{float(value):g} should be an integer")
    return int(value)


def check_bits(bits: int) -> None:
    """Raise PluginError if an integer of that many bits is too long."""
    if bits > MAX_BITS:
        raise PluginError(f"an integer would have more than {int(MAX_BITS * math.log10(2))} digits")


def _factorial(number: int) -> int:
    if not 0 <= number <= MAX_FACTORIAL:
        raise PluginError(f"factorial of a number outside 0 to {MAX_FACTORIAL}")
    return math.factorial(number)


def _binomial(above: int, below: int) -> int:
    if not 0 <= above <= MAX_FACTORIAL or below < 0:
        raise PluginError(f"binomial of numbers outside 0 to {MAX_FACTORIAL}")
    return math.comb(above, below)


def _permutations(above: int, below: int) -> int:
    if not 0 <= above <= MAX_FACTORIAL or below < 0:
        raise PluginError(f"permutations of numbers outside 0 to {MAX_FACTORIAL}")
    return math.perm(above, below)


def _common(function: Callable[..., int], *numbers: int) -> int:
    if sum(number.bit_length() for number in numbers) > MAX_COMMON_BITS:
        raise PluginError(f"{function.__name__} of numbers of more than {int(MAX_COMMON_BITS * math.log10(2))} digits")
    return function(*numbers)


INTEGER_FUNCTIONS: dict[str, Callable[..., int]] = {
    "factorial": _factorial, "binomial": _binomial, "perm": _permutations,
    "gcd": partial(_common, math.gcd), "lcm": partial(_common, math.lcm),
}  # fmt: skip
