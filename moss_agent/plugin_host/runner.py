"""Running a turn's plugin calls: all at once, each with a time limit, none able to break the turn."""

from __future__ import annotations

import atexit
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary, finalize

from moss_agent.cancellation import Cancellation
from moss_agent.errors import Cancelled, MossAgentError, PluginError, PluginTimeout, UsageError
from moss_agent.events import Value
from moss_agent.plugin_host.approval import Decision, Policy
from moss_agent.plugin_host.contract import Plugin
from moss_agent.plugin_host.coroutines import finish
from moss_agent.plugin_host.isolation import START_SECONDS, Workers
from moss_agent.plugin_host.options import check_settings
from moss_agent.plugin_host.outputs import Result, limit_output
from moss_agent.plugin_host.progress import Progress, listening
from moss_agent.plugin_host.reasons import reason
from moss_agent.plugin_host.surroundings import WorkingFolder

_GRACE = 1.0  # seconds that a worker's own timeout gets to report before the call is given up
_LATE = 0.5  # seconds at most to look once more for calls whose end came while the whole program stood still
_REST = 15.0  # seconds that the end of the program waits for calls that end when they report next

_reporting: WeakKeyDictionary[threading.Thread, Cancellation] = WeakKeyDictionary()  # how to give up their calls


@dataclass(frozen=True)
class Outcome:
    """How a call ended. `error` is the reason for people, empty if there is an output.

    is_usage: whether a setting is wrong, or the call itself, as the plugin said by raising UsageError.
    """

    index: int
    output: Result
    error: str
    seconds: float
    is_usage: bool = False


class PluginRunner:
    """Runs calls of the given plugins, with the settings of each.

    settings: for each plugin's key, values for the function's keyword-only parameters.
    policy: which calls need approval; None if whoever makes them has decided already.
    Raises UsageError for settings that a plugin does not have, and for two plugins that the model could not
    tell apart.
    """

    def __init__(
        self,
        plugins: Sequence[Plugin],
        settings: Mapping[str, Mapping[str, Any]] = {},
        policy: Policy | None = None,
    ) -> None:
        check_distinct(plugins)
        self._policy = policy
        self.plugins = {plugin.name: plugin for plugin in plugins}
        self._settings = {plugin.name: check_settings(plugin, settings.get(plugin.key, {})) for plugin in plugins}
        self._workers = Workers()

    def turn(self) -> RunningCalls:
        """Return a new turn's calls."""
        return RunningCalls(self)

    def warm_up(self) -> None:
        """Get ready for the first call to an isolated plugin, in the background."""
        self._workers.warm_up([plugin for plugin in self.plugins.values() if plugin.isolated])

    def release(self) -> bool:
        """Let the plugins give back the memory that they keep between calls; return whether there was any."""
        released = [plugin.release() for plugin in self.plugins.values() if plugin.release]
        return any(released)

    def close(self) -> None:
        """End the worker processes."""
        self._workers.close()

    def decide(self, name: str) -> Decision:
        """Return whether calls of the plugin may run, need approval, or are denied. UsageError if there is none."""
        plugin = self._plugin(name)
        return self._policy.decide(plugin) if self._policy else "allow"

    def unknown(self, name: str) -> UsageError:
        """Return the error of a call to a plugin that is not there."""
        return UsageError(f"no plugin {name} is enabled; enabled: {', '.join(self.plugins) or 'none'}")

    def run(
        self,
        name: str,
        arguments: Sequence[Value],
        named: Mapping[str, Value] = {},
        cancellation: Cancellation | None = None,
        approved: bool = False,
    ) -> Result:
        """Run one call to its end. Raises MossAgentError with the reason if there is no output.

        cancellation: cancel it to end an isolated or async call early. approved: a person has approved this very call.
        """
        plugin, cancellation = self._plugin(name), cancellation or Cancellation()
        self._check_allowed(name, approved)
        given, options = plugin.bind(arguments, named), self._settings[name]
        if plugin.isolated:
            output = self._workers.call(plugin, given, options, cancellation)
        else:
            output = finish(plugin(**given, **options), cancellation)
        return limit_output(plugin, output)

    def _plugin(self, name: str) -> Plugin:
        if name not in self.plugins:
            raise self.unknown(name)
        return self.plugins[name]

    def _check_allowed(self, name: str, approved: bool) -> None:
        decision, key = self.decide(name), self.plugins[name].key
        if decision == "deny":
            raise PluginError(f"{name} is denied by the settings: see [approval], {key} or its effects")
        if decision == "ask" and not approved:
            raise PluginError(f'{name} needs approval, and nobody gave it: {key} = "allow" under [approval] allows it')


class RunningCalls:
    """The calls of one turn. `start` never waits; `finished` gives progress and outcomes as they come."""

    def __init__(self, runner: PluginRunner) -> None:
        self._runner = runner
        self._done: queue.SimpleQueue[Progress | Outcome | None] = queue.SimpleQueue()
        self._limits: dict[int, _Limit] = {}
        self._folder = WorkingFolder()

    def start(
        self,
        index: int,
        name: str,
        arguments: Sequence[Value],
        named: Mapping[str, Value] = {},
        approved: bool = False,
    ) -> None:
        """Start a call in a thread of its own. One of an unknown plugin has failed at once."""
        if (plugin := self._runner.plugins.get(name)) is None:
            self._limits[index] = _Limit(name, time.monotonic(), 0.0)  # never reached: its outcome is there already
            self._done.put(Outcome(index, None, reason(self._runner.unknown(name)), 0.0, is_usage=True))
            return
        seconds = plugin.timeout + (2 * START_SECONDS + _GRACE if plugin.isolated else 0)
        limit = self._limits[index] = _Limit(name, time.monotonic(), seconds)
        call = partial(self._runner.run, name, arguments, named, limit.cancellation, approved)
        threading.Thread(target=self._run, args=(index, name, call, limit.cancellation), daemon=True).start()

    def finished(self, wait: bool) -> Iterator[Progress | Outcome]:
        """Yield progress, and outcomes not yet given: those there are, or with `wait` all, each as it comes.

        Raises Cancelled after `cancel`.
        """
        while self._limits:
            try:
                news = self._done.get(timeout=self._patience() if wait else 0)
            except queue.Empty:
                if not wait:
                    return
                self._extend()
                if self._patience() > 0:  # also if a call has reported just now
                    continue
                news = self._expired()
            if news is None:
                raise Cancelled("the turn was cancelled")
            if news.index in self._limits:
                if isinstance(news, Outcome):
                    del self._limits[news.index]
                yield news

    def cancel(self) -> None:
        """Give up: end the isolated calls, and make `finished` raise, which may be waiting in another thread."""
        for limit in list(self._limits.values()):
            limit.cancellation.cancel()
        self._folder.restore()
        self._done.put(None)

    def _run(self, index: int, name: str, call: Callable[[], Result], cancellation: Cancellation) -> None:
        started = time.monotonic()
        output, error, is_usage = None, "", False
        try:
            with listening(partial(self._report, index, cancellation)):
                if cancellation.cancelled:  # before this thread began: what the call changed would stay
                    raise PluginTimeout("the call was given up")
                output = call()
        except MossAgentError as problem:
            error, is_usage = reason(problem), isinstance(problem, UsageError)
        except BaseException as problem:  # whatever a plugin does, the turn goes on
            error = f"{name} failed: {reason(problem)}"
        finally:
            if not cancellation.cancelled:  # else it was restored then, and the program may have gone elsewhere
                self._folder.restore()
        error = error or ("" if output is not None else f"{name} found nothing")
        self._done.put(Outcome(index, output, error, time.monotonic() - started, is_usage))

    def _report(self, index: int, cancellation: Cancellation, done: int, total: int, preview: bytes) -> None:
        """Pass on how far a call is, or end the call if nobody waits for it."""
        limit = self._limits.get(index)
        _reporting[threading.current_thread()] = cancellation
        if cancellation.cancelled or limit is None:
            raise PluginTimeout("the call was given up")
        limit.begin, limit.extra = time.monotonic(), 0.0
        self._done.put(Progress(index, done, total, preview))

    def _patience(self) -> float:
        return max(0.0, min(limit.end for limit in self._limits.values()) - time.monotonic())

    def _extend(self) -> None:
        """Let calls report that may have ended in time: nobody looked while the program itself stood still.

        They get as long as their end is past, up to _LATE, and once: a program that has not stood still is not
        held up.
        """
        now = time.monotonic()
        for limit in self._limits.values():
            if not limit.extra and limit.end < now:
                limit.extra = now - limit.end + min(_LATE, now - limit.end)

    def _expired(self) -> Outcome:
        """Return an outcome for the call whose time is up first; it is given up, and its thread left to itself."""
        index = min(self._limits, key=lambda i: self._limits[i].end)
        limit = self._limits[index]
        limit.cancellation.cancel()
        self._folder.restore()
        return Outcome(index, None, f"{limit.name} took longer than {limit.seconds:g} s", limit.seconds)


@dataclass
class _Limit:
    """When a call began or last reported, how many seconds it has from then on, and how to end it.

    extra: seconds more, as its end was noticed late.
    """

    name: str
    begin: float
    seconds: float
    cancellation: Cancellation = field(default_factory=Cancellation)
    extra: float = 0.0

    @property
    def end(self) -> float:
        return self.begin + self.seconds + self.extra


# With the first of its kind Python registers that all are run at exit. Made here, that comes after the calls' end:
# a call may still be importing torch, whose finalizers fail when they are left to the end of the interpreter.
finalize(PluginRunner, bool)


@atexit.register
def _end_reporting_calls() -> None:
    """Let calls that can be given up end before the interpreter does: cut off within torch, they would abort it."""
    end = time.monotonic() + _REST
    with suppress(KeyboardInterrupt):  # whoever presses Ctrl-C again does not want to wait
        for thread, cancellation in list(_reporting.items()):
            cancellation.cancel()
            thread.join(max(0.0, end - time.monotonic()))


def check_distinct(plugins: Sequence[Plugin]) -> None:
    """Raise UsageError if two plugins have the same name or label: the model could not tell them apart."""
    for what in ("name", "label"):
        seen: dict[str, Plugin] = {}
        for plugin in plugins:
            value = getattr(plugin, what)
            other = seen.setdefault(value, plugin)
            if other is not plugin:
                raise UsageError(
                    f"plugins {other.key} and {plugin.key} have the same {what} {value!r}: "
                    f"give one another {what}, or enable only one of them with --plugins"
                )
