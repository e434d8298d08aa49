import pytest
from hypothesis import given

from moss_agent.protocol import (
    ANSWER,
    COMMANDS,
    MARKERS,
    THOUGHTS,
    Command,
    CommandRead,
    ParseEvent,
    SegmentEnded,
    SegmentStarted,
    TextRead,
    TurnParser,
)
from tests.protocol.hostile import assert_linear, chunk_sizes, chunks, texts


def events(*pieces: str) -> list[ParseEvent]:
    """What the parser makes of the pieces; neighbouring texts joined."""
    parser, merged = TurnParser(), []
    for event in [*(event for piece in pieces for event in parser.feed(piece)), *parser.close()]:
        if isinstance(event, TextRead) and merged and isinstance(merged[-1], TextRead):
            merged[-1] = TextRead(event.segment, merged[-1].text + event.text)
        else:
            merged.append(event)
    return merged


def test_a_command_comes_at_its_last_character():
    assert events('<|Commands|>: Search("a"), Search("b")<eoc>\n') == [
        SegmentStarted(COMMANDS),
        TextRead(COMMANDS, 'Search("a")'),
        CommandRead(Command("Search", ("a",))),
        TextRead(COMMANDS, ', Search("b")'),
        CommandRead(Command("Search", ("b",))),
        SegmentEnded(COMMANDS, "<eoc>"),
        TextRead(None, "\n"),
    ]


def test_a_wrong_end_and_another_header_end_a_segment():
    assert events("<|Inner Thoughts|>: a<eom><|MOSS|>: b<|Commands|>:") == [
        SegmentStarted(THOUGHTS),
        TextRead(THOUGHTS, "a"),
        SegmentEnded(THOUGHTS, "<eom>"),
        SegmentStarted(ANSWER),
        TextRead(ANSWER, "b"),
        SegmentEnded(ANSWER, "<|Commands|>:"),
        SegmentStarted(COMMANDS),
    ]


def test_the_beginning_of_a_marker_is_text_if_nothing_follows():
    assert events("<|MOSS|>: a <eo") == [SegmentStarted(ANSWER), TextRead(ANSWER, "a <eo")]


def test_commands_outside_of_their_segment_are_text():
    assert not any(isinstance(event, CommandRead) for event in events('<|MOSS|>: Search("a")<eom>'))


def test_a_call_does_not_go_on_in_the_next_segment():
    text = '<|Commands|>: Search("a<eoc><|Commands|>: ")<eoc>'
    assert not any(isinstance(event, CommandRead) for event in events(text))


@given(texts, chunk_sizes)
def test_where_the_text_is_cut_makes_no_difference(text, sizes):
    assert events(*chunks(text, sizes)) == events(text)
    assert events(*chunks("<|Commands|>: " + text, sizes)) == events("<|Commands|>: " + text)


@given(texts)
def test_nothing_is_lost(text):
    read = "".join(event.text for event in events("x" + text) if isinstance(event, TextRead))
    expected = "x" + text
    for marker in MARKERS:
        expected = expected.replace(marker, "")
    assert len(read) >= len(expected) - text.count(">:")  # a blank after each header


@pytest.mark.slow
@pytest.mark.parametrize("size", [3, 1_000_000])
@pytest.mark.parametrize(
    "part", ["<", "<|", "<eo", "<eom>", "<|MOSS|>:", "<|Commands|>: Search(", '"', "\n", "<|Inner Thoughts|>"]
)
def test_time_is_linear(part, size):
    def parse(text):
        parser = TurnParser()
        for piece in chunks(text, [size]):
            list(parser.feed(piece))

    assert_linear(parse, "<|Commands|>: " + part * (100_000 // len(part)))
