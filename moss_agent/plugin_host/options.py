"""The user's settings of a plugin: values for its keyword-only parameters."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from types import NoneType
from typing import Any

from moss_agent.errors import UsageError
from moss_agent.plugin_host.contract import Plugin

KINDS = {str: "text in quotes", int: "a whole number", float: "a number", bool: "true or false"}
TOML = (*KINDS, list, dict, datetime.datetime, datetime.date, datetime.time)


def check_settings(plugin: Plugin, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings. Raises UsageError naming the first that the plugin lacks, or has of another type."""
    for name, value in settings.items():
        if name not in plugin.options:
            known = ", ".join(plugin.options) or "none"
            raise UsageError(f"[plugins.{plugin.key}] has no setting {name!r}; it has: {known}")
        if not fits(value, plugin.kinds(name)):
            expected = " or ".join(KINDS[kind] for kind in plugin.kinds(name) if kind in KINDS)
            raise UsageError(f"{name} = {value!r} under [plugins.{plugin.key}] must be {expected}")
    return dict(settings)


def fits(value: object, kinds: Sequence[Any]) -> bool:
    """Return whether the value fits these annotated types; only what TOML has and plain types are judged."""
    plain = [kind for kind in kinds if kind in KINDS]
    judged = type(value) in TOML and plain and set(kinds) <= {*plain, NoneType}
    return not judged or type(value) in plain or (type(value) is int and float in plain)
