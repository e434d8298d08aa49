"""What a model is told of finished calls: text, records and numbers from the same data, without a turn around them."""

from __future__ import annotations

from moss_agent import Hit, Picture
from moss_agent.calls import FinishedCall
from moss_agent.dialects.results import renderings, tell
from moss_agent.protocol import Command, parse_results

HITS = tuple(Hit(f"text {n}", f"title {n}", f"https://example.org/{n}") for n in range(1, 6))


def call(index: int, name: str, output=None, argument: str = "a", error: str = "") -> FinishedCall:
    return FinishedCall(f"t.{index}", index, Command(name, (argument,)), output, error, 0.5)


def test_nothing_was_called():
    told = tell([], [])
    assert (told.text, told.calls, told.sources) == ("None", (), {})


def test_results_stand_in_the_order_of_the_plugins_and_calls_in_the_order_in_which_they_were_written():
    told = tell(
        [call(0, "Solve", ("x = 1",)), call(1, "Search", HITS), call(2, "Calculate", "2")], ["Search", "Calculate"]
    )
    assert [entry.head for entry in parse_results(told.text)] == ['Search("a")', 'Calculate("a")', 'Solve("a")']
    assert [(each.id, each.name) for each in told.calls] == [("t.0", "Solve"), ("t.1", "Search"), ("t.2", "Calculate")]
    assert [each.result for each in told.calls] == [
        "x = 1",
        "<|1|>: 'text 1'\n<|2|>: 'text 2'\n<|3|>: 'text 3'",
        "2",
    ]


def test_numbers_stand_for_hits_first_and_go_on_where_an_earlier_round_ended():
    told = tell([call(0, "Calculate", "2"), call(1, "Search", HITS)], ["Calculate", "Search"], cited=4)
    assert {number: source.url for number, source in told.sources.items()} == {
        5: "https://example.org/1",
        6: "https://example.org/2",
        7: "https://example.org/3",
        8: "",
    }
    assert "<|5|>: 'text 1'" in told.text and told.sources[8].text == 'Calculate("a") => 2'


def test_a_failure_is_no_source_and_keeps_its_reason_for_people():
    told = tell([call(0, "Calculate", error="division by zero")], [])
    assert told.text == "Calculate(\"a\") => 'No result.'" and told.sources == {}
    (record,) = told.calls
    assert (record.ok, record.error, record.result) == (False, "division by zero", "No result.")


def test_pictures_are_announced_in_the_trained_words():
    told = tell([call(0, "Text2Image", (Picture("a.png"), Picture("b.png")))], [])
    assert told.text == "Image generated successfully."
    assert [image.path for image in told.calls[0].images] == ["a.png", "b.png"]


def test_renderings_become_shorter_and_differ():
    calls = [call(0, "Search", tuple(Hit("word " * 100) for _ in range(3))), call(1, "Echo", "x" * 900)]
    lengths = [len(told.text) for told in renderings(calls, ["Search"], length=400)]
    assert lengths == sorted(set(lengths), reverse=True) and len(lengths) > 3
    assert [told.text for told in renderings([call(0, "Echo", "short")], [], length=400)] == ["Echo(\"a\") => 'short'"]


def test_hits_are_as_long_and_as_many_as_wanted():
    calls = [call(0, "Search", tuple(Hit("x" * 1000) for _ in range(9)))]
    assert next(renderings(calls, [], 300)).text.count("x") == 3 * 300
    assert next(renderings(calls, [], 400, hits=5)).text.count("x") == 5 * 400
