"""What the documentation shows is what happens."""

from __future__ import annotations

import ast
import re
import sys
from dataclasses import fields
from pathlib import Path
from types import ModuleType
from typing import get_args

import pytest

from moss_agent.errors import PluginError
from moss_agent.events import CallEvent, Event
from moss_agent.plugin_host import PluginRunner, Policy, plugin
from moss_agent.protocol import SEGMENTS
from moss_agent.settings import load_settings, tomllib
from plugins.calculator import calculate
from plugins.equation_solver import solve
from plugins.web_search import web_search
from plugins.web_search._options import Options
from tests.scripted import ScriptedModel, ScriptedSession, scripted_runtime

DOCS = Path(__file__).parents[1] / "docs"


def examples(page: str, section: str) -> list[tuple[str, list[str]]]:
    """The rows of the first table of a section: the argument and the lines of the result."""
    text = (DOCS / page).read_text(encoding="utf-8").partition(f"## {section}\n")[2].partition("\n## ")[0]
    rows = [re.split(r"(?<!\\)\|", line)[1:3] for line in text.splitlines() if line.startswith("| `")]
    return [(code(argument)[0], code(result)) for argument, result in rows]


def rows(page: str, head: str) -> list[list[str]]:
    """The cells of the table that begins with this line, without their quotes."""
    table = (DOCS / page).read_text(encoding="utf-8").partition(f"{head}\n|---")[2].partition("\n\n")[0]
    cells = (line.strip("|").split("|") for line in table.splitlines()[1:])
    return [[cell.strip().strip("`") for cell in row] for row in cells]


def code(cell: str) -> list[str]:
    return [text.replace("\\|", "|") for text in re.findall("`([^`]*)`", cell)]


@pytest.mark.parametrize(("argument", "result"), examples("exact-plugins.md", "Calculate"))
def test_documented_calculation(argument, result):
    assert [calculate(argument)] == result


@pytest.mark.parametrize(("argument", "result"), examples("exact-plugins.md", "Solve"))
def test_documented_solution(argument, result):
    assert solve(argument) == result


def test_documented_reason():
    page = (DOCS / "exact-plugins.md").read_text(encoding="utf-8")
    argument, reason = re.search(r'\$ moss-agent plugins run calculator "(.*)"\n    moss-agent: (.*)\n', page).groups()
    with pytest.raises(PluginError) as caught:
        calculate(argument)
    assert str(caught.value) == reason


def test_documented_settings_of_the_search_are_all_its_settings():
    block = (DOCS / "search.md").read_text(encoding="utf-8").partition("```toml\n")[2].partition("```")[0]
    table = tomllib.loads(block)["plugins"]["web_search"]
    assert table.keys() == web_search.options.keys()
    Options(**table)  # raises if a value cannot be right


@pytest.fixture(scope="module")
def documented_plugins() -> PluginRunner:
    """The plugins of the page's first block, in a module of their own."""
    block = (DOCS / "plugins.md").read_text(encoding="utf-8").partition("```python\n")[2].partition("```")[0]
    module = sys.modules["documented_plugins"] = ModuleType("documented_plugins")
    exec(block, vars(module))
    return PluginRunner([module.convert, module.mean])


def run(runner: PluginRunner, call: str) -> object:
    read = ast.parse(call, mode="eval").body
    named = {keyword.arg: ast.literal_eval(keyword.value) for keyword in read.keywords}
    return runner.run(read.func.id, [ast.literal_eval(argument) for argument in read.args], named)


def test_documented_plugins_declare_what_the_page_says(documented_plugins):
    convert, mean = documented_plugins.plugins.values()
    assert (convert.key, convert.description, convert.api) == ("units", "Convert a length.", "Convert(value, source)")
    assert mean.key == "mean"


@pytest.mark.parametrize(("call", "result"), rows("plugins.md", "| call | result |"))
def test_documented_call(documented_plugins, call, result):
    assert run(documented_plugins, call) == result


@pytest.mark.parametrize(("call", "reason"), rows("plugins.md", "| call | reason |"))
def test_documented_refusal(documented_plugins, call, reason):
    with pytest.raises(PluginError) as caught:
        run(documented_plugins, call)
    assert str(caught.value) == reason


@pytest.mark.parametrize(
    ("effects", "approval", "rules", "decision"), rows("plugins.md", "| effects | approval | rules | decision |")
)
def test_documented_decision(effects, approval, rules, decision):
    made = plugin("Post", label="Post", key="post", effects=effects.split(), approval=approval)(lambda text: text)
    assert Policy(tomllib.loads(rules.replace("; ", "\n"))).decide(made) == decision


class MultiplyingSession(ScriptedSession):
    """Writes the same in every turn, whatever the order of the conversations."""

    TURN = ("", " A product.<eot>", ' Calculate("37*89")<eoc>', "", " It is 3293.<eom>")

    def reply(self) -> str:
        begun = max(range(len(SEGMENTS)), key=lambda number: self.text.rfind(SEGMENTS[number].header))
        written = self.text.rpartition(SEGMENTS[begun].header)[2]
        return self.TURN[begun].removeprefix(written)


class MultiplyingModel(ScriptedModel):
    session_type = MultiplyingSession


def test_documented_python_prints_what_the_page_says(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    page = (DOCS / "python.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```(?:\n\n```text\n(.*?)```)?", page, re.DOTALL)
    module = ModuleType("documented_python")
    with scripted_runtime(MultiplyingModel([]), [calculate], policy=Policy({"calculator": "ask"})) as module.runtime:
        for code, printed in blocks[2:]:  # the first two open the mini model
            exec(code, vars(module))
            assert capsys.readouterr().out == printed
        page = (DOCS / "history.md").read_text(encoding="utf-8")  # goes on with the same runtime
        (code, printed) = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", page, re.DOTALL)[0]
        exec(code, vars(module))
        assert capsys.readouterr().out == printed


def test_documented_events_are_all_events_with_all_fields():
    table = rows("python.md", "| event | type | fields |")
    documented = {name: (kind, re.findall(r"\w+", names)) for name, kind, names in table}
    ids = {field.name for field in fields(CallEvent)}
    assert documented == {
        event.__name__: (event.type, [field.name for field in fields(event) if field.name not in ids])
        for event in get_args(Event)
    }


def test_the_plugin_of_the_readme_does_what_it_says():
    section = (DOCS.parent / "README.md").read_text(encoding="utf-8").partition("## A plugin of your own\n")[2]
    module = sys.modules["readme_plugin"] = ModuleType("readme_plugin")
    exec(section.partition("```python\n")[2].partition("```")[0], vars(module))
    assert f"API: {module.weather.api}`" in section
    assert PluginRunner([module.weather]).run("Weather", ["Paris", "2"], {"unit": "f"}) == "Paris, 2 days: 63°F"


def test_documents_link_to_what_is_there():
    root = DOCS.parent
    for page in [*root.glob("*.md"), *root.glob("docs/*.md"), *root.glob("examples/*/*.md")]:
        for link in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
            assert link.startswith("https://") or (page.parent / link).exists(), f"{page.name} links to {link}"


@pytest.mark.parametrize("page", ["README.md", "docs/command-line.md"])
def test_documented_settings_are_settings(page, tmp_path, monkeypatch):
    section = (DOCS.parent / page).read_text(encoding="utf-8").partition("## Settings\n")[2]
    file = tmp_path / "settings.toml"
    file.write_text(section.partition("```toml\n")[2].partition("```")[0], encoding="utf-8")
    monkeypatch.setenv("MOSS_AGENT_SETTINGS", str(file))
    settings = load_settings()
    assert settings.model == "mini" and settings.approval == {"network": "ask"}
