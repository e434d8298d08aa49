"""Loading plugins from modules.

A folder holds modules with plugins, `name.py` or `name/__init__.py`. Modules that begin with `_` are
not plugins; their neighbours may import them (`from ._tables import CITIES`). An installed package names
its modules as entry points of the group `moss_agent.plugins`.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
import threading
from collections.abc import Iterable
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType

from moss_agent.errors import PluginContractError, UsageError
from moss_agent.plugin_host.contract import Plugin
from moss_agent.plugin_host.probe import check_imports
from moss_agent.plugin_host.reasons import reason
from moss_agent.plugin_host.surroundings import restored
from moss_agent.resources import user_path

GROUP = "moss_agent.plugins"
_PREFIX = "moss_agent_plugins_"

_loading = threading.RLock()  # another thread would find a module in `sys.modules` that is not yet whole
_sources: dict[str, str] = {}  # paths of modules that `load_module` has imported, by their names


def load_folder(folder: Path) -> list[Plugin]:
    """Load the plugins of all modules in `folder`, which may also be one. Raises UsageError if there is none."""
    folder = user_path(folder).resolve()
    for error in refused(modules_in(folder)).values():
        raise error
    found = [plugin for path in modules_in(folder) for plugin in plugins_in(load_module(path))]
    if not found:
        raise UsageError(f"no plugin in {folder}: a plugin is a function with the decorator moss_agent.plugin")
    return found


def refused(sources: Iterable[Path | str]) -> dict[str, PluginContractError]:
    """Return an error for each path or module name that must not be imported: it hangs, or ends the process."""
    return check_imports(load, [str(source) for source in sources if _module_name(str(source)) not in sys.modules])


def modules_in(folder: Path) -> list[Path]:
    """Return the plugin modules of a folder: files and packages; the folder itself if it is one. UsageError if none."""
    try:
        if _is_module(folder):
            return [folder]
        if not folder.is_dir():
            raise UsageError(f"no plugin folder {folder}")
        found = [path for path in sorted(folder.iterdir()) if _is_module(path) and not path.name.startswith("_")]
    except OSError as error:
        raise UsageError(f"cannot read the plugin folder {folder}: {error.strerror}") from None
    if not found:
        raise UsageError(f"no plugin in {folder}: there is no Python file")
    return found


def _is_module(path: Path) -> bool:
    return (path.suffix == ".py" and path.is_file()) or (path / "__init__.py").is_file()


def installed_modules() -> list[str]:
    """Return the modules that installed packages offer as plugins, each once."""
    return list(dict.fromkeys(entry.module for entry in entry_points(group=GROUP)))


def plugins_in(module: ModuleType) -> list[Plugin]:
    """Return the plugins that a module defines.

    Raises PluginContractError for two with the same key or name, and if it has only imported ones.
    """
    held = [p for p in vars(module).values() if issubclass(type(p), Plugin)]  # isinstance would ask an object
    found = [p for p in held if p.function.__module__ == module.__name__]
    if held and not found:
        raise _only_imported(module, held)
    found = list({id(plugin): plugin for plugin in found}.values())
    for attribute in ("key", "name"):
        seen = set()
        for plugin in found:
            value = getattr(plugin, attribute)
            if value in seen:
                raise PluginContractError(
                    plugin.name, f"{module.__name__} has another plugin of the {attribute} {value}"
                )
            seen.add(value)
    return found


def _only_imported(module: ModuleType, plugins: Iterable[Plugin]) -> PluginContractError:
    """Return the error for a module that defines none of the plugins that it has."""
    name = _without_prefix(module.__name__)
    others = ", ".join(sorted({_without_prefix(p.function.__module__) for p in plugins}))
    file = "__init__.py" if hasattr(module, "__path__") else f"{name.rpartition('.')[2]}.py"
    return PluginContractError(
        name, f"{name} imports its plugins from {others}: put them in {file}, or name {others} instead"
    )


def load(source: str) -> ModuleType:
    """Import a plugin module by its absolute path or, if it is installed, by its name."""
    if Path(source).is_absolute():
        return load_module(Path(source))
    try:
        with _loading, restored():
            return importlib.import_module(source)
    except (Exception, SystemExit) as error:
        raise PluginContractError(source, f"{source} does not load: {reason(error)}") from error


def load_module(path: Path) -> ModuleType:
    """Import a plugin module, once, as part of a package that stands for its folder."""
    name = _module_name(str(path))
    with _loading:
        return sys.modules[name] if name in sys.modules else _imported(name, path)


def _imported(name: str, path: Path) -> ModuleType:
    _register_package(path.parent)
    file = path / "__init__.py" if path.is_dir() else path
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise PluginContractError(path.stem, f"{file} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        with restored():
            spec.loader.exec_module(module)
    except BaseException as error:
        sys.modules.pop(name, None)
        if isinstance(error, (Exception, SystemExit)):
            raise PluginContractError(path.stem, f"{file} does not load: {reason(error)}") from error
        raise
    sys.modules[name] = module  # whatever it has put there
    _sources[name] = str(path)
    return module


def source_of(plugin: Plugin) -> str:
    """Return where another process finds the plugin: a path, or the name of an installed module."""
    name = plugin.function.__module__
    return _sources.get(name, name)


def load_source(source: str, name: str) -> Plugin:
    """Return the plugin of that command name from a `source_of`."""
    for plugin in plugins_in(load(source)):
        if plugin.name == name:
            return plugin
    raise PluginContractError(name, "an isolated plugin must stand in a file, not in a script")


def _module_name(source: str) -> str:
    path = Path(source)
    return f"{_package_name(path.parent)}.{path.stem}" if path.is_absolute() else source


def _package_name(folder: Path) -> str:
    return _PREFIX + hashlib.sha256(str(folder).encode()).hexdigest()[:8]


def _without_prefix(module: str) -> str:
    """Return the module's name without the package that stands for its folder."""
    return module.partition(".")[2] if module.startswith(_PREFIX) else module


def _register_package(folder: Path) -> None:
    """Register a package for the folder, so that its modules can import one another."""
    name = _package_name(folder)
    if name not in sys.modules:
        package = ModuleType(name)
        package.__path__ = [str(folder)]
        sys.modules[name] = package
