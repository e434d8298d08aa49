import pytest
from hypothesis import given
from hypothesis import strategies as st

from moss_agent.protocol import COMMANDS, Command, CommandScanner, parse_commands, render_segment
from tests.protocol.hostile import assert_linear, chunk_sizes, chunks, texts


def search(*arguments: str) -> Command:
    return Command("Search", arguments[0], arguments[1:])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('Search("moss")', [search("moss")]),
        ('Search("a"), Search("b")', [search("a"), search("b")]),
        ('Search("a"), \nSearch("b")\nSearch("c") , Search("d")', [search(x) for x in "abcd"]),
        ('Search("what\'s up")', [search("what's up")]),
        ('Search("((1+2")', [search("((1+2")]),
        ('Search("1+2)))")', [search("1+2)))")]),
        ('Search("a"), None', [search("a")]),
        ('Search("a"),', [search("a")]),
        ('1. Search("a") # the first\n2. Search("b") # Search("c")', [search("a"), search("b")]),
        ('1Search("a")', [search("a")]),
        ('# Search("a")\nSearch("b")', [search("b")]),
        ('Solve("x^2=4", "x")', [Command("Solve", "x^2=4", ("x",))]),
        ("Solve(\"x=y\", x, 'y')", [Command("Solve", "x=y", ("x", "y"))]),
        ('Calculate("({} - 1)**2".format(3))', [Command("Calculate", '"({} - 1)**2".format(3)')]),
        ('Calculate("("+ str(2) + ")" + "*")', [Command("Calculate", '"("+ str(2) + ")" + "*"')]),
        ('Count("words")', [Command("Count", "words")]),
        ('Search("the word "moss" in Finnish")', [search('the word "moss" in Finnish')]),
        ('Search("say "hi", then leave")', [search('say "hi", then leave')]),
        ('Search("say "hi", \'tis")', [search('say "hi", \'tis')]),
        ('Search("a "b". Then c")', [search('a "b". Then c')]),
        (r'Search("say \"hi\"")', [search('say "hi"')]),
        (r'Search("\frac{1}{2}")', [search(r"\frac{1}{2}")]),
        (r'Search("a\\")', [search("a\\")]),
        ('Search("")', [search("")]),
        ('Search( "a" )', [search("a")]),
        ('Search ("a")', [search("a")]),
        ("Search(“苔藓”)", [search("苔藓")]),
        ('我要用Search("苔藓")。', [search("苔藓")]),
        ('Search("a\nb")', [search("a\nb")]),
        ("None", []),
        ("None.", []),
        ("Non", []),
        ("None (nothing to look up)", []),
        ('None ("nothing" to look up), Search("a")', [search("a")]),
        ("Search(moss)", []),
        ('Search("moss', []),
        ("", []),
        ("f(x) " * 3 + 'Search("a")', [search("a")]),
        ("a" * 41 + '("x")', []),
    ],
)
def test_forms_that_models_write(text, expected):
    assert parse_commands(text) == expected
    assert parse_commands(render_segment(COMMANDS, text)) == expected


def test_text_is_the_call_as_written():
    text = '1. Solve ( "x=1" , "x" ), Calculate("1" + str(2)) # done'
    assert [str(command) for command in parse_commands(text)] == ['Solve ( "x=1" , "x" )', 'Calculate("1" + str(2))']


def test_a_command_is_given_with_its_last_character():
    scanner, text = CommandScanner(), 'Search("a (b) c"), None'
    assert [i for i, character in enumerate(text) if list(scanner.feed(character))] == [text.rindex(")")]


@given(
    st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,39}", fullmatch=True).filter("None".__ne__),
    st.lists(texts, min_size=1, max_size=4),
)
def test_a_command_reads_back_from_its_text(name, arguments):
    command = Command(name, arguments[0], tuple(arguments[1:]))
    assert parse_commands(str(command)) == [command]


@given(texts)
def test_a_command_read_from_any_text_reads_back_from_its_text(text):
    for command in parse_commands(text):
        assert parse_commands(str(command)) == [command]
        assert command.text in text


@given(texts, chunk_sizes)
def test_where_the_text_is_cut_makes_no_difference(text, sizes):
    scanner = CommandScanner()
    found = [command for piece in chunks(text, sizes) for command in scanner.feed(piece)]
    assert [(c, c.text) for c in found] == [(c, c.text) for c in CommandScanner().feed(text)]


@pytest.mark.parametrize("size", [3, 1_000_000])
@pytest.mark.parametrize("beginning", ["", 'Search("', 'F("a" + '])
@pytest.mark.parametrize("part", ['Search("', '", ', '","', '"', "(", "#", "\\", " ", "a", "1", '"+', "a ("])
def test_time_is_linear(beginning, part, size):
    def scan(text):
        scanner = CommandScanner()
        for piece in chunks(text, [size]):
            list(scanner.feed(piece))

    assert_linear(scan, beginning + part * (100_000 // len(part)))
