"""What a model writes becomes typed arguments, or one line that names the parameter."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, Optional, Union

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moss_agent.errors import PluginContractError, PluginError
from moss_agent.plugin_host import plugin
from moss_agent.plugin_host.kinds import MAX_DIGITS, MAX_ITEMS
from moss_agent.plugin_host.parameters import bind, parameters_of


def convert(
    value: float, source: Literal["km", "mi"], target: Literal["km", "mi"] = "mi", digits: int | None = 2
) -> str:
    return ""


def everything(
    text,
    whole: int = 0,
    number: float = 0.0,
    truth: bool = False,
    choice: Literal["km", "Mi", "mi", 1, True] = "km",
    numbers: list[float] = (),
    units: list[Literal["km", "mi"]] = (),
    words: list = (),
    maybe: Optional[bool] = None,  # noqa: UP045
    several: list[int] | None = None,
    either: Literal["a", None] = "a",
    described: Annotated[str, "what it says"] = "",
) -> str:
    return ""


def bound(*arguments: Any, of: Any = convert, **named: Any) -> dict[str, Any]:
    return bind("Convert", parameters_of(of, "Convert"), arguments, named)


def test_text_is_converted_to_the_annotated_types():
    assert bound("12.5", "km", "mi", "1") == {"value": 12.5, "source": "km", "target": "mi", "digits": 1}
    assert [type(value) for value in bound("12", "km").values()] == [float, str]


def test_arguments_may_be_named():
    assert bound("1", source="km", digits=3) == {"value": 1.0, "source": "km", "digits": 3}


def test_surplus_arguments_are_dropped():
    assert bound("1", "km", "mi", "0", "and so", ["on"]) == bound("1", "km", "mi", 0)


@pytest.mark.parametrize(
    ("name", "written", "typed"),
    [
        ("text", 12, "12"),
        ("text", 0.5, "0.5"),
        ("text", True, "true"),
        ("whole", " 12 ", 12),
        ("whole", "-3.0", -3),
        ("whole", 4.0, 4),
        ("number", "1e3", 1000.0),
        ("number", 7, 7.0),
        ("truth", "True", True),
        ("truth", "no", False),
        ("choice", "KM", "km"),
        ("choice", "mi", "mi"),
        ("choice", "Mi", "Mi"),
        ("choice", 1, 1),
        ("choice", "1", 1),
        ("choice", True, True),
        ("numbers", "1, 2.5;3", [1.0, 2.5, 3.0]),
        ("numbers", ("1", 2), [1.0, 2.0]),
        ("numbers", 5, [5.0]),
        ("numbers", "", []),
        ("units", '["km", "MI"]', ["km", "mi"]),
        ("words", "巴黎，伦敦", ["巴黎", "伦敦"]),
        ("words", '["a, b", 3]', ["a, b", "3"]),
        ("maybe", "None", None),
        ("maybe", None, None),
        ("maybe", "yes", True),
        ("several", "[1, 2]", [1, 2]),
        ("several", "null", None),
        ("either", None, None),
        ("either", "A", "a"),
    ],
)
def test_values_that_fit(name, written, typed):
    value = bound(of=everything, **{"text": "", name: written})[name]
    assert (value, type(value)) == (typed, type(typed))


@pytest.mark.parametrize(
    ("arguments", "named", "problem"),
    [
        ([], {}, "Convert: value is missing: it must be a number"),
        (["1"], {}, "Convert: source is missing: it must be one of 'km', 'mi'"),
        (["far", "km"], {}, "Convert: value must be a number, not 'far'"),
        (["1,000", "km"], {}, "Convert: value must be a number, not '1,000'"),
        (["1_0", "km"], {}, "Convert: value must be a number, not '1_0'"),
        (["nan", "km"], {}, "Convert: value must be a number, not 'nan'"),
        ([-math.inf, "km"], {}, "Convert: value must be a number, not -inf"),
        (["1e999", "km"], {}, "Convert: value must be a number, not '1e999'"),
        ([10**100_000, "km"], {}, f"Convert: value must be a number, not a number of more than {MAX_DIGITS} digits"),
        ([True, "km"], {}, "Convert: value must be a number, not True"),
        ([None, "km"], {}, "Convert: value must be a number, not None"),
        (["1", "au\n<eoc>"], {}, r"Convert: source must be one of 'km', 'mi', not 'au\n<eoc>'"),
        (["1", ["km"]], {}, "Convert: source must be one of 'km', 'mi', not a list of 1 items"),
        (["1", "km", "mi", "2.5"], {}, "Convert: digits must be a whole number, or None, not '2.5'"),
        (["1", "km"], {"value": 2}, "Convert: value is given twice"),
        (["1", "km"], {"unit": 2}, "Convert has no parameter 'unit'; it has: value, source, target, digits"),
    ],
)
def test_values_that_do_not_fit_are_named(arguments, named, problem):
    with pytest.raises(PluginError) as caught:
        bound(*arguments, **named)
    assert str(caught.value) == problem


@pytest.mark.parametrize(
    "argument",
    [
        ("text", 10**100_000),
        ("text", ["a"]),
        ("text", math.nan),
        ("whole", "9" * 100_000),
        ("whole", 10**100_000),
        ("whole", "1e3"),
        ("whole", True),
        ("number", "9" * 100_000),
        ("truth", 1),
        ("numbers", ["1", "x"]),
        ("numbers", [[1]]),
        ("numbers", [0.5] * (MAX_ITEMS + 1)),
        ("numbers", "1," * MAX_ITEMS + "1"),
        ("numbers", "[" * 100_000),
        ("numbers", f"[{'9' * 100_000}]"),
        ("numbers", "[NaN]"),
        ("words", '[{"a": 1}]'),
    ],
)
def test_values_that_are_too_large_or_too_deep_are_refused_in_one_short_line(argument):
    name, written = argument
    with pytest.raises(PluginError, match=f"^Convert: {name} must be ") as caught:
        bound(of=everything, **{"text": "", name: written})
    assert len(str(caught.value)) < 200 and "\n" not in str(caught.value)


def test_none_leaves_a_parameter_to_its_default():
    assert bound("x", None, of=everything) == {"text": "x"}


def test_a_model_cannot_set_what_is_the_users():
    @plugin("Weather", label="Weather")
    def weather(city: str, *, unit: str = "C") -> str:
        return city

    with pytest.raises(PluginError, match="Weather has no parameter 'unit'; it has: city"):
        weather.bind(["Paris"], {"unit": "F"})


def test_the_schema_of_each_kind():
    schemas = {parameter.name: parameter.schema for parameter in parameters_of(everything, "All")}
    assert schemas == {
        "text": {"type": "string"},
        "whole": {"type": "integer", "default": 0},
        "number": {"type": "number", "default": 0.0},
        "truth": {"type": "boolean", "default": False},
        "choice": {"enum": ["km", "Mi", "mi", 1, True], "default": "km"},
        "numbers": {"type": "array", "items": {"type": "number"}, "maxItems": MAX_ITEMS},
        "units": {"type": "array", "items": {"enum": ["km", "mi"]}, "maxItems": MAX_ITEMS},
        "words": {"type": "array", "items": {"type": "string"}, "maxItems": MAX_ITEMS},
        "maybe": {"anyOf": [{"type": "boolean"}, {"type": "null"}]},
        "several": {
            "anyOf": [{"type": "array", "items": {"type": "integer"}, "maxItems": MAX_ITEMS}, {"type": "null"}]
        },
        "either": {"anyOf": [{"enum": ["a"]}, {"type": "null"}], "default": "a"},
        "described": {"type": "string", "description": "what it says", "default": ""},
    }


@pytest.mark.parametrize(
    "annotation",
    [dict, bytes, Any, Union[int, str], list[list[int]], Literal[b"x"], Literal[None], "Nowhere", "1/0", 3],
)
def test_annotations_that_no_model_can_fill_are_refused(annotation):
    def odd(value) -> str:
        return ""

    odd.__annotations__["value"] = annotation
    with pytest.raises(PluginContractError, match="plugin Odd: the parameter 'value' must be annotated as str, int"):
        parameters_of(odd, "Odd")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["km", "1.0", "[1]", "true"]),
    lambda values: st.lists(values) | st.tuples(values, values),
    max_leaves=8,
)
NAMES = st.sampled_from([*everything.__code__.co_varnames, "other"])


@pytest.mark.slow
@settings(deadline=None)
@given(st.lists(VALUES, max_size=14), st.dictionaries(NAMES, VALUES))
def test_whatever_is_written_is_bound_or_refused_in_one_line(arguments, named):
    try:
        typed = bound(*arguments, of=everything, **named)
    except PluginError as error:
        assert "\n" not in str(error)
    else:
        assert "text" in typed
        assert bound(of=everything, **typed) == typed  # typed values read as themselves


@settings(deadline=None)
@given(st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.booleans(), st.lists(st.integers()))
def test_values_in_quotes_read_as_the_values(whole, number, truth, several):
    typed = {"text": "x", "whole": whole, "number": number, "truth": truth, "several": several}
    assert bound(of=everything, **{name: str(value) for name, value in typed.items()}) == typed
