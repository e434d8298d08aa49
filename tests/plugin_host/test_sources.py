"""Plugins of all sources are gathered; what is wrong with some is said and the others stay."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from moss_agent.errors import UsageError
from moss_agent.plugin_host import Catalog, Found, Plugin, PluginRunner, discover, load_folder, plugin, select
from moss_agent.plugin_host.sources import Folder, gather

pytestmark = pytest.mark.slow  # files of plugins are imported in processes of their own first

PLUGIN = """
from moss_agent import plugin

@plugin("{name}", label="{label}")
def run(text: str, words: list[str] = []) -> str:
    return "mine"
"""


def write(file: Path, name: str, label: str = "") -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(PLUGIN.format(name=name, label=label or name))
    return file


@pytest.fixture
def said(caplog):
    """The warnings, as `messages`."""
    caplog.set_level(logging.WARNING, "moss_agent")
    return caplog


def test_the_four_bundled_plugins_are_there():
    assert {"Search", "Calculate", "Solve", "Text2Image"} <= set(discover())


def test_plugins_are_selected_by_key_or_command_name():
    available = discover()
    names = ["calculator", "Solve", "Calculate"]
    assert (
        [p.name for p in available.enabled(names)]
        == ["Calculate", "Solve"]
        == [p.name for p in select(available, names)]
    )
    with pytest.raises(UsageError, match="no plugin 'calc'; there are: calculator, equation_solver"):
        available.enabled(["calc"])


def test_a_plugin_can_be_given_itself(tmp_path):
    (own,) = load_folder(write(tmp_path / "one.py", "One"))
    assert [p.name for p in discover().enabled([own, "calculator", own])] == ["One", "Calculate"]


@pytest.mark.parametrize(
    ("file", "name", "label", "taken"),
    [
        ("my_search.py", "Search", "My search", "its name 'Search' is taken by web_search"),
        ("my_search.py", "MySearch", "Web search", "its label 'Web search' is taken by web_search"),
        ("web_search.py", "MySearch", "My search", "its key 'web_search' is taken by web_search"),
    ],
)
def test_whoever_comes_second_is_left_out_unless_it_is_named(tmp_path, said, file, name, label, taken):
    own = write(tmp_path / file, name, label)
    available = discover([tmp_path])
    assert [p.key for p in available.enabled()].count("web_search") == 1
    assert available["Search"].label == "Web search"
    (message,) = said.messages
    assert taken in message and f"--plugins {own.stem}" in message and str(own) in message
    for wanted in (own.stem, name):
        (chosen,) = available.enabled([wanted])
        assert chosen("x") == "mine"
    assert said.messages == [message]


def test_a_folder_that_is_named_twice_counts_once(tmp_path, said):
    write(tmp_path / "one.py", "One")
    assert "One" in [plugin.name for plugin in discover([tmp_path, tmp_path / "one.py"]).enabled()]
    assert said.messages == []


def test_a_plugin_or_folder_that_fails_is_one_warning(tmp_path, said):
    write(tmp_path / "good" / "one.py", "One")
    (tmp_path / "good" / "broken.py").write_text("import no_such_module")
    (tmp_path / "empty").mkdir()
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "other.py").write_text("x = 1")
    available = discover([tmp_path / "nowhere", tmp_path / "empty", tmp_path / "none", tmp_path / "good"])
    assert {"One", "Calculate"} <= set(available)
    assert available.problems == tuple(said.messages)
    assert [message.partition(str(tmp_path))[0] for message in said.messages] == [
        "no plugin folder ",
        "no plugin in ",
        "no plugin in ",
        "plugin broken: ",
    ]
    assert all("\n" not in message for message in said.messages)


def test_a_package_that_only_imports_its_plugins_is_one_warning(tmp_path, said):
    write(tmp_path / "one.py", "One")
    write(tmp_path / "weather" / "core.py", "Weather")
    (tmp_path / "weather" / "__init__.py").write_text("from .core import run\n")
    assert "One" in discover([tmp_path])
    assert said.messages == [
        "plugin weather: weather imports its plugins from weather.core: "
        "put them in __init__.py, or name weather.core instead"
    ]


def test_a_source_of_any_kind_may_fail(tmp_path, said):
    class Down:
        def find(self) -> Found:
            raise ConnectionError("the server\nis down")

    catalog = gather([Down(), Folder(write(tmp_path / "one.py", "One"))])
    assert list(catalog) == ["One"] and len(catalog) == 1
    assert said.messages == ["ConnectionError: the server is down"]


def test_two_plugins_that_a_model_cannot_tell_apart_are_not_enabled_together():
    def make(name: str, label: str) -> Plugin:
        return plugin(name, label=label)(lambda text: text)

    one = make("One", "One")
    assert Catalog([one, make("One", "Two"), make("Two", "One")]).enabled() == [one]
    with pytest.raises(UsageError, match="have the same name 'One'"):
        PluginRunner([one, make("One", "Two")])
    with pytest.raises(UsageError, match="have the same label 'One'"):
        PluginRunner([one, make("Two", "One")])


def install(folder: Path, package: str, *offers: str) -> None:
    """Write the metadata of an installed package that offers its module, or plugins in it, by name."""
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    points = "".join(f"{name} = {package}:{name}\n" for name in offers) or f"{package} = {package}\n"
    (info / "entry_points.txt").write_text(f"[moss_agent.plugins]\n{points}")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("1/0", "ZeroDivisionError: division by zero"),
        ("import os; os._exit(0)", "its import ends the process: do in the function what crashes or exits"),
    ],
)
def test_installed_packages_offer_plugins_and_a_broken_one_is_a_warning(tmp_path, content, problem):
    write(tmp_path / "weather_station" / "__init__.py", "Station")
    (tmp_path / "broken_station.py").write_text(content)
    install(tmp_path, "weather_station", "run", "also_run")  # a module that is named twice is loaded once
    install(tmp_path, "broken_station")
    code = "from moss_agent.plugin_host import discover; all = discover(); all.enabled(); print(all['Station']('x'))"
    path = os.pathsep.join([str(tmp_path), str(Path.cwd())])
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True
    )
    assert done.stdout == "mine\n", done.stderr
    assert done.stderr == f"plugin broken_station: broken_station does not load: {problem}\n"
