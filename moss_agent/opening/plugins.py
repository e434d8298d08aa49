"""The enabled plugins, from the settings."""

from __future__ import annotations

from collections.abc import Sequence

from moss_agent.checkpoints.families import Family
from moss_agent.errors import UsageError
from moss_agent.plugin_host import Catalog, Plugin, PluginRunner, Policy, discover
from moss_agent.resources import user_path
from moss_agent.settings import Settings


def open_plugins(settings: Settings, family: Family) -> PluginRunner:
    """Return the enabled plugins that the policy does not deny, in the family's order, with their settings."""
    policy = Policy(settings.approval)
    enabled = enabled_plugins(settings, discover(map(user_path, settings.plugin_dirs)))
    plugins = [plugin for plugin in enabled if policy.decide(plugin) != "deny"]
    known = [capability.label for capability in family.preamble.known]
    plugins.sort(key=lambda plugin: known.index(plugin.label) if plugin.label in known else len(known))
    return PluginRunner(plugins, settings.plugin_settings, policy)


def enabled_plugins(settings: Settings, available: Catalog) -> list[Plugin]:
    """Return the enabled plugins, denied ones too.

    Raises UsageError, also for tables and rules of unknown plugins, and MissingDependency as `Catalog.enabled` does.
    """
    plugins = available.enabled(settings.plugins)
    if not available.problems:  # else the plugin may be one that does not load
        _check_tables(settings, [*available.values(), *available.left_out, *plugins])
    return plugins


def _check_tables(settings: Settings, plugins: Sequence[Plugin]) -> None:
    """Raise UsageError for settings of a plugin that does not exist, and for rules of approval for one."""
    keys = {plugin.key for plugin in plugins}
    Policy(settings.approval).check_names(keys)
    for key in settings.plugin_settings.keys() - keys:
        known = ", ".join(sorted(keys))
        raise UsageError(f"the settings have a table [plugins.{key}] of an unknown plugin; there are: {known}")
