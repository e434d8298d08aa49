"""Plugins are loaded from modules and packages; broken ones are named."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from types import SimpleNamespace

import pytest

from moss_agent.errors import PluginContractError, UsageError
from moss_agent.plugin_host import load_folder
from moss_agent.plugin_host.loading import load_module, load_source, plugins_in, refused, source_of

pytestmark = pytest.mark.slow  # files of plugins are imported in processes of their own first

PLUGIN = """
from moss_agent import plugin
{imports}
@plugin("{name}", label="{name}")
def run(text: str) -> str:
    return {value}
"""


def write(folder: Path, file: str, name: str, value: str = "text", imports: str = "") -> None:
    path = folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(PLUGIN.format(name=name, value=value, imports=imports))


def test_modules_and_packages_of_a_folder_are_plugins_and_may_share_private_modules(tmp_path):
    (tmp_path / "_table.py").write_text("VALUE = 'shared'")
    write(tmp_path, "one.py", "One", "VALUE", "from ._table import VALUE")
    write(tmp_path, "two/__init__.py", "Two", "VALUE", "from .inner import VALUE")
    (tmp_path / "two" / "inner.py").write_text("VALUE = 'inner'")
    found = {plugin.name: plugin for plugin in load_folder(tmp_path)}
    assert {name: plugin("x") for name, plugin in found.items()} == {"One": "shared", "Two": "inner"}
    assert found["Two"].key == "two"


@pytest.mark.parametrize(
    "content",
    ["import no_such_module", "raise ValueError('no')", "def (:", "raise SystemExit", "raise KeyboardInterrupt"],
)
def test_a_module_that_does_not_load_is_named(tmp_path, content):
    (tmp_path / "broken.py").write_text(content)
    with pytest.raises(PluginContractError, match=r"plugin broken: .*broken\.py does not load: \w+"):
        load_folder(tmp_path)


def test_a_module_whose_import_is_interrupted_is_imported_anew(tmp_path):
    (tmp_path / "one.py").write_text("raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        load_module(tmp_path / "one.py")
    write(tmp_path, "one.py", "One")
    assert [plugin.name for plugin in plugins_in(load_module(tmp_path / "one.py"))] == ["One"]


def test_a_module_that_ends_the_process_is_named_and_its_neighbours_are_tried(tmp_path):
    (tmp_path / "crash.py").write_text("import os; os._exit(0)")
    (tmp_path / "leave.py").write_text("raise KeyboardInterrupt")
    write(tmp_path, "one.py", "One")
    found = refused(tmp_path / name for name in ("crash.py", "leave.py", "one.py"))
    assert list(found) == [str(tmp_path / "crash.py"), str(tmp_path / "leave.py")]


def test_a_module_that_another_thread_imports_is_waited_for(tmp_path, monkeypatch):
    begun, go_on = threading.Event(), threading.Event()
    monkeypatch.setitem(sys.modules, "meeting", SimpleNamespace(begun=begun, go_on=go_on))
    write(tmp_path, "one.py", "One", imports="import meeting; meeting.begun.set(); meeting.go_on.wait()\n")
    with ThreadPoolExecutor() as pool:
        first = pool.submit(load_module, tmp_path / "one.py")
        begun.wait()
        second = pool.submit(lambda: plugins_in(load_module(tmp_path / "one.py")))
        wait([second], timeout=0.5)  # it ends here only if it does not wait
        go_on.set()
        assert [plugin.name for plugin in second.result()] == ["One"]
        assert second.result() == plugins_in(first.result())


def write_two(folder: Path, other: str, options: str = "") -> None:
    write(folder, "one.py", "One", "'first'")
    text = PLUGIN.format(name=other, value="'second'", imports="").replace("def run", "def other")
    with (folder / "one.py").open("a") as file:
        file.write(text.replace("label=", f"{options}label="))


def test_several_plugins_may_stand_in_one_module(tmp_path):
    write_two(tmp_path, "Two")
    found = load_folder(tmp_path)
    assert [(plugin.key, plugin.name, plugin("x")) for plugin in found] == [
        ("one", "One", "first"),
        ("other", "Two", "second"),
    ]
    assert load_source(source_of(found[1]), "Two")("x") == "second"


@pytest.mark.parametrize(("name", "options", "same"), [("One", "", "name One"), ("Two", "key='one', ", "key one")])
def test_two_plugins_of_a_module_that_cannot_be_told_apart_are_refused(tmp_path, name, options, same):
    write_two(tmp_path, name, options)
    with pytest.raises(PluginContractError, match=f"has another plugin of the {same}"):
        load_folder(tmp_path)


def test_a_module_that_only_imports_plugins_is_refused(tmp_path):
    write(tmp_path, "weather/core.py", "Weather")
    (tmp_path / "weather" / "__init__.py").write_text("from .core import run\n")
    (tmp_path / "wind.py").write_text("from .weather.core import run\n")
    with pytest.raises(
        PluginContractError,
        match=r"^plugin weather: weather imports its plugins from weather\.core: "
        r"put them in __init__\.py, or name weather\.core instead$",
    ):
        load_folder(tmp_path / "weather")
    with pytest.raises(PluginContractError, match=r"wind imports .* weather\.core: put them in wind\.py, or name"):
        load_folder(tmp_path / "wind.py")


def test_a_module_may_import_plugins_beside_its_own(tmp_path):
    write(tmp_path, "one.py", "One")
    write(tmp_path, "two.py", "Two", imports="from .one import run as one\n")
    assert [plugin.name for plugin in load_folder(tmp_path)] == ["One", "Two"]


def test_a_single_file_can_be_named(tmp_path):
    write(tmp_path, "one.py", "One")
    write(tmp_path, "two.py", "Two")
    assert [plugin.name for plugin in load_folder(tmp_path / "two.py")] == ["Two"]


def test_folders_without_plugins_are_refused(tmp_path):
    with pytest.raises(UsageError, match="no plugin folder"):
        load_folder(tmp_path / "nothing")
    (tmp_path / "other.py").write_text("x = 1")
    with pytest.raises(UsageError, match="no plugin in"):
        load_folder(tmp_path)


def test_another_process_finds_a_plugin_by_its_source(tmp_path):
    write(tmp_path, "one.py", "One", "text * 2")
    plugin = load_folder(tmp_path)[0]
    assert load_source(source_of(plugin), "One")("ab") == "abab"
