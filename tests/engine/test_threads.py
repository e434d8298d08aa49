"""The number of threads follows what steps take, whatever other programs do meanwhile."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moss_agent.engine.threads import EVERY, SHORTER, TRIAL, Threads

IDLE = {1: 1.0, 2: 0.6, 4: 0.4, 8: 0.3}
BESIDE = {1: 1.1, 2: 0.8, 4: 3.0, 8: 5.0}
"""Seconds of a step by the number of threads: alone, and beside programs that keep most of eight cores busy."""
SETTLED = 12 * EVERY  # steps after which the number stays


def take_steps(threads: Threads, seconds: dict[int, float], steps: int) -> float:
    """Let steps take as long as their number of threads says; return the seconds of all."""
    total = 0.0
    for _ in range(steps):
        taken = seconds[threads._tried]
        threads.took(taken)
        total += taken
    return total


def test_threads_that_wait_for_one_another_become_fewer_within_some_steps_and_more_again():
    threads = Threads(8)
    take_steps(threads, IDLE, EVERY)
    assert threads.count == 8
    take_steps(threads, BESIDE, 2 * (TRIAL + 9))
    assert threads.count <= 4
    take_steps(threads, BESIDE, SETTLED)
    assert threads.count == 2
    take_steps(threads, IDLE, SETTLED)
    assert threads.count == 8


@pytest.mark.parametrize("seconds", [IDLE, BESIDE])
def test_trials_cost_little(seconds):
    threads = Threads(8)
    take_steps(threads, seconds, SETTLED)
    assert take_steps(threads, seconds, 100 * EVERY) < 1.15 * 100 * EVERY * min(seconds.values())


@given(st.lists(st.floats(0.1, 10), min_size=4, max_size=4), st.integers(0, 3))
def test_it_ends_at_a_number_that_neither_half_nor_twice_as_many_beat(times, most):
    seconds = dict(zip((1, 2, 4, 8), times, strict=True))
    threads = Threads(2**most)
    take_steps(threads, seconds, SETTLED)
    while threads._tried != threads.count:
        take_steps(threads, seconds, 1)
    for other in {threads.count // 2, 2 * threads.count} & {1, 2, 4, 8} - {2 ** (most + 1)}:
        assert seconds[other] >= SHORTER * seconds[threads.count]


@pytest.mark.slow
def test_torch_computes_a_step_with_the_number_chosen():
    import torch

    before = torch.get_num_threads()
    threads = Threads(2)
    try:
        with threads.of_step(1):
            assert torch.get_num_threads() == 2
        threads._tried = 1
        with threads.of_step(1):
            assert torch.get_num_threads() == 1
        with threads.of_step(512):  # nothing is tried on long steps
            assert torch.get_num_threads() == threads.count
        with Threads(0).of_step(1):
            assert torch.get_num_threads() == threads.count
    finally:
        torch.set_num_threads(before)
