import pytest
from hypothesis import given

from moss_agent.protocol import Capability, Preamble, cited_numbers, first_marker, told_plugins
from tests.protocol.hostile import texts

SEARCH = Capability("Web search", "Search(query)")
CALCULATOR = Capability("Calculator", "Calculate(expression)")
FAMILY = Preamble("You are a test.\nCapabilities.\n", (SEARCH, CALCULATOR), ("Image edition",))


def test_enabled_and_disabled_plugins_in_the_order_of_the_family():
    assert FAMILY.render([CALCULATOR]) == (
        "You are a test.\n"
        "Capabilities.\n"
        "- Inner thoughts: enabled.\n"
        "- Web search: disabled.\n"
        "- Calculator: enabled. API: Calculate(expression)\n"
        "- Image edition: disabled.\n"
    )


def test_the_order_of_the_enabled_does_not_matter():
    assert FAMILY.render([CALCULATOR, SEARCH]) == FAMILY.render([SEARCH, CALCULATOR])


def test_unknown_plugins_come_last():
    own = Capability("Weather", "Weather(city)")
    assert FAMILY.render([own]) == FAMILY.render([]) + "- Weather: enabled. API: Weather(city)\n"


def test_a_plugin_with_a_known_label_brings_its_own_api():
    assert "- Web search: enabled. API: Find(words, place)\n" in FAMILY.render(
        [Capability("Web search", "Find(words, place)")]
    )


def test_no_label_is_listed_twice():
    text = FAMILY.render([Capability("Image edition", "Edit(image)"), SEARCH, SEARCH])
    assert text.count("Image edition") == text.count("Web search") == 1
    assert "- Image edition: enabled. API: Edit(image)\n" in text


@pytest.mark.parametrize("family", [FAMILY, Preamble("x\n", ())])
@given(label=texts, api=texts)
def test_a_plugin_cannot_write_more_than_its_own_line(family, label, api):
    text = family.render([Capability(label, api)])
    added = [line for line in text.splitlines() if line not in family.render([]).splitlines()]
    assert len(added) <= 1
    assert first_marker(text) is None and not cited_numbers(text)


def test_the_plugins_that_a_preamble_tells_of_are_read_back():
    own = Capability("Weather", "Weather(city, day)")
    calculator = Capability("Calculator", "Calculate(expression)")
    told = told_plugins(Preamble("You are MOSS.\n", (Capability("Search", "Search(query)"), calculator)).render([own]))
    assert told == [own] and told[0].name == "Weather" and told[0].parameters == ["city", "day"]
    assert told_plugins("- Hostile: enabled. API: no call\n- : enabled. API: X()\n") == []
