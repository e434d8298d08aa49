"""Takes several sequences one step further at once, in whichever thread waits for a token.

There is no thread of its own: one of the threads that wait computes a step for all of them (`_lead_or_wait`: schedule,
run, finish), the others sleep. Then all choose a token. The next step waits until all have, or are late: one step for
all of them takes less time than two for half of them each. Nobody waits for one that was late the last time.
"""

from __future__ import annotations

import math
import threading
import time
import traceback
from collections.abc import Callable
from collections.abc import Sequence as List
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from weakref import WeakKeyDictionary, WeakSet

from moss_agent.cancellation import Cancellation
from moss_agent.engine.cache_budget import RECENT, CacheBudget
from moss_agent.engine.sampling import Logits
from moss_agent.engine.sequence import Backend, Cache, Prefix, Sequence
from moss_agent.errors import EngineError, OutOfMemory

MOST_GUESSING = 4  # sequences of a step: with more of them, rows that may be thrown away cost too much
PREFILL_CHUNK = 512  # tokens in one step, and one more of each sequence: bounds activations, and others' waiting
GATHERING = 1.0  # of the time of a step: how long the next one waits for those that were in it, ...
LONGEST_GATHERING = 0.1  # ... and at most so many seconds


@dataclass(eq=False)
class _Request:
    """A thread that waits for the logits after the last token of its sequence, and after each of a guess that follows.

    computed: tokens of the sequence that were. part: the ids of the step that is computed; wanted: logits of it.
    """

    sequence: Sequence
    guess: List[int] = ()
    computed: int = 0
    part: List[int] = ()
    wanted: int = 1
    logits: list[Logits] | None = None
    error: Exception | None = None
    since: float = field(default_factory=time.monotonic)

    @property
    def is_done(self) -> bool:
        return self.logits is not None or self.error is not None


def _place(request: _Request) -> float:
    """Return the place in a step: those that lack one token have the same place in every step, others come last.

    So a backend that has prepared a step can compute the next ones of the same sequences with it.
    """
    sequence = request.sequence
    return id(sequence) if sequence.cached >= len(sequence.ids) - 1 else math.inf


def _check_grown(batch: List[_Request], caches: List[Cache], before: List[int]) -> None:
    """Raise EngineError unless a step has made each cache longer by its part; before: the lengths until then."""
    for request, cache, length in zip(batch, caches, before, strict=True):
        if cache.length != length + len(request.part):
            raise EngineError("this model keeps no cache that can be used here: use it through a server")


class Scheduler:
    """Computes logits for the threads of many conversations.

    tokens: most tokens that all caches may cover together; at least one sequence always gets its cache.
    release: called when memory is short; if it says that it gave some back, the step is tried again.
    """

    def __init__(self, backend: Backend, *, tokens: int, release: Callable[[], bool] = lambda: False) -> None:
        self._backend: Backend | None = backend
        self._budget = CacheBudget(tokens)
        self._release = release
        self._requests: list[_Request] = []
        self._prefixes: WeakSet[Prefix] = WeakSet()  # that have been computed
        self._leader: _Request | None = None  # whose thread computes a step
        self._batch: list[_Request] = []  # for which it does
        self._choosing: WeakKeyDictionary[Sequence, float] = WeakKeyDictionary()  # a token, and when they are late
        self._late: WeakSet[Sequence] = WeakSet()  # those that were so the last time
        self._changed = threading.Condition()

    def logits(self, sequence: Sequence, cancellation: Cancellation, guess: List[int] = ()) -> tuple[list[Logits], int]:
        """Compute what the cache lacks; return the logits after the last token, and how many tokens were computed.

        guess: tokens that may follow. If it suits, the logits after each of them come too, and the cache is left so
        much longer than the sequence: the caller has to cut it before other tokens follow.
        Raises Cancelled, OutOfMemory or EngineError; the sequence keeps its ids.
        """
        request = _Request(sequence, guess)
        try:
            self._enter(request)
            with cancellation.calling(self._wake):
                while not request.is_done:
                    cancellation.check()
                    self._lead_or_wait(request, cancellation)
        finally:
            self._leave(request)
        if request.logits is None:
            raise request.error or EngineError("the step ended without a result")
        return request.logits, request.computed

    def pause(self, sequence: Sequence) -> None:
        """Note that no more logits are wanted for now: others need not wait for the sequence."""
        with self._changed:
            self._choosing.pop(sequence, None)
            self._changed.notify_all()

    def forget(self, sequence: Sequence) -> None:
        """Free the sequence's cache."""
        with self._changed:
            self._budget.take(sequence)
            self._choosing.pop(sequence, None)
            self._changed.notify_all()

    def close(self) -> None:
        """Free all caches, close the backend and let it go."""
        with self._changed:
            for sequence in self._budget.sequences:
                self._budget.take(sequence)
            for prefix in list(self._prefixes):
                prefix.cache = None
            backend, self._backend = self._backend, None
        if backend:
            backend.close()

    def _enter(self, request: _Request) -> None:
        """Let the request wait, in the place of what interrupts have left of earlier ones of its sequence."""
        with self._changed:
            for left in [each for each in self._requests if each.sequence is request.sequence]:
                self._end_step(left)
                if left in self._batch:  # another thread is computing on the cache
                    self._budget.take(request.sequence)
                self._requests.remove(left)
            self._requests.append(request)
            if request.since <= self._choosing.pop(request.sequence, math.inf):
                self._late.discard(request.sequence)
            else:
                self._late.add(request.sequence)

    def _leave(self, request: _Request) -> None:
        """Take the request out as soon as no other thread computes on its cache; an interrupt leaves it that cache."""
        try:
            with self._changed:
                self._end_step(request)  # if it has been interrupted
                while request in self._batch:
                    self._changed.wait()
        except BaseException:
            with self._changed:
                self._budget.take(request.sequence)
            raise
        finally:
            with self._changed, suppress(ValueError):
                self._requests.remove(request)

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _lead_or_wait(self, request: _Request, cancellation: Cancellation) -> None:
        """Compute a step for all that wait, or sleep until another thread has, or until all are there."""
        with self._changed:
            if cancellation.cancelled:
                return
            if self._leader or (rest := self._until_gathered()) > 0:
                self._changed.wait(None if self._leader else rest)
                return
            batch = self._schedule()
            if not batch:
                self._changed.wait(RECENT)
                return
            self._leader, self._batch = request, batch
        self._run(batch)
        self._end_step(request)

    def _until_gathered(self) -> float:
        """Return for how many seconds there are sequences to be waited for."""
        latest = max((late for sequence, late in self._choosing.items() if sequence not in self._late), default=0.0)
        return latest - time.monotonic()

    def _end_step(self, leader: _Request) -> None:
        """Let others lead, unless they do already."""
        with self._changed:
            if self._leader is leader:
                self._changed.notify_all()
                self._leader, self._batch = None, []

    def _schedule(self) -> list[_Request]:
        """Choose for whom a step is computed."""
        batch = self._budget.choose([request for request in self._requests if not request.is_done])
        return sorted(batch, key=_place)

    def _run(self, batch: List[_Request], may_release: bool = True) -> None:
        """Compute one part of each sequence, after a failure with more memory, or each alone: one fails no others.

        An error goes to the requests that it concerns, an interrupt on.
        """
        try:
            self._compute(batch)
        except Exception as error:
            traceback.clear_frames(error.__traceback__)  # they hold caches, which may be given up
            if isinstance(error, OutOfMemory) and self._take_idle(batch):
                self._run(batch, may_release)
            elif isinstance(error, OutOfMemory) and may_release and self._others_release():
                self._run(batch, may_release=False)
            elif len(batch) > 1:
                for request in batch:
                    self._run([request])
            else:
                batch[0].error = error

    def _compute(self, batch: List[_Request]) -> None:
        """Compute one part of each sequence. Raises what the backend does, the caches as they were."""
        backend = self._backend
        if backend is None:
            raise EngineError("the model is closed: open another one")
        guesses = backend.guesses_pay and len(batch) <= MOST_GUESSING
        caches: list[Cache] = []
        known: list[int] = []
        room = PREFILL_CHUNK
        begun = time.monotonic()
        try:
            for request in batch:
                caches.append(self._next_part(request, backend, guesses, max(1, room)))
                known.append(caches[-1].length)
                room -= len(request.part)
            wanted = [request.wanted for request in batch]
            logits = iter(backend.forward(caches, [request.part for request in batch], wanted))
            _check_grown(batch, caches, known)
        except BaseException:
            # It may have reached only some of the layers; an interrupt may have come before a length was noted.
            for cache, length in zip(caches, known, strict=False):
                cache.cut(length)
            raise
        ended = time.monotonic()
        late = ended + min(GATHERING * (ended - begun), LONGEST_GATHERING)
        for request, cache in zip(batch, caches, strict=True):
            self._finish(request, cache, list(islice(logits, request.wanted)), late)

    def _next_part(self, request: _Request, backend: Backend, guesses: bool, room: int) -> Cache:
        """Choose at most so many ids to append, besides a guess; return the cache that they belong to."""
        sequence, prefix = request.sequence, request.sequence.prefix
        if sequence.cache is None or not sequence.cache.length:
            sequence.cache = prefix.cache.copy() if prefix.cache else backend.new_cache()
        sequence.cache.cut(len(sequence.ids) - 1)
        start = sequence.cache.length
        end = min(len(sequence.ids), start + room)
        if is_prefix := prefix.cache is None and start < len(prefix.ids):
            end = min(end, len(prefix.ids))
        guess = request.guess if guesses and end == len(sequence.ids) and not is_prefix else ()
        request.part, request.wanted = [*sequence.ids[start:end], *guess], 1 + len(guess)
        return sequence.cache

    def _finish(self, request: _Request, cache: Cache, logits: list[Logits], late: float) -> None:
        """Note what a step has computed. late: until when others wait for the sequence's next request."""
        sequence, prefix = request.sequence, request.sequence.prefix
        request.computed += len(request.part) - len(logits) + 1
        if prefix.cache is None and cache.length == len(prefix.ids):
            with suppress(OutOfMemory):  # then others compute it too
                prefix.cache = cache.copy()
        with self._changed:
            self._budget.note(sequence)
            if prefix.cache is not None:
                self._prefixes.add(prefix)
            if cache.length >= len(sequence.ids):
                self._choosing[sequence] = late
                request.logits = logits

    def _take_idle(self, batch: List[_Request]) -> bool:
        """Take the caches of sequences and of prefixes that no request of the step needs; return whether it was any."""
        needed = {request.sequence for request in batch}
        prefixes = {request.sequence.prefix for request in batch}
        with self._changed:
            idle = set(self._budget.sequences) - needed
            for sequence in idle:
                self._budget.take(sequence)
            unused = [each for each in self._prefixes if each.cache and each not in prefixes]
            for prefix in unused:
                prefix.cache = None
        return bool(idle or unused)

    def _others_release(self) -> bool:
        """Return whether others gave memory back; those that fail gave none."""
        try:
            return self._release()
        except Exception:
            return False
