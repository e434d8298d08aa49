"""What a chat goes on with: /plugins switches plugins on and off, /model takes another model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from moss_agent.cli.loading import Loading
from moss_agent.cli.options import open_runtime
from moss_agent.cli.tables import table
from moss_agent.cli.talk import Talk
from moss_agent.cli.text import clean, one_line
from moss_agent.errors import UsageError
from moss_agent.plugin_host import Plugin, discover, select
from moss_agent.resources import user_path
from moss_agent.settings import Settings

if TYPE_CHECKING:
    from moss_agent.runtime import Runtime


def plugins(talk: Talk, rest: str) -> None:
    """List the plugins, or switch some of them on or off."""
    switch, *names = rest.split() or [""]
    enabled = talk.runtime.plugins
    if not switch:
        talk.printer.note(_listed(talk))
    elif switch not in ("on", "off") or not names:
        raise UsageError("name plugins, as in /plugins off web_search or /plugins on web_search; /plugins lists them")
    elif switch == "off":
        gone = _named(enabled, names)
        _use(talk, [plugin for plugin in enabled.values() if plugin not in gone])
    else:
        more = discover(map(user_path, talk.settings.plugin_dirs)).enabled(names)
        known = [plugin for plugin in enabled.values() if plugin.name not in {each.name for each in more}]
        _use(talk, [*known, *more])
        for plugin in more:
            if plugin.name not in talk.runtime.plugins:
                talk.printer.failure(f"{plugin.key} is denied by [approval] in the settings: it stays off")


def _named(enabled: Mapping[str, Plugin], names: Sequence[str]) -> list[Plugin]:
    """Return those of the enabled plugins. Raises UsageError for a name that none of them has."""
    try:
        return select(enabled, names)
    except UsageError:
        on = ", ".join(plugin.key for plugin in enabled.values())
        listed = " ".join(names)
        raise UsageError(f"nothing is switched off by {listed!r}; these plugins are on: {on or 'none'}") from None


def _use(talk: Talk, chosen: list[Plugin]) -> None:
    talk.use_plugins(chosen)
    keys = ", ".join(plugin.key for plugin in talk.runtime.plugins.values())
    talk.printer.note(f"Going on with {one_line(keys) or 'no plugin'}.")


def _listed(talk: Talk) -> str:
    rows = [["on", plugin.key, plugin.api] for plugin in talk.runtime.plugins.values()]
    rows += [["off", plugin.key, plugin.api] for plugin in _switched_off(talk)]
    return clean(table(["", "PLUGIN", "CALLED AS"], rows)) if rows else "There is no plugin."


def _switched_off(talk: Talk) -> list[Plugin]:
    found = discover(map(user_path, talk.settings.plugin_dirs))
    return [plugin for name, plugin in found.items() if name not in talk.runtime.plugins]


def completed(talk: Talk, words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Complete what stands behind /plugins."""
    if len(words) == 1:
        yield from ((switch, "") for switch in ("on", "off") if switch.startswith(words[0]))
    elif words[0] in ("on", "off"):
        among = _switched_off(talk) if words[0] == "on" else talk.runtime.plugins.values()
        yield from ((plugin.key, one_line(plugin.label)) for plugin in among if plugin.key.startswith(words[-1]))


def model(talk: Talk, rest: str) -> None:
    """Say which model this is, or go on with another one."""
    if not rest:
        talk.printer.note(one_line(talk.runtime.model) or "The server does not say which model it has.")
        return
    settings = other_model(talk.settings, rest)
    loading: Loading[Runtime] = Loading(lambda: open_runtime(settings), one_line(rest, 60))
    try:
        runtime = loading.wait(talk.printer.screen)
    except KeyboardInterrupt:
        loading.discard(lambda late: late.close())
        raise
    talk.use_model(runtime, settings)
    talk.printer.note(f"Going on with {one_line(talk.runtime.model)}.")


def other_model(settings: Settings, name: str) -> Settings:
    """Return settings for another model: an address is a server's, a name is the same server's where there is one.

    Behind an address may stand which of its models.
    """
    if name.startswith(("http://", "https://")):
        address, _, served = name.partition(" ")
        return replace(settings, server=address, server_model=served.strip())
    return replace(settings, server_model=name) if settings.server else replace(settings, model=name)
