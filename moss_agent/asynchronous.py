"""A generator for asyncio: it runs in a thread of its own, never in asyncio's small pool."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from moss_agent.cancellation import Cancellation

T = TypeVar("T")


async def iterate_in_thread(items: Generator[T, None, Any], cancellation: Cancellation) -> AsyncIterator[T]:
    """Yield what the generator yields. Leaving early cancels it and closes it before anything else happens."""
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
            await asyncio.wait([step])
            step.exception()  # retrieves Cancelled, which asyncio would log otherwise
        await loop.run_in_executor(thread, items.close)
        thread.shutdown(wait=False)
