"""Work on many things at a time: what comes out, and when."""

from __future__ import annotations

import threading
from concurrent.futures import wait
from inspect import getgeneratorlocals

import pytest

from moss_agent.concurrently import results


def test_what_is_done_together_with_a_failure_is_given_before_it():
    others = threading.Event()

    def work(number: int) -> int:
        if number:
            others.wait()
        if number == 7:
            raise ValueError("seven")
        return number

    numbers = results(work, range(8), at_once=8)
    given = [next(numbers)]
    others.set()
    wait(getgeneratorlocals(numbers)["running"])
    with pytest.raises(ValueError, match="seven"):
        for number in numbers:
            given.append(number)
    assert sorted(given) == [0, 1, 2, 3, 4, 5, 6]
