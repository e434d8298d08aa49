"""The number of threads follows what steps take, whatever other programs do meanwhile."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moss_agent.engine.threads import PATIENCE, TRIAL, Threads

IDLE = {1: 1.0, 2: 0.6, 4: 0.4, 8: 0.3}
BESIDE = {1: 1.1, 2: 0.8, 4: 3.0, 8: 5.0}
"""Seconds of a step by the number of threads: alone, and beside programs that keep most of eight cores busy."""


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
    take_steps(threads, IDLE, 1000)
    assert threads.count == 8
    take_steps(threads, BESIDE, 5 * TRIAL)
    assert threads.count == 2
    take_steps(threads, BESIDE, 1000)
    assert threads.count == 2
    take_steps(threads, IDLE, 2 * PATIENCE)
    assert threads.count == 8


def test_all_threads_are_used_always_where_nothing_else_computes():
    threads, used = Threads(8), set()
    for step in range(1000):
        used.add(threads._tried)
        threads.took(IDLE[threads._tried] * (1 + step / 2000))  # texts become longer
    assert used == {8}


def test_one_step_that_takes_long_changes_nothing():
    threads = Threads(8)
    for step in range(1000):
        threads.took(5.0 if step % 10 == 0 else IDLE[threads._tried])
    assert threads.count == 8


def test_trials_cost_little():
    threads = Threads(8)
    take_steps(threads, IDLE, 10)
    take_steps(threads, BESIDE, 30)
    assert take_steps(threads, BESIDE, 10_000) < 1.15 * 10_000 * min(BESIDE.values())


@given(st.lists(st.floats(0.1, 10), min_size=1, max_size=300), st.integers(1, 64))
def test_whatever_happens_there_are_at_least_one_and_at_most_all(seconds, most):
    threads = Threads(most)
    for each in seconds:
        threads.took(each)
        assert 1 <= threads._tried <= most and 1 <= threads.count <= most


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
        for _ in range(3):
            with threads.of_step(40):  # more conversations take longer: that is no reason to try
                assert torch.get_num_threads() == threads.count
        with Threads(0).of_step(1):
            assert torch.get_num_threads() == threads.count
    finally:
        torch.set_num_threads(before)


@pytest.mark.slow
def test_what_else_the_process_computes_keeps_all_threads():
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        threads = Threads.on("cpu")
        threads.count = threads._tried = 1
        for tokens in (1, 100):
            with threads.of_step(tokens):
                assert torch.get_num_threads() == 1
            assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
