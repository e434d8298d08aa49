"""Where plugins come from: the bundled folder, installed packages, the user's folders, in this order.

What is wrong with one plugin or source is a warning, which is logged, and no reason to do without the others. Of two
plugins with the same name, label or key the later one is left out, unless it is enabled by name; one that lacks its
extra is later than all others.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import filterfalse
from pathlib import Path
from typing import Protocol

from moss_agent.errors import PluginContractError, UsageError
from moss_agent.extras import missing, need
from moss_agent.plugin_host.contract import Plugin
from moss_agent.plugin_host.loading import installed_modules, load, modules_in, plugins_in, refused, source_of
from moss_agent.plugin_host.reasons import reason
from moss_agent.resources import bundled, user_path

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Found:
    """What a source has, and what is wrong with the rest, each in one line."""

    plugins: tuple[Plugin, ...] = ()
    problems: tuple[str, ...] = ()


class Source(Protocol):
    """The interface of every source."""

    def find(self) -> Found:
        """Load the plugins. Raises an error if the source as a whole fails."""


class Bundled:
    """The plugins that come along."""

    def find(self) -> Found:
        return _load_all(modules_in(bundled("plugins").resolve()), refusals={})


class Installed:
    """The plugins that installed packages offer as entry points."""

    def find(self) -> Found:
        modules = installed_modules()
        return _load_all(modules, refused(modules))


@dataclass(frozen=True)
class Folder:
    """The plugins of a folder of the user's, or of one module."""

    path: Path

    def find(self) -> Found:
        modules = modules_in(user_path(self.path).resolve())
        found = _load_all(modules, refused(modules))
        if not found.plugins and not found.problems:
            raise UsageError(f"no plugin in {self.path}: a plugin is a function with the decorator moss_agent.plugin")
        return found


class Catalog(Mapping[str, Plugin]):
    """The plugins of some sources by command name, without those that are left out.

    left_out: plugins whose name, label or key is taken. problems: what is wrong with those that are missing.
    """

    def __init__(self, plugins: Iterable[Plugin], problems: Iterable[str] = ()) -> None:
        self._all = tuple(plugins)
        self._by_name: dict[str, Plugin] = {}
        self.left_out: list[Plugin] = []
        self.problems = tuple(problems)
        for plugin in sorted(self._all, key=_lacks_extra):
            if _taken(plugin, self.values()):
                self.left_out.append(plugin)
            else:
                self._by_name[plugin.name] = plugin

    def __getitem__(self, name: str) -> Plugin:
        return self._by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)

    def enabled(self, names: Iterable[str | Plugin] | None = None) -> list[Plugin]:
        """Return the named plugins, or all that are not left out and whose extra is installed.

        A name that several have means the latest: the user's own plugin rather than a bundled one.
        Raises UsageError for an unknown name, MissingDependency for a named plugin whose extra is not installed.
        """
        if names is not None:
            chosen = _select(self._all, names)
            for plugin in chosen:
                need(plugin.extra)
            return chosen
        for plugin in filterfalse(_lacks_extra, self.left_out):
            _logger.warning(
                "plugin %s of %s is left out: %s; give it another, or enable it with --plugins %s",
                *(plugin.name, source_of(plugin), _taken(plugin, self.values()), plugin.key),
            )
        return list(filterfalse(_lacks_extra, self.values()))


def discover(folders: Iterable[Path] = ()) -> Catalog:
    """Gather the bundled plugins, the installed ones, and those of `folders`."""
    return gather([Bundled(), Installed(), *map(Folder, folders)])


def gather(sources: Iterable[Source]) -> Catalog:
    """Load the plugins of all sources; what several have counts once. Logs a warning for each problem."""
    plugins: list[Plugin] = []
    problems: list[str] = []
    for source in sources:
        try:
            found = source.find()
        except Exception as error:
            found = Found(problems=(reason(error),))
        plugins += found.plugins
        problems += found.problems
    for problem in problems:
        _logger.warning("%s", problem)
    return Catalog(dict.fromkeys(plugins), problems)


def select(available: Mapping[str, Plugin], names: Iterable[str | Plugin]) -> list[Plugin]:
    """Return the named plugins, by key (`calculator`) or command name (`Calculate`), or plugins themselves."""
    return _select(available.values(), names)


def _select(plugins: Iterable[Plugin], names: Iterable[str | Plugin]) -> list[Plugin]:
    by_key = {plugin.key: plugin for plugin in plugins}
    by_name = {plugin.name: plugin for plugin in plugins}
    chosen = []
    for name in names:
        plugin = name if isinstance(name, Plugin) else by_name.get(name) or by_key.get(name)
        if plugin is None:
            raise UsageError(f"no plugin {name!r}; there are: {', '.join(sorted(by_key))}")
        chosen.append(plugin)
    return list(dict.fromkeys(chosen))


def _load_all(modules: Sequence[Path | str], refusals: Mapping[str, PluginContractError]) -> Found:
    """Return the plugins of all modules, those that are refused or do not load being problems."""
    plugins: list[Plugin] = []
    problems: list[str] = []
    for module in map(str, modules):
        try:
            if module in refusals:
                raise refusals[module]
            plugins += plugins_in(load(module))
        except PluginContractError as error:
            problems.append(str(error))
    return Found(tuple(plugins), tuple(problems))


def _lacks_extra(plugin: Plugin) -> bool:
    return bool(missing(plugin.extra))


def _taken(plugin: Plugin, by: Iterable[Plugin]) -> str:
    """Return what of the plugin another one has already, in words; empty if nothing."""
    for other in by:
        for what in ("name", "label", "key"):
            if getattr(plugin, what) == getattr(other, what):
                return f"its {what} {getattr(plugin, what)!r} is taken by {other.key}"
    return ""
