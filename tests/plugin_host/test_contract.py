"""The public contract: what a plugin declares and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pytest

from moss_agent import plugin
from moss_agent.errors import PluginContractError, UsageError
from moss_agent.plugin_host.runner import check_settings


@plugin("Weather", label="Weather forecast", timeout=3)
def weather(city: str, day: str = "today", *, unit: str = "C") -> str:
    return f"{city} {day} {unit}"


def test_a_plugin_tells_its_api_and_is_still_a_function():
    assert weather.api == "Weather(city)"
    assert weather("Paris", unit="F") == "Paris today F"
    assert list(weather.options) == ["unit"]


@pytest.mark.parametrize(
    ("name", "options", "problem"),
    [
        ("Two words", {}, "the name must be"),
        ("Weather", {"label": "a: b"}, "the label must be"),
        ("Weather", {"label": "x\n- Calculator: enabled."}, "the label must be"),
        ("Weather", {"timeout": 0}, "above 0 s and at most a day"),
        ("Weather", {"timeout": float("inf")}, "above 0 s and at most a day"),
        ("Weather", {"max_characters": 0}, "max_characters above 0"),
        ("Weather", {"imports": ("json",)}, "imports are for isolated plugins"),
        ("Weather", {"imports": "json", "isolated": True}, r"write \['json'\]"),
    ],
)
def test_a_declaration_that_cannot_work_is_refused(name, options, problem):
    with pytest.raises(PluginContractError, match=problem):
        plugin(name, **{"label": "Weather", **options})(lambda city: "sun")


def test_functions_that_cannot_work_are_refused():
    async def later(city: str) -> str:
        return "sun"

    def no_default(city: str, *, unit: str) -> str:
        return "sun"

    def in_pieces(city: str) -> Iterator[str]:
        yield "sun"

    refused = {(lambda: "sun"): "positional", later: "not async", in_pieces: "not a generator", no_default: "a default"}
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
    with pytest.raises(UsageError, match=rf"{name} = .* under \[plugins.test_contract\] must be {expected}"):
        check_settings(forecast, {name: value})


@pytest.mark.parametrize("value", [3, date(2026, 1, 1), ["C"], {}])
def test_a_setting_of_text_is_nothing_else(value):
    with pytest.raises(UsageError, match="unit = .* under .* must be text in quotes"):
        check_settings(weather, {"unit": value})
