"""`moss-agent plugins`: what there is, whether it works, and a start for new ones. Running is in `plugins_run`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from moss_agent.cli import plugins_new, plugins_run
from moss_agent.cli.options import add_debug_option, add_plugin_dir_option, settings_from
from moss_agent.cli.streams import own_stdout
from moss_agent.cli.tables import table
from moss_agent.cli.text import clean, one_line
from moss_agent.errors import PluginContractError
from moss_agent.extras import missing
from moss_agent.plugin_host import Plugin, discover
from moss_agent.plugin_host.loading import load_module, modules_in, plugins_in, refused, source_of
from moss_agent.protocol import Capability
from moss_agent.resources import bundled, user_path

DESCRIPTION = """\
Plugins are what the model can call: functions in Python files. Some are bundled, packages can bring more, and
you can write your own."""

EXAMPLES = """\
examples:
  moss-agent plugins list
  moss-agent plugins run calculator "37*89"
  moss-agent plugins new weather
  moss-agent plugins check weather.py"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = DESCRIPTION, EXAMPLES
    parser.set_defaults(parser=parser)
    actions = parser.add_subparsers(title="actions", metavar="ACTION")
    listing = actions.add_parser("list", help="list all plugins that can be found, with their settings")
    add_plugin_dir_option(listing)
    listing.set_defaults(run=run_list)
    running = actions.add_parser("run", help="run a plugin as the model would")
    plugins_run.configure(running)
    new = actions.add_parser("new", help="write a plugin to start from")
    plugins_new.configure(new)
    checking = actions.add_parser("check", help="say what is wrong with a plugin, or what the model is told of it")
    checking.add_argument("path", metavar="PATH", type=user_path, help="a plugin file, or a folder of plugins")
    checking.set_defaults(run=run_check)
    for action in (listing, running, new, checking):
        add_debug_option(action)


def run_list(parsed: argparse.Namespace) -> int:
    with own_stdout():  # plugins may print while they are loaded
        catalog = discover(map(user_path, settings_from(parsed).plugin_dirs))
    catalog.enabled()  # says which are left out
    plugins = list(catalog.values())
    rows = [[p.key, p.name, p.label, p.api, _effects(p), f"{p.timeout:g} s", _origin(p)] for p in plugins]
    lines = table(["KEY", "COMMAND", "LABEL", "API", "EFFECTS", "TIMEOUT", "FROM"], rows).split("\n")
    print(lines[0])
    for plugin, line in zip(plugins, lines[1:], strict=True):
        print(clean(line))
        if plugin.options:
            settings = ", ".join(f"{p.name} = {p.default!r}" for p in plugin.options.values())
            print(f"  settings: {one_line(settings)}")
        if missing(plugin.extra):
            print(f"  needs: pip install 'moss-agent[{one_line(plugin.extra)}]'")
    return 0


def run_check(parsed: argparse.Namespace) -> int:
    """Report every module that breaks the contract, then the lines of the preamble that the others give."""
    failed, paths = False, modules_in(parsed.path.resolve())
    dangerous = refused(paths)
    for path in paths:
        try:
            if str(path) in dangerous:
                raise dangerous[str(path)]
            with own_stdout():  # it may print while it is loaded
                found = plugins_in(load_module(path))
        except PluginContractError as error:
            print(one_line(str(error)), file=sys.stderr)
            failed = True
            continue
        if not found:
            print(f"{one_line(path.name)}: no plugin: decorate a function with moss_agent.plugin", file=sys.stderr)
            failed = True
        for plugin in found:
            print(Capability(plugin.label, plugin.api).line(enabled=True), end="")
    return 1 if failed else 0


def _effects(plugin: Plugin) -> str:
    """Return what the plugin's calls touch, and whether it wants them approved."""
    approval = {"never": [], "ask": ["asks"], "always": ["always asks"]}[plugin.approval]
    return ", ".join([*sorted(plugin.effects), *approval]) or "none"


def _origin(plugin: Plugin) -> str:
    """Return where a plugin comes from, in words or as a path."""
    source = Path(source_of(plugin))
    if source.parent == bundled("plugins").resolve():
        return "bundled"
    return str(source) if source.is_absolute() else f"package {source}"
