"""Text made fit for a terminal, whole and in pieces."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moss_agent.cli.text import ReadableStream, clean, columns, one_line, readable, wrapped
from tests.effort import effort_below

PARTS = [
    "<sup>",
    "<|",
    "1",
    "12345",
    "|>",
    "</sup>",
    "<",
    "|",
    " ",
    "\n",
    ", ",
    "moss",
    "苔",
    "</",
    "sup>",
    "<s",
    "<|2|>",
]


@pytest.mark.parametrize(
    "hostile",
    [
        *["\x1b[31m", "\x1b[2J", "\x9b1;1H", "\x1bc", "\x1b(0"],
        *["\x1b]0;title\x07", "\x1b]8;;http://x\x1b\\", "\x9d0;t\x9c", "\x1bPq#0\x1b\\"],
        *["\r", "\b", "\x00", "\x7f", "\x85", "\u202e", "\u2066"],
    ],
)
def test_what_a_terminal_would_obey_is_removed(hostile: str) -> None:
    assert clean(f"a{hostile}b") == "ab"


def test_ordinary_text_stays() -> None:
    text = "tab\there, 苔藓 é 👩‍🚀\nnext [1m line; عربي"
    assert clean(text) == text


@given(st.text())
def test_nothing_unsafe_is_left(text: str) -> None:
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", clean(text))


def test_cleaning_takes_linear_time() -> None:
    for hostile in ("\x9d", "\x1b]", "\x1b[0", "\x1b ", "<sup>", "<|1|> "):
        readable(hostile * 100_000)


def test_one_line_is_short() -> None:
    assert one_line("a\n\n b\x1b[0m\tc") == "a b c"
    assert one_line("abcdef", 4) == "abc…"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("Moss<sup><|1|></sup> grows.", "Moss[1] grows."),
        ("Moss<|12|>", "Moss[12]"),
        ("<sup><|1|><|3|></sup>", "[1][3]"),
        ("<sup><|2|>, <|3|></sup>", "[2], [3]"),
        ("x<sup>2</sup> <|a|> <|12345|> a<b|c>d", "x<sup>2</sup> <|a|> <|12345|> a<b|c>d"),
    ],
)
def test_citations_are_shown_as_numbers(written: str, shown: str) -> None:
    assert readable(written) == shown


@given(st.lists(st.sampled_from(PARTS)), st.integers(1, 7))
def test_pieces_show_what_the_whole_shows(parts: list[str], size: int) -> None:
    text = "".join(parts)
    stream = ReadableStream()
    shown = "".join(stream.push(text[i : i + size]) for i in range(0, len(text), size)) + stream.flush()
    assert shown == readable(text)


def test_only_possible_citations_wait() -> None:
    stream = ReadableStream()
    assert [stream.push(piece) for piece in ("Moss", " <sup", ">2", "<|1", "|>", ".")] == [
        "Moss",
        " ",
        "<sup>2",
        "",
        "",
        "[1].",
    ]


def test_lines_are_broken_at_blanks() -> None:
    text = "one two three\n\n  four five six\nseven"
    assert wrapped(text, 9) == "one two\nthree\n\n  four\nfive six\nseven"
    assert wrapped("/name  what it does", 14, " " * 7) == "/name  what it\n       does"
    assert wrapped("a /very/long/path here", 8) == "a\n/very/long/path\nhere"
    assert wrapped("中文 中文 中文", 9) == "中文 中文\n中文"
    assert wrapped("a    table  row", 15) == "a    table  row"


def test_breaking_a_line_takes_linear_time() -> None:
    with effort_below(12):
        assert wrapped("a" + " " * 30_000, 80) == "a"


@given(st.text("ab 中\n"), st.integers(1, 20))
def test_wrapping_loses_no_word_and_leaves_what_fits(text: str, width: int) -> None:
    assert wrapped(text, width).split() == text.split()
    assert all(columns(line.rstrip()) <= width or " " not in line.strip() for line in wrapped(text, width).split("\n"))
