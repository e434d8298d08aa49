"""Generators in a thread of their own: what asyncio gets, and what leaving early does."""

from __future__ import annotations

import asyncio
import threading

import pytest

from moss_agent.asynchronous import iterate_in_thread
from moss_agent.cancellation import Cancellation
from moss_agent.errors import Cancelled


def test_items_come_in_order_and_an_error_is_raised():
    def count():
        yield 1
        yield 2
        raise ValueError("three")

    async def collect() -> list[int]:
        items = []
        with pytest.raises(ValueError, match="three"):
            async for item in iterate_in_thread(count(), Cancellation()):
                items.append(item)
        return items

    assert asyncio.run(collect()) == [1, 2]


def test_more_generators_run_at_once_than_asyncio_has_threads():
    together = threading.Barrier(100)

    def meet():
        yield together.wait()

    async def run_all() -> None:
        async def run() -> None:
            async for _ in iterate_in_thread(meet(), Cancellation()):
                pass

        await asyncio.gather(*(run() for _ in range(100)))

    asyncio.run(run_all())


@pytest.mark.parametrize("items_first", [0, 1])
def test_cancelling_the_task_cancels_and_closes_the_generator(items_first):
    waiting, closed = threading.Event(), threading.Event()
    cancellation = Cancellation()

    def wait():
        try:
            yield from range(items_first)
            waiting.set()
            cancellation.wait(600)
            cancellation.check()
        finally:
            closed.set()

    async def run() -> None:
        async def consume() -> None:
            async for _ in iterate_in_thread(wait(), cancellation):
                pass

        task = asyncio.ensure_future(consume())
        await asyncio.to_thread(waiting.wait)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert closed.is_set()

    asyncio.run(run())
    with pytest.raises(Cancelled):
        cancellation.check()


def test_leaving_the_loop_closes_the_generator():
    closed = threading.Event()

    def count():
        try:
            yield from range(10)
        finally:
            closed.set()

    async def first() -> int:
        items = iterate_in_thread(count(), Cancellation())
        async for item in items:
            await items.aclose()
            return item
        return -1

    assert asyncio.run(first()) == 0 and closed.is_set()
