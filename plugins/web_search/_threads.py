"""Blocking work beside the event loop, in daemon threads.

asyncio's own executor would: a name server that does not answer would outlive every deadline.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")


async def in_thread(function: Callable[..., T], *arguments: Any) -> T:
    """Return what `function` returns or raises. If the caller is cancelled, the thread is left to itself."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def run() -> None:
        try:
            settle = partial(done.set_result, function(*arguments))
        except BaseException as error:
            settle = partial(done.set_exception, error)
        with suppress(RuntimeError):  # the loop is closed: the deadline is over
            loop.call_soon_threadsafe(lambda: done.done() or settle())

    threading.Thread(target=run, daemon=True).start()
    return await done
