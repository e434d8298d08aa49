"""`moss-agent doctor`: what works on this machine, what does not, and what to do about it."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from moss_agent import __version__
from moss_agent.cli.calling import call_plugin
from moss_agent.cli.json_lines import print_json
from moss_agent.cli.options import add_agent_options, settings_from, silence_libraries
from moss_agent.cli.pictures import way
from moss_agent.cli.screen import Screen
from moss_agent.cli.streams import own_stdout
from moss_agent.cli.text import columns, one_line
from moss_agent.errors import MossAgentError, said_by
from moss_agent.extras import EXTRAS, missing
from moss_agent.plugin_host import Plugin, PluginRunner, discover
from moss_agent.protocol import Command
from moss_agent.resources import user_path
from moss_agent.session import Sampling
from moss_agent.settings import Settings, settings_file

if TYPE_CHECKING:
    from moss_agent.checkpoints.catalog import Entry

DESCRIPTION = """\
Look at this machine, the settings, the plugins and the server, and say of each problem what to do about it. Nothing is
downloaded or changed. The exit code is 1 if there is a problem."""

EXAMPLES = """\
examples:
  moss-agent doctor
  moss-agent doctor --server http://127.0.0.1:11434
  moss-agent doctor --json"""

TRIALS = {"calculator": ("37*89", "3293"), "equation_solver": ("x+1=3", "x = 2")}  # calls that need nothing else
MARKS = {"ok": ("✓", "32"), "note": ("·", "2"), "problem": ("✗", "33")}  # with the style of each

State = Literal["ok", "note", "problem"]


@dataclass(frozen=True)
class Finding:
    """What was found of one thing. `note`: something is missing that nobody has asked for."""

    about: str
    state: State
    text: str
    remedy: str = ""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = DESCRIPTION, EXAMPLES
    parser.add_argument("--json", action="store_true", help="print one JSON object per finding")
    add_agent_options(parser)
    parser.set_defaults(run=run)


def run(parsed: argparse.Namespace) -> int:
    has_problem = False
    with own_stdout() as out:
        screen = Screen(out)
        for finding in findings(partial(settings_from, parsed), screen):
            has_problem = has_problem or finding.state == "problem"
            print_json(asdict(finding), out) if parsed.json else show(finding, screen)
    return int(has_problem)


def show(finding: Finding, screen: Screen) -> None:
    mark, style = MARKS[finding.state]
    screen.write(mark, style)
    about = one_line(finding.about)
    screen.write(f" {about}{' ' * max(1, 24 - columns(about))}{one_line(finding.text)}\n")
    if finding.remedy:
        screen.write(f"  → {one_line(finding.remedy)}\n")


def findings(load: Callable[[], Settings], screen: Screen) -> Iterator[Finding]:
    """Yield what is found, one after the other; what fails is a finding too. load: reads the settings."""
    yield Finding("version", "ok", f"moss-agent {__version__}, Python {platform.python_version()}, {platform.system()}")
    yield _terminal(screen)
    yield from _extras()
    try:
        settings = load()
        _check(settings)
    except MossAgentError as error:
        yield Finding("settings", "problem", str(error), _mend())
        settings = Settings()
    else:
        yield Finding("settings", "ok", str(settings_file()) + ("" if settings_file().exists() else " (none yet)"))
    for look in (_store, _plugins, _machine, _server):
        try:
            yield from look(settings)
        except Exception as error:  # a library may be installed and broken
            yield Finding(look.__name__.strip("_"), "problem", said_by(error), "install the package anew")


def _check(settings: Settings) -> None:
    """Raise UsageError for a family or a value of sampling with which no model opens."""
    from moss_agent.opening.dialect import choose_family

    Sampling(**settings.sampling({}))
    if settings.family:  # else it is the model's, which may have to be fetched
        choose_family(settings, None)


def _mend() -> str:
    return f"mend {settings_file()}, or leave out the flag"


def _terminal(screen: Screen) -> Finding:
    if not screen.is_terminal:
        return Finding("terminal", "note", "standard output is no terminal")
    shown = way(os.environ)
    pictures = (
        f"pictures by {shown.__name__.replace('_', ' ')}" if shown else "no pictures (COLORTERM=truecolor says so)"
    )
    colours = "colours" if screen.is_coloured else "no colours"
    return Finding(
        "terminal", "ok", f"{os.environ.get('TERM', 'unknown')}, {screen.width} columns, {colours}, {pictures}"
    )


def _extras() -> Iterator[Finding]:
    for extra in EXTRAS:
        if lacking := missing(extra):
            text = f"not installed: lacks {', '.join(lacking)}"
            yield Finding(f"extra {extra}", "note", text, f"pip install 'moss-agent[{extra}]'")
        else:
            yield Finding(f"extra {extra}", "ok", "installed")


def _store(settings: Settings) -> Iterator[Finding]:
    """Yield whether the stored conversations can be read and written."""
    from moss_agent.history import History

    try:
        with History() as history:
            listed = history.list(1)
    except MossAgentError as error:
        yield Finding("history", "problem", str(error), "move the file away, or name another in MOSS_AGENT_HISTORY")
        return
    if settings.log and not _can_be_written(history.path):
        remedy = "allow it, name another file in MOSS_AGENT_HISTORY, or set log = false"
        yield Finding("history", "problem", f"{history.path}: it may not be written, so nothing is stored", remedy)
        return
    last = f"the last used is of {listed[0].time[:10]}" if listed else "nothing is stored yet"
    yield Finding("history", "ok" if settings.log else "note", f"{history.path}: {last}")


def _can_be_written(path: Path) -> bool:
    """Return whether a file may be written, or made with the folders that it needs."""
    there = next((each for each in (path, *path.parents) if os.path.exists(each)), path)
    return os.access(there, os.W_OK) and (there == path or there.is_dir())


def _plugins(settings: Settings) -> Iterator[Finding]:
    """Yield whether the plugins load and those of the settings exist; those that need nothing else are tried."""
    from moss_agent.opening.plugins import enabled_plugins

    available = discover(map(user_path, settings.plugin_dirs))
    for problem in available.problems:
        yield Finding("plugin", "problem", problem, "moss-agent plugins check FILE says more")
    for plugin in available.left_out:
        yield Finding(f"plugin {plugin.key}", "note", "left out: its name, label or key is taken by another one")
    try:
        enabled_plugins(settings, available)
    except MossAgentError as error:
        yield Finding("plugins", "problem", str(error), _mend())
    for plugin in available.values():
        yield _plugin(plugin, settings)


def _plugin(plugin: Plugin, settings: Settings) -> Finding:
    about = f"plugin {plugin.key}"
    if missing(plugin.extra):
        return Finding(about, "note", f"needs the extra {plugin.extra}", f"pip install 'moss-agent[{plugin.extra}]'")
    try:
        with closing(PluginRunner([plugin], settings.plugin_settings)) as runner:
            if plugin.key not in TRIALS:
                return Finding(about, "ok", "loads")
            argument, wanted = TRIALS[plugin.key]
            result = call_plugin(runner, Command(plugin.name, (argument,))).result
    except MossAgentError as error:
        return Finding(about, "problem", str(error), f"moss-agent plugins run {plugin.key} tries it alone")
    if result != wanted:
        return Finding(about, "problem", f"{argument} gave {result}", "install sympy, numexpr and mpmath anew")
    return Finding(about, "ok", f"works: {argument} is {result}")


def _machine(settings: Settings) -> Iterator[Finding]:
    """Yield the devices, their memory, and which of the known models fit."""
    import psutil

    from moss_agent.free_memory import free_ram

    free, whole = free_ram() / 1e9, psutil.virtual_memory().total / 1e9
    text = f"{os.cpu_count()} processors, {free:.1f} of {whole:.1f} GB of memory are free"
    yield Finding("machine", "ok", text)
    if missing("local"):
        return
    silence_libraries()
    import torch

    from moss_agent.checkpoints.catalog import CATALOG
    from moss_agent.checkpoints.machine import this_machine

    machine = this_machine()
    gpus = [f"{torch.cuda.get_device_name(i)} ({free / 1e9:.0f} GB free)" for i, free in enumerate(machine.gpus)]
    kind = "Apple's GPU" if torch.backends.mps.is_available() else "no GPU: models run on the processors"
    yield Finding("devices", "ok", ", ".join(gpus) or kind)
    for entry in CATALOG:
        yield _fit(entry, max(sum(machine.gpus), machine.ram))


def _fit(entry: Entry, free: int) -> Finding:
    """Return in which precision a model fits, if in any."""
    for kind, size in (("16 bits", 2.0), ("--quantize int8", 1.1), ("--quantize int4", 0.65)):
        if entry.parameters * size * 1.1 < free:
            return Finding(f"model {entry.name}", "ok", f"fits, with {kind}: {entry.parameters * size / 1e9:.1f} GB")
    remedy = f"moss-agent models info {entry.name} says what would help"
    return Finding(f"model {entry.name}", "note", "does not fit into the memory that is free", remedy)


def _server(settings: Settings) -> Iterator[Finding]:
    """Yield whether the server of the settings answers, and what it has."""
    if not settings.server:
        return
    from moss_agent.opening.dialect import choose_family
    from moss_agent.opening.served import find_served

    try:
        served = find_served(settings)
        family = choose_family(settings, served)
    except MossAgentError as error:
        yield Finding("server", "problem", str(error), "start it, or change server and server_model in the settings")
        return
    size = f", {served.context_length} tokens" if served.context_length else ""
    name = served.name or "its only model"
    yield Finding("server", "ok", f"{served.connection.host} has {name}{size}; dialect {family.dialect}")


if sys.platform == "win32":  # its consoles may not know these characters
    MARKS = {"ok": ("ok", "32"), "note": ("--", "2"), "problem": ("!!", "33")}
