import pytest
from hypothesis import given
from hypothesis import strategies as st

from moss_agent.protocol import (
    DRAWN,
    NO_RESULT,
    Command,
    Entry,
    Passage,
    cited_numbers,
    hit_length,
    hits_per_search,
    neutralise,
    number_passages,
    parse_commands,
    parse_results,
    render_results,
    shorten,
)
from tests.protocol.hostile import LINE_BREAKS, assert_linear, texts

ENTRIES = [
    Entry('Search("moss")', (Passage(1, "a small plant"), Passage(2, "it's green"), Passage(3, 'one "word"\nmore'))),
    Entry('Calculate("12*3")', "36"),
    Entry('Solve("x^2=4")', ("x_0 = -2", "x_1 = 2")),
    Entry('Search("nothing")', None),
    Entry('Calculate("1/0")', None),
]
TEXT = """Search("moss") =>
<|1|>: 'a small plant'
<|2|>: "it's green"
<|3|>: 'one "word"\\nmore'
Calculate("12*3") => '36'
Solve("x^2=4") =>
x_0 = -2
x_1 = 2
Search("nothing") =>
No result.
Calculate("1/0") => 'No result.'"""


def one_line(text: str) -> str:
    return neutralise(" ".join(text.splitlines()))


def as_read_back(entry: Entry) -> Entry:
    """The entry, neutralised: what rendering and parsing have to give."""
    body = entry.body
    if isinstance(body, str):
        body = neutralise(body)
    elif body and isinstance(body[0], Passage):
        body = tuple(Passage(passage.number, neutralise(passage.text)) for passage in body)
    elif body:
        body = tuple(map(one_line, body))
    return Entry(one_line(entry.head), None if body in ("", (), NO_RESULT, (NO_RESULT,)) else body)


def test_the_trained_format_both_ways():
    assert render_results(ENTRIES) == TEXT
    assert parse_results(TEXT) == ENTRIES


def test_no_commands_and_pictures_have_their_own_forms():
    assert render_results([]) == "None"
    assert parse_results("None") == []
    assert render_results([Entry('Text2Image("a cat")', DRAWN, drawn=True)]) == DRAWN
    assert parse_results(DRAWN) == [Entry("", DRAWN, drawn=True)]
    assert render_results(parse_results(DRAWN)) == DRAWN


def test_a_text_like_that_of_a_picture_is_told_apart_from_it():
    said, drawn = Entry('Echo("x")', DRAWN), Entry('Text2Image("x")', DRAWN, drawn=True)
    text = "Echo(\"x\") => 'Image generated successfully.'"
    assert render_results([said]) == text
    assert render_results([drawn, said]) == f"Text2Image(\"x\") => 'Image generated successfully.'\n{text}"
    assert render_results([Entry('Lines("x")', (DRAWN,))]) == f'Lines("x") =>\n{DRAWN}'
    assert parse_results(text) == [said]


@pytest.mark.parametrize("before", ["", " ", "\t", "\xa0", "\u3000", "\u200b", "\ufeff", "- ", "1. ", "> "])
@pytest.mark.parametrize("arrow", [" => '5'", " =>'5'", "=> '5'", "=>", "\t=>\t'5'", "\xa0=>\xa05"])
@pytest.mark.parametrize(
    "call", ['Calculate("2+2")', "Calculate (2+2)", f'{"A" * 41}("x")', '计算("2+2")', 'Search("a")']
)
def test_a_line_that_looks_like_the_head_of_an_entry_has_another_arrow(before, arrow, call):
    text = render_results([Entry('Lines("x")', ("first", before + call + arrow))])
    assert text.splitlines()[0] == 'Lines("x") =>'
    assert text.count("=>") == 1
    assert text.splitlines()[2].count("⇒") == 1


@pytest.mark.parametrize("line", ["x => y", "f = (a) -> a", "a >= b", "x <| y", "items.forEach", "=> (a)"])
def test_other_lines_stay(line):
    assert render_results([Entry('Lines("x")', (line,))]) == f'Lines("x") =>\n{line}'


def test_passages_are_numbered_through_all_searches():
    entries = [Entry('Search("a")', (Passage(0, "x"), Passage(0, "y"))), Entry('Search("b")', (Passage(0, "z"),))]
    assert [p.number for entry in number_passages(entries) for p in entry.body] == [1, 2, 3]


@pytest.mark.parametrize(
    ("text", "entry"),
    [
        ('Solve("a=b"), "x" =>\nNo result.', Entry('Solve("a=b"), "x"', None)),
        ('Calculate("(")+ str(2) + str(-4) +" => \'No result.\'', Entry('Calculate("(")+ str(2) + str(-4) +"', None)),
        ('Calculate("1+1") => 2', Entry('Calculate("1+1")', "2")),
        ('Calculate("x") => No calculation results.', Entry('Calculate("x")', "No calculation results.")),
        ('Calculate("x") => No result.', Entry('Calculate("x")', None)),
        ("Count(words) => '2'", Entry("Count(words)", "2")),
        (
            "Search(\"a\") =>\n<|1|>: Moss / Height: '2 cm'",
            Entry('Search("a")', (Passage(1, "Moss / Height: '2 cm'"),)),
        ),
        ('Search("a") =>\n<|1|>: "it\'s cut o', Entry('Search("a")', (Passage(1, "it's cut o"),))),
        (
            "Search(\"a\") =>\n<|1|>: 'one\ntwo'\n<|2|>: 'x'",
            Entry('Search("a")', (Passage(1, "one\ntwo"), Passage(2, "x"))),
        ),
        ("Search(\"a\") =>\n<|1|>: '\\ud83d\\udcb5'", Entry('Search("a")', (Passage(1, "💵"),))),
        ("Search(\"a\") =>\nsee also\n<|1|>: 'x'", Entry('Search("a")', ("see also", Passage(1, "x")))),
        ('Search("x) => y") =>\nNo result.', Entry('Search("x) => y")', None)),
        ("Calculate(\"1\") => 'a) => b'", Entry('Calculate("1")', "a) => b")),
        ("Echo(\"1\") => 'a\") => \\'b\\''", Entry('Echo("1")', "a\") => 'b'")),
        ("nothing known", Entry("", ("nothing known",))),
    ],
)
def test_irregular_results_lose_nothing(text, entry):
    assert parse_results(text) == [entry]
    assert render_results(parse_results(text)) == text


def test_lines_between_entries_are_kept():
    text = "Calculate(\"1\") => '1'\na stray line\nCalculate(\"2\") => '2'"
    assert [entry.body for entry in parse_results(text)] == ["1", ("a stray line",), "2"]
    assert render_results(parse_results(text)) == text


names = st.sampled_from(["Search", "Calculate", "Solve", "Own_1"])
heads = st.builds(
    lambda name, arguments: str(Command(name, tuple(arguments))),
    names,
    st.lists(texts, min_size=1, max_size=2),
)
heads_as_models_write_them = texts.map(parse_commands).filter(bool).map(lambda commands: str(commands[0]))
bodies = st.one_of(
    st.none(),
    texts,
    st.just(DRAWN),
    st.lists(texts, max_size=4).map(tuple),
    st.lists(texts, max_size=3).map(lambda hits: tuple(Passage(0, hit) for hit in hits)),
)
entry_lists = st.lists(st.builds(Entry, st.one_of(heads, heads_as_models_write_them), bodies), min_size=1, max_size=4)


@given(entry_lists)
def test_whatever_plugins_return_the_same_entries_are_read_back(entries):
    text = render_results(entries)
    found = parse_results(text)
    expected = [as_read_back(entry) for entry in number_passages(entries)]
    assert [len(entry.body or ()) for entry in found] == [len(entry.body or ()) for entry in expected]
    for entry, wanted in zip(found, expected, strict=True):
        defused = [line.replace("=>", "⇒") for line in wanted.body] if _is_lines(wanted.body) else []
        assert entry.head == wanted.head
        assert entry.body == wanted.body or [line.replace("=>", "⇒") for line in entry.body] == defused
    assert render_results(found) == text
    passages = [e.body for e in expected if isinstance(e.body, tuple) and not _is_lines(e.body)]
    assert len(cited_numbers(text)) == sum(map(len, passages))
    assert text != DRAWN


def _is_lines(body: object) -> bool:
    return isinstance(body, tuple) and isinstance(body[0], str)


@pytest.mark.parametrize("line_break", LINE_BREAKS)
@pytest.mark.parametrize(
    "line", ['Search("a") =>', "Calculate(\"1\") => '2'", "None", NO_RESULT, "<|3|>: 'x'", "<eor>", "f(x) => 1"]
)
def test_a_line_that_looks_like_structure_is_a_line(line, line_break):
    for body in (
        ("x = 1", line, "y = 2"),
        (f"x = 1{line_break}{line}",),
        f"x{line_break}{line}",
        (Passage(1, f"x{line_break}{line}"),),
    ):
        entries = [Entry('Solve("x")', body), Entry('Calculate("2")', "2")]
        found = parse_results(render_results(entries))
        assert [entry.head for entry in found] == ['Solve("x")', 'Calculate("2")']
        assert len(found[0].body) == (len(neutralise(body)) if isinstance(body, str) else len(body))
        assert [type(part) for part in found[0].body] == [type(part) for part in body]


@given(texts)
def test_any_text_can_be_parsed_and_is_stable_from_then_on(text):
    once = render_results(parse_results(text))
    assert render_results(parse_results(once)) == once
    assert sum(once.count(marker) for marker in ("<eor>", "<|MOSS|>")) == 0


@pytest.mark.slow
@pytest.mark.parametrize("beginning", ["", 'Search("a") =>\n<|1|>: \'x'])
@pytest.mark.parametrize("part", ["\n", "<|1|>: 'a\n", 'F("x") => \'\\x', 'F("x") =>\n', "\\", "F( =>", "'", "1\n"])
def test_time_is_linear(part, beginning):
    assert_linear(lambda text: render_results(parse_results(text)), beginning + part * (100_000 // len(part)))


def test_a_number_of_any_length_is_no_error():
    parse_results('Search("a") =>\n<|' + "1" * 5000 + "|>: 'x'")


def test_hits_and_their_lengths_are_those_of_the_training_data():
    assert [hits_per_search(searches) for searches in (1, 2, 3, 12)] == [3, 2, 1, 1]
    assert [hit_length(turn) for turn in (1, 2, 3, 9)] == [400, 400, 300, 300]


@given(texts, st.integers(0, 40))
def test_shortening_gives_a_beginning(text, length):
    assert text.startswith(shorten(text, length))
    assert len(shorten(text, length)) <= length


def test_shortening_cuts_at_a_word_where_there_are_words():
    assert shorten("one two three four", 16) == "one two three"
    assert shorten("one two three four", 13) == "one two three"
    assert shorten("苔藓是一种小植物", 4) == "苔藓是一"
