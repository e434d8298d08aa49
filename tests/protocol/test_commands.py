import pytest
from hypothesis import given
from hypothesis import strategies as st

from moss_agent.protocol import COMMANDS, Command, CommandScanner, Value, parse_commands, render_segment
from tests.protocol.hostile import assert_linear, chunk_sizes, chunks, texts


def search(*arguments: str) -> Command:
    return Command("Search", arguments)


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
        ('Solve("x^2=4", "x")', [Command("Solve", ("x^2=4", "x"))]),
        ("Solve(\"x=y\", x, 'y')", [Command("Solve", ("x=y", "x", "y"))]),
        ('Calculate("({} - 1)**2".format(3))', [Command("Calculate", ('"({} - 1)**2".format(3)',))]),
        ('Calculate("("+ str(2) + ")" + "*")', [Command("Calculate", ('"("+ str(2) + ")" + "*"',))]),
        ('Count("words")', [Command("Count", ("words",))]),
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


def call(name: str, *arguments: Value, **named: Value) -> Command:
    return Command(name, arguments, named)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Search('moss')", [search("moss")]),
        ("Search('what's up')", [search("what's up")]),
        ("Search('say \"hi\"')", [search('say "hi"')]),
        (r"Search('it\'s')", [search("it's")]),
        ("Search(‘what’s up’)", [search("what’s up")]),
        ("Search(”moss”)", [search("moss")]),
        ('Search(“moss")', [search("moss")]),
        ("Search(＂moss＂), Search(＇moss＇), Search(「moss」)", [search("moss")] * 3),
        ("Search（“苔藓”）、Search（'moss'）", [search("苔藓"), search("moss")]),
        ("Translate（'en'，'moss'）", [call("Translate", "en", "moss")]),
        ('Search("苔藓"，然后")', [search('苔藓"，然后')]),
        ('Search("""moss""")', [search("moss")]),
        ('Search("""say "hi" ("now")!"""")', [search('say "hi" ("now")!"')]),
        ("Search('''what's 'up')''', 'x')", [search("what's 'up')", "x")]),
        ('Search("a",)', [search("a")]),
        ("Post('moss', '{\"a\": (1)}')", [call("Post", "moss", '{"a": (1)}')]),
        ('Post("moss", \'{"a": (1)}\')', [call("Post", "moss", '{"a": (1)}')]),
        ("Calculate('(' + str(2) + ')')", [call("Calculate", "'(' + str(2) + ')'")]),
    ],
)
def test_other_quotes(text, expected):
    assert parse_commands(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('Convert(12.5, "km", "mi")', [call("Convert", 12.5, "km", "mi")]),
        ('Convert(-3, "km", "mi")', [call("Convert", -3, "km", "mi")]),
        ("Roll(6), Roll(-.5), Roll(+1e3)", [call("Roll", 6), call("Roll", -0.5), call("Roll", 1000.0)]),
        ('Set("x", true, False, None, null)', [call("Set", "x", True, False, None, None)]),
        ('Dial("x", 007, 1e999)', [call("Dial", "x", "007", "1e999")]),
        ('Search(query="a")', [call("Search", query="a")]),
        ("Search (query = 'a', n：3)", [call("Search", query="a", n=3)]),
        ("Search('a', limit=3, site=None)", [call("Search", "a", limit=3, site=None)]),
        ('Search(query="say "hi", n=2 times")', [call("Search", query='say "hi", n=2 times')]),
        ("Search(['a', \"b\"])", [call("Search", ("a", "b"))]),
        ('Search(queries=["a", ], n=2)', [call("Search", queries=("a",), n=2)]),
        ('Search(["say "hi", x"])', [call("Search", ('say "hi", x',))]),
        ("Max([1, 2.50])", [call("Max", ("1", "2.50"))]),
        ("f(3) = 9", []),
        ("Roll(007), Roll(1e999)", [call("Roll", "1e999")]),
        ("Search(None), Search([]), Search(), Search(query=), Search(query=moss)", []),
        ("Search([['a']]), Search({'a': 1}), Search(('a'))", []),
        ("Roll(" + "9" * 401 + ")", []),
    ],
)
def test_arguments_without_quotes_and_with_keywords(text, expected):
    found = parse_commands(text)
    assert found == expected
    assert [[*map(type, c.arguments)] for c in found] == [[*map(type, c.arguments)] for c in expected]
    assert [parse_commands(str(command)) for command in expected] == [[command] for command in expected]


def test_the_values_of_a_command_as_text():
    command = call("Convert", 12.5, ("km", "m"), to="mi", exact=True)
    assert command.texts == ("12.5", "km, m", "mi", "True")
    assert command.argument == "12.5"
    assert call("Search", query="a").argument == "a"


@pytest.mark.parametrize(
    "text",
    [
        'Calculate(Search("x"))',
        'Calculate (Search ("x)"), Search("y"))',
        'Calculate("1", Search("x"))',
        'Calculate("1+" + Search("x"))',
        'Calculate("{}".format(Search("x")))',
        'Calculate(expression=Search("x"))',
        'Calculate([Search("x")])',
        'Calculate(1 + Search("x"))',
        'Calculate（2 * (3 + Search（"x"）)）',
    ],
)
def test_a_call_in_a_call_is_refused_whole(text):
    assert parse_commands(text) == []
    assert parse_commands(f'{text}, Search("a")') == [search("a")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('None (Calculate("1+1") is not needed)', []),
        ('None (as (I) said, Calculate("1+1") is not needed), Search("a")', [search("a")]),
        ('None. Calculate("1+1") is not needed', []),
        ('None.\n\nCalculate("1+1") = 2,\nSearch("a")', []),
        ('None, because Calculate("1+1") is not needed', []),
        ('None: Search("a")', []),
        ("none", []),
        ('None, Search("a"), Search("b")', [search("a"), search("b")]),
        ('None\nSearch("a")', [search("a")]),
        ('Search("a"), None (Search("b") is not needed), Search("c")', [search("a"), search("c")]),
        ('None("a")', []),
    ],
)
def test_prose_behind_none_is_not_run(text, expected):
    assert parse_commands(text) == expected


def test_text_is_the_call_as_written():
    text = '1. Solve ( "x=1" , "x" ), Calculate("1" + str(2)) # done'
    assert [str(command) for command in parse_commands(text)] == ['Solve ( "x=1" , "x" )', 'Calculate("1" + str(2))']


def test_a_command_is_given_with_its_last_character():
    scanner, text = CommandScanner(), 'Search("a (b) c"), None'
    assert [i for i, character in enumerate(text) if list(scanner.feed(character))] == [text.rindex(")")]


names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,39}", fullmatch=True)
values = st.one_of(
    *(texts, st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False)),
    st.lists(texts, max_size=3).map(tuple),
)


@given(
    names.filter(lambda name: name.lower() != "none"),
    st.tuples(texts, values, values),
    st.dictionaries(names, values, max_size=2),
)
def test_a_command_reads_back_from_its_text(name, arguments, named):
    command = Command(name, arguments, named)
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


TANGLES = [
    'Search("',
    '", ',
    '","',
    '"',
    "(",
    "#",
    "\\",
    " ",
    "a",
    "1",
    '"+',
    "a (",
    "1, ",
    "', ",
    "['",
    "a=",
    "None, ",
    ")",
]


@pytest.mark.slow
@pytest.mark.parametrize("beginning", ["", 'Search("', 'F("a" + ', "F([1, '", "None ("])
@pytest.mark.parametrize("part", TANGLES)
def test_time_is_linear(beginning, part):
    def scan(text):
        scanner = CommandScanner()
        for piece in chunks(text, [3, 100_000]):
            list(scanner.feed(piece))

    assert_linear(scan, beginning + part * (100_000 // len(part)))
