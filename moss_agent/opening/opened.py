"""A model that is open, ready for any set of plugins."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from weakref import WeakSet

from moss_agent.checkpoints.families import Family
from moss_agent.dialects.dialect import Dialect
from moss_agent.messages import ChatModel
from moss_agent.opening.dialect import choose_family, open_dialect, open_model
from moss_agent.opening.plugins import open_plugins
from moss_agent.opening.served import find_served
from moss_agent.plugin_host import PluginRunner
from moss_agent.session import Model
from moss_agent.settings import Settings


@dataclass(frozen=True)
class OpenedModel:
    """A model and what it was opened from.

    name: what stored conversations call it. runners: their plugins give back memory when the model has none left.
    """

    model: Model | ChatModel
    settings: Settings
    family: Family
    name: str
    runners: WeakSet[PluginRunner]

    @classmethod
    def open(cls, settings: Settings) -> tuple[OpenedModel, PluginRunner]:
        """Open the model and the plugins. What can be refused without loading the model is refused first."""
        served = find_served(settings) if settings.server else None
        with ExitStack() as on_failure:
            if served:
                on_failure.callback(served.connection.close)
            family = choose_family(settings, served)
            runner = open_plugins(settings, family)
            on_failure.callback(runner.close)
            runners = WeakSet([runner])
            runner.warm_up()  # while the model is loaded
            model = open_model(settings, family, served, partial(release, runners))
            on_failure.pop_all()
        return cls(model, settings, family, served.name if served else settings.model, runners), runner

    @property
    def max_rounds(self) -> int:
        return self.settings.max_rounds or self.family.max_rounds

    def open_dialect(self, runner: PluginRunner) -> Dialect:
        """Return the dialect that tells the model of these plugins. Raises UsageError if they leave no room."""
        self.runners.add(runner)
        return open_dialect(self.model, self.settings, self.family, list(runner.plugins.values()))


def release(runners: Iterable[PluginRunner]) -> bool:
    """Let the plugins of all runners give back memory; return whether there was any."""
    return sum(runner.release() for runner in list(runners)) > 0
