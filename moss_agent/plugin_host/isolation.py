"""Calls in worker processes that can be killed: for plugins that may spin, crash or eat memory.

Each worker runs one call at a time and is reused. One that exceeds its time or dies is killed and replaced
at the next call. There are as many as the machine has processors, and at least four; further calls wait for
their turn.
"""

from __future__ import annotations

import importlib
import os
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from moss_agent.cancellation import Cancellation
from moss_agent.errors import Cancelled, MossAgentError, PluginError, PluginTimeout
from moss_agent.events import Output
from moss_agent.plugin_host.contract import Plugin
from moss_agent.plugin_host.coroutines import finish
from moss_agent.plugin_host.loading import load_source, source_of
from moss_agent.plugin_host.reasons import plain, reason
from moss_agent.worker_process import Worker, WorkerDied, WorkerTimeout

MEMORY = 4 << 30  # bytes of address space per worker
MOST = max(4, os.cpu_count() or 1)  # workers; some calls only wait for the network
HEARTBEAT = 0.1  # seconds between two looks at whether a waiting call has been given up
PATIENCE = 0.1  # seconds to wait for a busy worker: most calls are faster, starting another worker is slower
START_SECONDS = 60.0  # for starting a worker and importing the plugin, not counted as the call's time


class Workers:
    """Worker processes, started when they are needed."""

    def __init__(self) -> None:
        self._idle: list[Worker] = []
        self._busy: list[Worker] = []
        self._closed = False
        self._warming: set[Worker] = set()  # those of the busy ones that load plugins for `warm_up`
        self._changed = threading.Condition()

    def call(
        self, plugin: Plugin, arguments: Mapping[str, Any], options: Mapping[str, Any], cancellation: Cancellation
    ) -> Output:
        """Run the plugin in a worker, which is killed when the call is given up.

        Raises PluginTimeout or PluginError, also if the worker dies.
        """
        worker = self._take(plugin, cancellation)
        is_usable = False
        try:
            task = (source_of(plugin), plugin.name, dict(arguments), dict(options))
            output = worker.call(_run, *task, seconds=plugin.timeout, cancellation=cancellation)
            is_usable = True
            return output
        except (WorkerTimeout, Cancelled):
            raise PluginTimeout(f"{plugin.name} took longer than {plugin.timeout:g} s") from None
        except WorkerDied:
            why = "was ended with the agent" if self._closed else "crashed its worker process"
            raise PluginError(f"{plugin.name} {why}") from None
        except MossAgentError:  # from the plugin
            is_usable = True
            raise
        except Exception as error:  # its settings or its result cannot be sent
            raise PluginError(f"{plugin.name} failed: {reason(error)}") from None
        finally:
            self._give_back(worker, is_usable)

    def warm_up(self, plugins: Sequence[Plugin]) -> None:
        """Start a worker in the background and load the plugins in it, so that the first call need not wait."""

        def start() -> None:
            for plugin in plugins:
                with suppress(Exception):  # the first call will tell
                    self._give_back(self._take(plugin, Cancellation(), is_warm_up=True), is_usable=True)

        threading.Thread(target=start, daemon=True).start()

    def close(self) -> None:
        """End all workers, running calls included."""
        with self._changed:
            workers = self._idle + self._busy
            self._closed, self._idle = True, []
            self._changed.notify_all()
        for worker in workers:
            worker.kill()

    def _take(self, plugin: Plugin, cancellation: Cancellation, is_warm_up: bool = False) -> Worker:
        """Return a worker that has the plugin loaded: an idle one, or a new one if those have died meanwhile."""
        while True:
            worker, is_new = self._idle_or_new(plugin, cancellation, is_warm_up)
            try:
                task = (source_of(plugin), plugin.name, plugin.imports)
                worker.call(_prepare, *task, seconds=START_SECONDS, cancellation=cancellation)
                return worker
            except BaseException as error:
                self._give_back(worker, is_usable=False)
                if isinstance(error, Cancelled):
                    raise PluginTimeout(f"{plugin.name} was given up") from None
                if isinstance(error, WorkerTimeout):
                    raise PluginError(f"{plugin.name} cannot be loaded within {START_SECONDS:g} s") from None
                if not isinstance(error, WorkerDied):
                    raise
                if is_new and not self._closed:
                    raise PluginError(f"{plugin.name} cannot be loaded: it crashed its worker process") from None

    def _idle_or_new(self, plugin: Plugin, cancellation: Cancellation, is_warm_up: bool) -> tuple[Worker, bool]:
        with self._changed:
            self._wait_for_place(plugin, cancellation)
            is_new = not self._idle
            try:
                worker = Worker(MEMORY) if is_new else self._idle.pop()
            except OSError as error:
                raise PluginError(f"{plugin.name}: no worker process could be started: {error.strerror}") from error
            self._busy.append(worker)
            if is_warm_up:
                self._warming.add(worker)
            return worker, is_new

    def _wait_for_place(self, plugin: Plugin, cancellation: Cancellation) -> None:
        """Wait until a worker is idle or may be started. Raises PluginError, PluginTimeout."""
        begin = time.monotonic()
        while not self._has_idle() and not cancellation.cancelled:
            waited = time.monotonic() - begin
            if len(self._busy) < MOST and not self._warming and (waited >= PATIENCE or not self._busy):
                break
            if waited > START_SECONDS:
                raise PluginTimeout(f"{plugin.name} waited too long for other calls to end")
            self._changed.wait(HEARTBEAT)
        if cancellation.cancelled:
            raise PluginTimeout(f"{plugin.name} was given up")
        if self._closed:
            raise PluginError(f"{plugin.name}: the agent has been closed")

    def _has_idle(self) -> bool:
        return bool(self._idle) or self._closed

    def _give_back(self, worker: Worker, is_usable: bool) -> None:
        """End a call. A worker that is not usable any more is killed; `close` has killed all of them."""
        with self._changed:
            self._busy.remove(worker)
            self._warming.discard(worker)
            if self._closed:
                return
            if is_usable:
                self._idle.append(worker)
            self._changed.notify_all()
        if not is_usable:
            worker.kill()


def _prepare(source: str, name: str, imports: Sequence[str]) -> None:
    """Import, in the worker, what the first call would otherwise wait for."""
    try:
        load_source(source, name)
        for module in imports:
            importlib.import_module(module)
    except MossAgentError as error:
        raise plain(error) from None
    except BaseException as error:
        raise PluginError(f"{name} cannot be loaded: {reason(error)}") from None


def _run(source: str, name: str, arguments: dict[str, Any], options: dict[str, Any]) -> Output:
    """Call the plugin, in the worker; whatever it raises arrives as a PluginError."""
    try:
        return finish(load_source(source, name)(**arguments, **options), Cancellation())
    except MossAgentError as error:
        raise plain(error) from None
    except BaseException as error:
        raise PluginError(f"{name} failed: {reason(error)}") from None
