"""How many threads a step on the CPU is computed with: those that are fastest while other programs compute too.

The threads of a step wait for one another many times. If another program has the core of one of them, all of them wait
until it is scheduled again: beside one busy process two threads on two cores have less than half the speed of one. So
once steps take long a few are taken with half as many threads, later with twice as many, and what is faster is kept.
The number changes the order of sums, and with it last bits: where nothing else computes, all threads are used always.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

SMALL, LARGEST = 15, 63  # tokens of a step: up to SMALL it takes as long as with one; above LARGEST it is not compared
REMEMBERED = 8  # steps
TRIAL = 3  # steps in a row that are looked at together
LONGER, SHORTER = 1.5, 0.85  # times as long: long enough to try another number, short enough to keep it
PATIENCE = 64  # steps with fewer threads, after which more are tried


class Threads:
    """Chooses the number of threads by how long steps take. most: never more; with less than two nothing is chosen."""

    def __init__(self, most: int) -> None:
        self.count = self._most = most
        self._tried = most  # the number of the next step: another one during a trial
        self._usual: deque[float] = deque(maxlen=REMEMBERED)  # seconds of the last steps
        self._trial: list[float] = []
        self._since = 0  # steps since the last trial
        self._size = 0  # of the last step, roughly: only steps alike are compared

    @classmethod
    def on(cls, device: torch.device | str) -> Threads:
        """Return the choice for a model on that device: there is one on the CPU only."""
        import torch

        return cls(torch.get_num_threads() if str(device) == "cpu" else 0)

    @contextmanager
    def of_step(self, tokens: int) -> Iterator[None]:
        """Let torch compute a step of so many tokens, in the thread that calls, with the number chosen."""
        if self._most < 2:
            yield
            return
        import torch

        is_compared = tokens <= LARGEST
        if is_compared and (size := max(SMALL, tokens).bit_length()) != self._size:
            self._size, self._tried, self._since = size, self.count, 0
            self._usual.clear()
            self._trial.clear()
        number = self._tried if is_compared else self.count
        if torch.get_num_threads() != number:
            torch.set_num_threads(number)
        begun = time.perf_counter()
        try:
            yield
        finally:
            if number != self._most:
                torch.set_num_threads(self._most)  # the number holds for all that the process computes
        if is_compared:
            self.took(time.perf_counter() - begun)

    def took(self, seconds: float) -> None:
        """Learn how long a step has taken with the number that was to be used."""
        if self._tried != self.count:
            self._trial.append(seconds)
            if len(self._trial) == TRIAL:
                self._end_trial()
            return
        self._usual.append(seconds)
        self._since += 1
        if self._since >= TRIAL and self._now() > LONGER * min(self._usual):
            self._tried = max(1, self.count // 2)
        elif self._since >= PATIENCE:
            self._tried = min(2 * self.count, self._most)

    def _now(self) -> float:
        return median(list(self._usual)[-TRIAL:])

    def _end_trial(self) -> None:
        """Keep the number if it is faster, and then try to go on in that direction."""
        before, tried = self.count, self._tried
        if median(self._trial) < SHORTER * self._now():
            self.count = tried
            self._usual = deque(self._trial, maxlen=REMEMBERED)
            self._tried = max(1, tried // 2) if tried < before else min(2 * tried, self._most)
        else:
            self._tried = before
        self._trial, self._since = [], 0
