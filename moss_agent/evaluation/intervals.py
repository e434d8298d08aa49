"""What small numbers of cases can say: the interval of a share, and the test of a difference."""

from __future__ import annotations

from math import comb, sqrt

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
    n, few = better + worse, min(better, worse)
    return min(1.0, 2 * sum(comb(n, k) for k in range(few + 1)) / (1 << n))
