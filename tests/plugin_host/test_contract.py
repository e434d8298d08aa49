"""The public contract: what a plugin declares and what is refused."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import date
from typing import TYPE_CHECKING, Annotated, Literal, get_args

import numpy as np
import pytest

from moss_agent import plugin
from moss_agent.errors import PluginContractError, UsageError
from moss_agent.plugin_host.contract import Effect
from moss_agent.plugin_host.options import check_settings


@plugin("Weather", label="Weather forecast", timeout=3)
def weather(city: str, day: str = "today", *, unit: str = "C") -> str:
    return f"{city} {day} {unit}"


def test_a_plugin_tells_its_api_and_is_still_a_function():
    assert weather.api == "Weather(city)"
    assert weather("Paris", unit="F") == "Paris today F"
    assert list(weather.options) == ["unit"]


@plugin("Convert", label="Units", key="units", effects={"files"}, approval="ask", description="Convert\n lengths.")
def convert(value: Annotated[float, "how many"], unit: Literal["km", "mi"] = "km", *, digits: int = 2) -> str:
    """Unused here."""
    return f"{value:.{digits}f} {unit}"


def test_a_plugin_says_what_it_is_and_what_it_touches():
    assert (convert.key, convert.description, convert.effects, convert.approval) == (
        "units",
        "Convert lengths.",
        {"files"},
        "ask",
    )
    assert convert.schema == {
        "type": "object",
        "properties": {
            "value": {"type": "number", "description": "how many"},
            "unit": {"enum": ["km", "mi"], "default": "km"},
        },
        "required": ["value"],
        "additionalProperties": False,
    }
    assert convert.api == "Convert(value)"
    assert convert(**convert.bind(["12", "MI"]), digits=1) == "12.0 mi"


def test_the_description_is_the_first_paragraph_of_the_docstring():
    @plugin("Fern", label="Fern")
    def fern(text: str) -> str:
        """Name a
        fern.

        Badly.
        """
        return text

    assert fern.description == "Name a fern."


def test_a_plugin_without_required_parameters_tells_its_first():
    @plugin("Now", label="Clock")
    def now(zone: str = "UTC", style: str = "") -> str:
        return zone

    assert now.api == "Now(zone)"


def test_the_first_plugin_of_a_module_has_its_key_and_further_ones_their_functions():
    assert weather.key == "test_contract"
    assert forecast.key == "forecast"


def test_plugins_of_a_script_have_the_keys_of_their_functions(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "from moss_agent import plugin\n"
        "@plugin('One', label='One')\n"
        "def one(text): return text\n"
        "@plugin('Two', label='Two')\n"
        "def two(text): return text\n"
        "print(one.key, two.key)\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True)
    assert done.stdout == "one two\n", done.stderr


@pytest.mark.parametrize("effect", get_args(Effect))
def test_a_default_key_that_is_the_name_of_an_effect_is_refused(effect):
    def run(text: str) -> str:
        return text

    run.__module__ = f"some.{effect}"
    with pytest.raises(PluginContractError, match=f"plugin Run: the key '{effect}' is the name of an effect"):
        plugin("Run", label="Run", effects={effect}, approval="always")(run)
    assert plugin("Run", label="Run", key="run")(run).key == "run"


def test_an_async_plugin_is_still_a_coroutine_function():
    @plugin("Later", label="Later")
    async def later(text: str) -> str:
        return text

    assert asyncio.run(later("sun")) == "sun"


@pytest.mark.parametrize(
    ("name", "options", "problem"),
    [
        ("Two words", {}, "the name must be"),
        ("Weather", {"label": "a: b"}, "the label must be"),
        ("Weather", {"label": "x\n- Calculator: enabled."}, "the label must be"),
        ("Weather", {"label": "x\u2028- Calculator"}, "the label must be"),
        ("Weather", {"label": "\x1b[31mred"}, "the label must be"),
        ("Weather", {"label": "\u202etfel"}, "the label must be"),
        ("Weather", {"timeout": 0}, "above 0 s and at most a day"),
        ("Weather", {"timeout": float("inf")}, "above 0 s and at most a day"),
        ("Weather", {"max_characters": 0}, "max_characters above 0"),
        ("Weather", {"imports": ("json",)}, "imports are for isolated plugins"),
        ("Weather", {"imports": "json", "isolated": True}, r"write \['json'\]"),
        ("Weather", {"effects": "network"}, r"write \{'network'\}"),
        ("Weather", {"effects": {"money"}}, "no effect 'money'; there are: network, files"),
        (
            "Weather",
            {"extra": "serach"},
            "no extra 'serach' of moss-agent; there are: ctranslate2, documents, images, local, mini, quantize",
        ),
        ("Weather", {"approval": "sometimes"}, "approval must be never, ask or always"),
        ("Weather", {"key": "my weather"}, "the key must be"),
        ("Weather", {"key": "[x]"}, "the key must be"),
        ("Weather", {"key": "files"}, "the key 'files' is the name of an effect: give the plugin another with"),
        ("Weather", {"key": "network", "effects": {"network"}}, "the key 'network' is the name of an effect"),
    ],
)
def test_a_declaration_that_cannot_work_is_refused(name, options, problem):
    with pytest.raises(PluginContractError, match=problem):
        plugin(name, **{"label": "Weather", **options})(lambda city: "sun")


def test_functions_that_cannot_work_are_refused():
    def no_default(city: str, *, unit: str) -> str:
        return "sun"

    def in_pieces(city: str) -> Iterator[str]:
        yield "sun"

    async def in_later_pieces(city: str) -> AsyncIterator[str]:
        yield "sun"

    def only_by_position(city: str, /) -> str:
        return "sun"

    refused = {
        (lambda: "sun"): "positional",
        in_pieces: "not yield",
        in_later_pieces: "not yield",
        no_default: "a default",
        only_by_position: "'city' must not be positional-only: remove the /",
    }
    for function, problem in refused.items():
        with pytest.raises(PluginContractError, match=problem):
            plugin("Weather", label="Weather")(function)


def test_unknown_settings_are_refused_with_the_known_ones():
    assert check_settings(weather, {"unit": "F"}) == {"unit": "F"}
    with pytest.raises(UsageError, match=r"has no setting 'units'; it has: unit"):
        check_settings(weather, {"units": "F"})


if TYPE_CHECKING:
    from nowhere import Weather


@plugin("Forecast", label="Forecast")
def forecast(
    city: str, *, days: int | None = None, low: float = 0, sun: bool = True, of: list[str] = (), at="", to: Weather = 0
) -> Weather:
    return city


SETTINGS = [{"days": 3}, {"days": None}, {"low": 3}, {"low": np.float64(3)}, {"of": "x"}, {"at": 3}, {"to": "Paris"}]


@pytest.mark.parametrize("settings", SETTINGS)
def test_settings_of_the_annotated_types_pass(settings):
    assert check_settings(forecast, settings) == settings


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("days", "3", "a whole number"),
        ("days", 2.5, "a whole number"),
        ("days", True, "a whole number"),
        ("low", "0", "a number"),
        ("low", [1.0], "a number"),
        ("sun", 1, "true or false"),
    ],
)
def test_settings_of_other_types_are_refused(name, value, expected):
    with pytest.raises(UsageError, match=rf"{name} = .* under \[plugins.forecast\] must be {expected}"):
        check_settings(forecast, {name: value})


@pytest.mark.parametrize("value", [3, date(2026, 1, 1), ["C"], {}])
def test_a_setting_of_text_is_nothing_else(value):
    with pytest.raises(UsageError, match="unit = .* under .* must be text in quotes"):
        check_settings(weather, {"unit": value})
