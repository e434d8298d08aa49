"""What small numbers of cases can say: the interval of a share, and the test of a difference."""

from __future__ import annotations

from math import sqrt

Z = 1.959963984540054  # of 95%


def wilson(right: int, n: int) -> tuple[float, float]:
    """Return the bounds of the 95% interval of a share (Wilson's score interval); everything if n is 0."""
    if n == 0:
        return 0.0, 1.0
    share, spread = right / n, Z * Z / n
    middle = share + spread / 2
    reach = Z * sqrt(share * (1 - share) / n + spread / (4 * n))
    low, high = ((middle + side * reach) / (1 + spread) for side in (-1, 1))
    return (low if right else 0.0), (high if right < n else 1.0)


def sign_test(better: int, worse: int) -> float:
    """Return the probability that cases without a difference change so unevenly (exact, binomial, two-sided)."""
    n = better + worse
    ways = chosen = 1  # to have at most so many of the fewer, and exactly so many
    for k in range(min(better, worse)):
        chosen = chosen * (n - k) // (k + 1)
        ways += chosen
    return min(1.0, 2 * ways / (1 << n))
