"""The plugins that a case has: those that only compute run, the others give what is recorded.

Whether a search engine is there, and what it finds today, is not the model's doing; and nothing of a data set goes to
other people's servers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from moss_agent.errors import MossAgentError
from moss_agent.evaluation.cases import Case, FunctionsCase, QuestionCase, RecordedCase
from moss_agent.events import Call, Hit, Output, Picture
from moss_agent.plugin_host import Plugin, PluginRunner, Result
from moss_agent.protocol import DRAWN, Passage, parse_results, render_outcome
from moss_agent.records import Round, Turn

RECORDED = "recorded"  # the address of a hit, and the path of a picture
START_SECONDS = 120.0  # more than the worker process of an isolated plugin takes to start


def computes(plugin: Plugin) -> bool:
    """Return whether a call depends on its arguments alone, as far as the plugin declares."""
    return not plugin.effects and plugin.approval == "never"


def compute(runner: PluginRunner, call: Call) -> str | None:
    """Return what the call gives if its plugin only computes, as text; None if that is nothing."""
    plugin = runner.plugins.get(call.name)
    if plugin is None or not computes(plugin):
        return None
    try:
        result = runner.run(call.name, call.arguments, call.named)
    except MossAgentError:
        return None
    return _text(result)


def plugins_for(case: Case, runner: PluginRunner) -> list[Plugin]:
    """Return what the case's chat may call. runner: runs those that only compute, for all cases."""
    if isinstance(case, FunctionsCase):
        return list(case.functions)
    if isinstance(case, QuestionCase) and case.without_plugins:
        return []
    recorded = dict(_recorded(case.turn)) if isinstance(case, RecordedCase) else {}
    return [_stand_in(plugin, runner, recorded) for plugin in runner.plugins.values()]


def _stand_in(plugin: Plugin, runner: PluginRunner, recorded: dict[tuple[str, str], Output]) -> Plugin:
    function = _computing(plugin, runner) if computes(plugin) else _giving(plugin, recorded)
    timeout = plugin.timeout + START_SECONDS
    return replace(plugin, function=function, isolated=False, imports=(), approval="never", timeout=timeout)


def _computing(plugin: Plugin, runner: PluginRunner) -> Callable[..., Output]:
    """Return a function that calls the plugin itself, with the settings that it has."""

    def call(**arguments: Any) -> Output:
        return runner.run(plugin.name, (), arguments)

    return call


def _giving(plugin: Plugin, recorded: dict[tuple[str, str], Output]) -> Callable[..., Output]:
    """Return a function that gives what is recorded for its first argument, else for any call of the plugin."""
    outputs = [output for (name, _), output in recorded.items() if name == plugin.name]

    def give(**arguments: Any) -> Output:
        argument = str(next(iter(arguments.values()), ""))
        return recorded.get((plugin.name, argument), outputs[0] if outputs else None)

    return give


def _recorded(turn: Turn) -> Iterator[tuple[tuple[str, str], Output]]:
    for done in turn.rounds:
        for call in done.calls:
            yield (call.name, call.argument), _output(call, done)


def _output(call: Call, done: Round) -> Output:
    """Return what the plugin gave, as far as the record says."""
    if call.images or call.result == DRAWN:
        return Picture(RECORDED, call.argument)
    if call.hits:
        return call.hits
    entry = next((each for each in parse_results(done.results) if render_outcome(each) == call.result), None)
    passages = [line for line in entry.body or () if isinstance(line, Passage)] if entry else []
    if passages:
        return tuple(Hit(passage.text, url=RECORDED) for passage in passages)
    return call.result if call.ok else None


def _text(result: Result) -> str | None:
    if isinstance(result, str):
        return result
    lines = [item for item in result or () if isinstance(item, str)]
    return "\n".join(lines) or None
