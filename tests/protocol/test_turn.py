from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moss_agent.protocol import (
    DRAWN,
    MARKERS,
    RESULTS,
    Command,
    Entry,
    SegmentEnded,
    SegmentStarted,
    Turn,
    TurnParser,
    neutralise,
    parse_turn,
    render_human,
    render_results,
    render_segment,
    render_turn,
)
from moss_agent.protocol.markers import first_marker
from tests.protocol.hostile import texts

WHOLE = (
    "<|Human|>: What is 37*89?<eoh>\n"
    "<|Inner Thoughts|>: I need the calculator.<eot>\n"
    '<|Commands|>: Calculate("37*89")<eoc>\n'
    "<|Results|>:\nCalculate(\"37*89\") => '3293'\n<eor>\n"
    "<|MOSS|>: It is 3293<sup><|1|></sup>.<eom>\n"
)


def test_a_turn_is_written_as_it_was_read():
    turn = parse_turn(WHOLE)
    assert turn.calls[0].argument == "37*89"
    assert turn.entries[0].body == "3293"
    assert render_turn(turn) == WHOLE


def test_a_drawn_picture_stands_on_the_line_of_the_header():
    assert render_segment(RESULTS, DRAWN) == "<|Results|>: Image generated successfully.<eor>\n"
    assert parse_turn(render_segment(RESULTS, DRAWN)).results == DRAWN


@given(st.builds(Turn, *[texts.map(neutralise)] * 5))
def test_any_texts_come_back_exactly(turn):
    assert parse_turn(render_turn(turn)) == turn


@given(texts)
def test_a_question_is_read_back_as_itself_and_as_nothing_else(question):
    text = render_human(question)
    assert parse_turn(text) == Turn(human=neutralise(question))
    assert sum(map(text.count, MARKERS)) == 2


@given(st.lists(texts, min_size=5, max_size=5))
def test_a_turn_of_any_texts_has_the_same_structure(parts):
    """Whatever five fields say, alone or one after another, five segments are read, each with its own text."""
    human, thoughts, argument, result, answer = parts
    entries = [Entry(str(Command("Echo", argument)), result), Entry('Lines("x")', tuple(result.splitlines()))]
    fields = (
        neutralise(human),
        neutralise(thoughts),
        neutralise(argument),
        render_results(entries),
        neutralise(answer),
    )
    text = render_turn(Turn(*fields))
    assert sum(map(text.count, MARKERS)) == 10
    events = [type(event) for event in TurnParser().feed(text)]
    assert (events.count(SegmentStarted), events.count(SegmentEnded)) == (5, 5)
    assert parse_turn(text) == Turn(*fields)
    assert len(parse_turn(text).entries) == 2


@given(texts)
def test_any_text_can_be_parsed(text):
    for turn in (parse_turn(text), parse_turn("<|Human|>: " + text)):
        assert not any(first_marker(getattr(turn, field.name)) for field in fields(turn))
        assert parse_turn(render_turn(turn)) == turn
        assert isinstance(turn.calls, list) and isinstance(turn.entries, list)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Turn()),
        ("<|MOSS|>: hi", Turn(answer="hi")),
        ("<|Inner Thoughts|>: a<eoc>\n<|MOSS|>: b<eot>", Turn(thoughts="a", answer="b")),
        ("<|Inner Thoughts|>: a\n<|Commands|>: None<eom>", Turn(thoughts="a\n", commands="None")),
        ("<|MOSS|>: a<eom> b <|MOSS|>: c<eom>", Turn(answer="a")),
        ("<|MOSS|>: <|MOSS|>: a<eom>", Turn(answer="a")),
        ("<|MOSS|>: a<eo<eom><|MOSS|>: m><eom>", Turn(answer="a<eo")),
        ("<|Commands|>: <eoc>", Turn(commands="")),
        ("<|Results|>:\nNone\n<eor>\n", Turn(results="None")),
        ("<|Results|>: None<eor>", Turn(results="None")),
    ],
)
def test_irregular_turns(text, expected):
    assert parse_turn(text) == expected


@pytest.mark.parametrize("marker", MARKERS)
@pytest.mark.parametrize("field", [field.name for field in fields(Turn)])
def test_no_text_of_a_turn_may_hold_a_marker(field, marker):
    with pytest.raises(ValueError, match=f"the {field} of a turn"):
        Turn(**{field: f"a {marker} b"})
