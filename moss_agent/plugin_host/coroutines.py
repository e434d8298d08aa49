"""Plugin functions with `async def`: each call runs to its end in an event loop of its own, in the call's thread."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from moss_agent.cancellation import Cancellation
from moss_agent.errors import PluginTimeout
from moss_agent.events import Output


def finish(output: Output | Coroutine[Any, Any, Output], cancellation: Cancellation) -> Output:
    """Return the output, or what comes of it if it is a coroutine. Raises PluginTimeout once the call is given up."""
    return asyncio.run(_await(output, cancellation)) if isinstance(output, Coroutine) else output


async def _await(coroutine: Coroutine[Any, Any, Output], cancellation: Cancellation) -> Output:
    loop, task = asyncio.get_running_loop(), asyncio.ensure_future(coroutine)

    def cancel() -> None:
        with suppress(RuntimeError):  # the loop has just ended with the task
            loop.call_soon_threadsafe(task.cancel)

    with cancellation.calling(cancel):
        try:
            return await task
        except asyncio.CancelledError:
            if cancellation.cancelled:
                raise PluginTimeout("the call was given up") from None
            raise
