"""One plugin call from the command line, without a model."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain

from moss_agent.calls import TurnCalls
from moss_agent.cancellation import Cancellation
from moss_agent.dialects.results import tell
from moss_agent.errors import PluginError, UsageError
from moss_agent.events import Call, CallProgress
from moss_agent.plugin_host import PluginRunner
from moss_agent.protocol import Command


def call_plugin(
    runner: PluginRunner, command: Command, show: Callable[[CallProgress], None] = lambda progress: None
) -> Call:
    """Run the command as the only one of a conversation's first turn; how far it is goes to `show`.

    Raises UsageError for a wrong setting, and PluginError if there is no result for another reason.
    """
    calls = TurnCalls(runner, "", Cancellation())
    try:
        for item in chain(calls.start(command), calls.finished(wait=True)):
            if isinstance(item, CallProgress):
                show(item)
    except BaseException:
        calls.cancel()
        raise
    (finished,) = calls.ended()
    if finished.error:
        raise (UsageError if finished.is_usage else PluginError)(finished.error)
    return tell([finished], ()).calls[0]
