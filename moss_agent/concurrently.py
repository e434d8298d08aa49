"""Work on many things, several at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def results(
    work: Callable[[T], R], things: Iterable[T], at_once: int, give_up: Callable[[], None] = lambda: None
) -> Iterator[R]:
    """Yield what the work gives for each thing, in the order in which it is done, `at_once` of them at a time.

    Raises what the work raises, after the results that are there by then.
    give_up: called on an error or an interrupt; it ends what is being worked on, which is then waited for.
    """
    waiting, running = iter(things), set[Future[R]]()
    with ThreadPoolExecutor(at_once) as threads:
        try:
            while True:
                for thing in waiting:
                    running.add(threads.submit(work, thing))
                    if len(running) == at_once:
                        break
                if not running:
                    return
                done, running = wait(running, return_when=FIRST_COMPLETED)
                yield from (each.result() for each in sorted(done, key=lambda each: each.exception() is not None))
        except BaseException:
            give_up()
            raise
