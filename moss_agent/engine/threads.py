"""How many threads a step on the CPU is computed with: those that are fastest while other programs compute too.

The threads of a step wait for one another many times. If another program has the core of one of them, all of them wait
until it is scheduled again: beside one busy process two threads on two cores have less than half the speed of one. What
others do changes, so now and then a few steps are taken with more or fewer threads, and the faster number is kept.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

SMALL = 32  # tokens of a step: that many take about as long as one
USUAL = 8  # steps whose time is remembered
TRIAL = 3  # steps in a row with another number
EVERY = 64  # steps between trials
SOON = 8  # the same once a step took much longer than those before
LONGER, SHORTER = 1.5, 0.85  # times as long: much longer, and short enough to change the number


class Threads:
    """Chooses the number of threads by how long steps take. most: never more; with less than two nothing is chosen."""

    def __init__(self, most: int) -> None:
        self.count = self._most = most
        self._tried = most  # the number of the next step: another one during a trial
        self._usual: deque[float] = deque(maxlen=USUAL)
        self._trial: list[float] = []
        self._since = 0  # steps since the last trial
        self._fewer = True  # whether the next trial is with fewer threads

    @contextmanager
    def of_step(self, tokens: int) -> Iterator[None]:
        """Let torch compute a step of so many tokens, in the thread that calls, with the number chosen."""
        if self._most < 2:
            yield
            return
        import torch

        number = self._tried if tokens <= SMALL else self.count
        if torch.get_num_threads() != number:
            torch.set_num_threads(number)
        begun = time.perf_counter()
        yield
        if tokens <= SMALL:
            self.took(time.perf_counter() - begun)

    def took(self, seconds: float) -> None:
        """Learn how long a step has taken with the number that was to be used."""
        if self._tried != self.count:
            self._trial.append(seconds)
            if len(self._trial) == TRIAL:
                self._end_trial()
            return
        is_long = bool(self._usual) and seconds > LONGER * min(self._usual)
        self._usual.append(seconds)
        self._since += 1
        if self._since >= (SOON if is_long else EVERY):
            self._begin_trial()

    def _begin_trial(self) -> None:
        """Try half as many threads or twice as many, in turns."""
        fewer = self.count > 1 and (self._fewer or self.count == self._most)
        self._tried = self.count // 2 if fewer else min(2 * self.count, self._most)
        self._fewer, self._since = not fewer, 0

    def _end_trial(self) -> None:
        if median(self._trial) < SHORTER * median(self._usual):
            self.count = self._tried
            self._usual = deque(self._trial, maxlen=USUAL)
        self._tried = self.count
        self._trial.clear()
