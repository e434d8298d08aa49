"""A generator for asyncio: it runs in a thread of its own, never in asyncio's small pool."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from moss_agent.cancellation import Cancellation

T = TypeVar("T")


async def iterate_in_thread(items: Generator[T, None, Any], cancellation: Cancellation) -> AsyncIterator[T]:
    """Yield what the generator yields. Leaving early cancels and closes it, also if that is cancelled in turn."""
    loop, thread = asyncio.get_running_loop(), ThreadPoolExecutor(1, "moss-agent-turn")
    step: asyncio.Future[T | None] | None = None
    try:
        while True:
            step = loop.run_in_executor(thread, next, items, None)
            item = await asyncio.shield(step)
            if item is None:
                return
            yield item
    finally:
        if step is not None and not step.done():
            cancellation.cancel()
            step.add_done_callback(asyncio.Future.exception)  # it is Cancelled, and nobody is there to be told
        closing = loop.run_in_executor(thread, items.close)
        thread.shutdown(wait=False)
        await asyncio.shield(closing)
