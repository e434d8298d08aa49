"""Which plugins may run, which need a person's approval first, and which may not run at all.

The table `[approval]` of the settings has one decision for a plugin's key or for an effect:

    [approval]
    network = "ask"
    web_search = "allow"
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from moss_agent.errors import UsageError
from moss_agent.plugin_host.contract import Effect, Plugin

Decision = Literal["allow", "ask", "deny"]


@dataclass(frozen=True)
class Policy:
    """The user's rules: decisions by plugin key and by effect. Raises UsageError for what is no decision."""

    rules: Mapping[str, Decision] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, decision in self.rules.items():
            if decision not in get_args(Decision):
                raise UsageError(f"[approval] {name} = {decision!r} must be one of 'allow', 'ask', 'deny'")

    def check_names(self, keys: Collection[str]) -> None:
        """Raise UsageError for a rule that is neither for one of these plugins nor for an effect."""
        known = sorted({*get_args(Effect), *keys})
        for name in self.rules:
            if name not in known:
                raise UsageError(
                    f"[approval] has a rule for {name!r}, which is no plugin or effect; there are: {', '.join(known)}"
                )

    def decide(self, plugin: Plugin) -> Decision:
        """Return the decision for the plugin's calls.

        A rule for the plugin comes first. Else the strictest counts of what holds for each of its effects: the rule
        for the effect, or what the plugin itself declares. No rule for an effect allows a plugin that always asks.
        """
        if plugin.key in self.rules:
            return self.rules[plugin.key]
        declared: Decision = "allow" if plugin.approval == "never" else "ask"
        decisions = {self.rules.get(effect, declared) for effect in plugin.effects} or {declared}
        if plugin.approval == "always":
            decisions.add("ask")
        return max(decisions, key=get_args(Decision).index)
