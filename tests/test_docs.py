"""What the documentation shows is what happens."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from moss_agent.errors import PluginError
from moss_agent.settings import tomllib
from plugins.calculator import calculate
from plugins.equation_solver import solve
from plugins.web_search import web_search
from plugins.web_search._options import Options

DOCS = Path(__file__).parents[1] / "docs"


def examples(page: str, section: str) -> list[tuple[str, list[str]]]:
    """The rows of the first table of a section: the argument and the lines of the result."""
    text = (DOCS / page).read_text(encoding="utf-8").partition(f"## {section}\n")[2].partition("\n## ")[0]
    rows = [re.split(r"(?<!\\)\|", line)[1:3] for line in text.splitlines() if line.startswith("| `")]
    return [(code(argument)[0], code(result)) for argument, result in rows]


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
