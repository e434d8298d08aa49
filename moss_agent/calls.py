"""The plugin calls of one turn: approved, started beside the model, collected."""

from __future__ import annotations

import threading
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Union

from moss_agent.cancellation import Cancellation
from moss_agent.errors import UsageError
from moss_agent.events import ApprovalRequested, CallProgress, CallStarted, Hit, Notice, Picture, Value
from moss_agent.plugin_host import PluginRunner, Progress, Result
from moss_agent.protocol import Command, as_value

MAX_CALLS = 16  # the training data has up to 12 in a turn; a model caught in a loop would write on and on


@dataclass(frozen=True)
class Approval:
    """What becomes of a call that needs approval.

    run: whether it may run. arguments, named: those to run it with, None for the model's own.
    reason: why not; the model is told.
    Raises UsageError for arguments that a model could not have written.
    """

    run: bool
    arguments: tuple[Value, ...] | None = None
    named: Mapping[str, Value] | None = None
    reason: str = ""

    def __post_init__(self) -> None:
        if self.arguments is not None:
            if not isinstance(self.arguments, (list, tuple)):
                raise UsageError(f"the arguments of an Approval must be a tuple: write ({self.arguments!r},)")
            object.__setattr__(self, "arguments", tuple(map(_value, self.arguments)))
        if self.named is not None:
            if not isinstance(self.named, Mapping):
                raise UsageError(f"the named arguments of an Approval must be a mapping, not {self.named!r}")
            object.__setattr__(self, "named", {name: _value(value) for name, value in self.named.items()})


OnApproval = Callable[[ApprovalRequested], Union["Approval", None]]
"""Decides on a call; None leaves it to `Chat.approve`, for which the turn then waits."""


@dataclass(frozen=True)
class FinishedCall:
    """How a call ended. `error` is the reason for people; index: its place in the turn, from 0.

    is_usage: whether it failed because a setting is wrong.
    """

    id: str
    index: int
    command: Command
    output: Result = None
    error: str = ""
    seconds: float = 0.0
    is_usage: bool = False

    @property
    def name(self) -> str:
        return self.command.name

    @property
    def hits(self) -> tuple[Hit, ...]:
        return tuple(item for item in self._items if isinstance(item, Hit))

    @property
    def images(self) -> tuple[Picture, ...]:
        return tuple(item for item in self._items if isinstance(item, Picture))

    @property
    def _items(self) -> tuple[object, ...]:
        return self.output if isinstance(self.output, tuple) else ()


@dataclass
class _Pending:
    """A call that waits for a decision."""

    index: int
    command: Command
    request: ApprovalRequested
    decision: Approval | None = None


class TurnCalls:
    """Starts the commands of one turn as they are written and collects what comes of them.

    on_approval: asked about calls that need approval, once the model has written all commands of the round.
    first: number of the first call; the turn has had those before it already.
    """

    def __init__(
        self,
        runner: PluginRunner,
        turn_id: str,
        cancellation: Cancellation,
        on_approval: OnApproval | None = None,
        first: int = 0,
    ) -> None:
        self._runner = runner
        self._turn_id = turn_id
        self._cancellation = cancellation
        self._on_approval = on_approval
        self._running = runner.turn()
        self._first = first
        self._commands: dict[int, Command] = {}
        self._pending: list[_Pending] = []
        self._too_many = False
        self._ended: dict[int, FinishedCall] = {}
        self._decided = threading.Condition()

    def start(self, command: Command) -> Iterator[CallStarted | ApprovalRequested | Notice]:
        """Start the command beside the model, unless it needs approval or the turn has had too many."""
        if (index := self._next()) is None:
            yield from self._warn()
            return
        self._commands[index] = command
        plugin = self._runner.plugins.get(command.name)
        if plugin is None or self._runner.decide(command.name) != "ask":
            yield self._start(index, command)
            return
        effects = tuple(sorted(plugin.effects))
        request = ApprovalRequested(
            index, command.name, command.arguments, command.named, effects, call_id=self._id(index)
        )
        with self._decided:
            self._pending.append(_Pending(index, command, request))
        yield request

    def refuse(self, command: Command, reason: str) -> Iterator[CallStarted | FinishedCall | Notice]:
        """End a command that cannot be run as it was written. reason: for people and for the model."""
        if (index := self._next()) is None:
            yield from self._warn()
            return
        self._commands[index] = command
        yield self._started(index, command)
        yield self._end(index, FinishedCall(self._id(index), index, command, error=reason))

    def approve(self, call_id: str, decision: Approval) -> None:
        """Decide on a call that waits for it. Thread-safe. Raises UsageError if none of that id does."""
        _check(decision, "the decision on a call must be an Approval")
        with self._decided:
            waiting = next((p for p in self._pending if p.request.call_id == call_id and not p.decision), None)
            if waiting is None:
                raise UsageError(f"no call {call_id} waits for approval")
            waiting.decision = decision
            self._decided.notify_all()

    def finished(self, wait: bool = False) -> Iterator[CallProgress | FinishedCall]:
        """Yield calls that have ended, or gone on, and were not given yet; with `wait` until all have ended."""
        for news in self._running.finished(wait):
            if isinstance(news, Progress):
                preview = f"data:image/png;base64,{b64encode(news.preview).decode()}" if news.preview else ""
                yield CallProgress(news.index, news.done, news.total, preview, call_id=self._id(news.index))
            else:
                index, command = news.index, self._commands[news.index]
                ended = (news.output, news.error, news.seconds, news.is_usage)
                yield self._end(index, FinishedCall(self._id(index), index, command, *ended))

    def collect(self) -> Iterator[CallStarted | CallProgress | FinishedCall]:
        """Have the pending calls decided and wait for all. Raises Cancelled."""
        for pending in self._pending:
            yield from self._settle(pending)
        with self._decided:
            self._pending.clear()
        yield from self.finished(wait=True)

    def ended(self, first: int = 0) -> list[FinishedCall]:
        """Return the calls from that one on that have ended, in the order in which they were written."""
        return [self._ended[index] for index in sorted(self._ended) if index >= first]

    def stopped(self, first: int) -> list[FinishedCall]:
        """Return the calls from that one on, those that have not ended as failed: the turn was stopped before."""
        left = (index for index in self._commands if index not in self._ended)
        stopped = [FinishedCall(self._id(index), index, self._commands[index], error="stopped") for index in left]
        return sorted(self.ended(first) + stopped, key=lambda call: call.index)

    def cancel(self) -> None:
        """Give up the calls; `collect`, which may be waiting in another thread, raises Cancelled."""
        self._running.cancel()
        with self._decided:
            self._decided.notify_all()

    def _settle(self, pending: _Pending) -> Iterator[CallStarted | FinishedCall]:
        """Start a call that is approved; end one that is not."""
        decision = self._wait_for_decision(pending)
        command = pending.command
        if decision.arguments is not None or decision.named is not None:
            arguments = command.arguments if decision.arguments is None else decision.arguments
            named = command.named if decision.named is None else decision.named
            command = self._commands[pending.index] = Command(command.name, arguments, named)
        if decision.run:
            yield self._start(pending.index, command, approved=True)
            return
        told = f"Refused: {decision.reason}" if decision.reason else None
        error = f"refused: {decision.reason or 'it was not approved'}"
        yield self._end(pending.index, FinishedCall(self._id(pending.index), pending.index, command, told, error))

    def _wait_for_decision(self, pending: _Pending) -> Approval:
        decision = pending.decision or self._ask(pending.request)
        with self._decided:
            pending.decision = pending.decision or decision
            while pending.decision is None:
                self._cancellation.check()
                self._decided.wait()
            return pending.decision

    def _ask(self, request: ApprovalRequested) -> Approval | None:
        """Return what `on_approval` decides; None leaves it to `approve`."""
        if self._on_approval is None:
            return Approval(False)
        decision = self._on_approval(request)
        if decision is not None:
            _check(decision, "on_approval must return an Approval or None")
        return decision

    def _start(self, index: int, command: Command, approved: bool = False) -> CallStarted:
        self._running.start(index, command.name, command.arguments, command.named, approved)
        return self._started(index, command)

    def _started(self, index: int, command: Command) -> CallStarted:
        return CallStarted(
            index, command.name, command.argument, command.arguments, command.named, call_id=self._id(index)
        )

    def _next(self) -> int | None:
        """Return the number of the next call, None if the turn has had too many."""
        index = self._first + len(self._commands)
        return index if index < MAX_CALLS else None

    def _warn(self) -> Iterator[Notice]:
        if not self._too_many:
            yield Notice(f"more than {MAX_CALLS} commands: the others are not run")
        self._too_many = True

    def _end(self, index: int, call: FinishedCall) -> FinishedCall:
        self._ended[index] = call
        return call

    def _id(self, index: int) -> str:
        return f"{self._turn_id}.{index}"


def _value(given: object) -> Value:
    try:
        return as_value(given)
    except ValueError as error:
        raise UsageError(f"an argument of an Approval {error}: {given!r}") from None


def _check(decision: object, rule: str) -> None:
    if not isinstance(decision, Approval):
        raise UsageError(f"{rule}, not {decision!r}")
