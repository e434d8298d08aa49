"""Intervals of shares and the sign test, against what is known of them."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moss_agent.evaluation.intervals import Z, sign_test, wilson
from tests.effort import effort_below

COUNTS = st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@pytest.mark.parametrize(
    ("right", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_intervals_are_those_that_others_have_published(right: int, n: int, low: float, high: float) -> None:
    assert wilson(right, n) == pytest.approx((low, high), abs=1e-4)  # Newcombe 1998, method 3


@given(COUNTS)
def test_the_bounds_are_the_shares_that_the_observed_one_is_just_so_far_from(counts: tuple[int, int]) -> None:
    right, n = counts
    low, high = wilson(right, n)
    assert 0 <= low <= right / n <= high <= 1
    for bound, is_open in ((low, right > 0), (high, right < n)):
        if is_open:
            assert abs(right / n - bound) == pytest.approx(Z * (bound * (1 - bound) / n) ** 0.5, rel=1e-6)


def test_no_case_says_nothing() -> None:
    assert wilson(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize("better", range(7))
def test_the_sign_test_counts_the_ways_to_be_at_least_so_uneven(better: int) -> None:
    worse = 6 - better
    ways = [sum(signs) for signs in product((0, 1), repeat=6)]
    uneven = [way for way in ways if abs(2 * way - 6) >= abs(better - worse)]
    assert sign_test(better, worse) == float(Fraction(len(uneven), len(ways)))


def test_a_sign_test_of_nothing_or_of_much_is_a_probability() -> None:
    assert sign_test(0, 0) == 1.0
    assert 0 < sign_test(400, 700) < 1e-18


@given(st.integers(0, 300), st.integers(0, 300))
def test_the_sign_test_is_exact(better: int, worse: int) -> None:
    ways = sum(comb(better + worse, k) for k in range(min(better, worse) + 1))
    assert sign_test(better, worse) == min(1.0, float(Fraction(2 * ways, 2 ** (better + worse))))


def test_the_sign_test_of_large_runs_is_quick() -> None:
    with effort_below(5):
        assert 1e-13 < sign_test(10_000, 9_000) < 1e-12
