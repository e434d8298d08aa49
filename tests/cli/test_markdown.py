"""Markdown as it is written: what appears, at which width, and that pieces make no difference."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moss_agent.cli.markdown import BOLD, CODE, MarkdownStream
from moss_agent.cli.text import columns
from tests.effort import effort_below


def shown(text: str, width: int = 40, size: int = 10_000, styled: bool = False) -> str:
    out: list[str] = []
    stream = MarkdownStream(lambda t, s: out.append(f"<{s}>{t}</>" if styled and s and t else t), lambda: width)
    for start in range(0, len(text), size):
        stream.push(text[start : start + size])
    stream.flush()
    return "".join(out)


@pytest.mark.parametrize(
    "text, wanted",
    [
        ("plain", "plain\n"),
        ("# A **heading**", "A heading\n"),
        ("##   one # two # ## ", "one # two #\n"),
        ("# ##", "\n"),
        ("# C#", "C#\n"),
        ("## C# ##", "C#\n"),
        ("**bold**, *italic*, ~~gone~~, `a_b*c`", "bold, italic, gone, a_b*c\n"),
        ("snake_case_name, a*b*c, 2 * 3 * 4, __init__", "snake_case_name, a*b*c, 2 * 3 * 4, init\n"),
        ("这是**重要**的", "这是重要的\n"),
        ("- one\n  - two\n- [x] done", "• one\n  ◦ two\n• ☑ done\n"),
        ("10. ten\n11) eleven", "10. ten\n11) eleven\n"),
        ("> quoted", "│ quoted\n"),
        ("```python\na = b**c  # *x*\n```\nafter", "  python\n  a = b**c  # *x*\nafter\n"),
        ("~~~\n```\n~~~", "  ```\n"),
        ("[moss](https://example.org/a_b)", "moss (https://example.org/a_b)\n"),
        ("See [1] and [2](x y).", "See [1] and [2](x y).\n"),
        ("$x_1 * y_2 * z$ costs $5 or $6", "$x_1 * y_2 * z$ costs $5 or $6\n"),
        (r"\(a*b*c\) and \*literal\*", "\\(a*b*c\\) and *literal*\n"),
        ("$$\nx_1*y*z\n$$\ntext", "  $$\n  x_1*y*z\n  $$\ntext\n"),
        ("a\n\n\n\nb", "a\n\nb\n"),
        ("-5 degrees\n1.5 metres\n#hash\n* * *", "-5 degrees\n1.5 metres\n#hash\n" + "─" * 40 + "\n"),
        ("| a | b |\n|---|--:|\n| **x** | 1 |", "a  b\n────\nx  1\n"),
        ("| no table |", "| no table |\n"),
        ("**never closed", "never closed\n"),
        ("an [open link", "an [open link\n"),
        ("`open code", "`open code\n"),
    ],
)
def test_what_appears(text, wanted):
    assert shown(text) == wanted


@pytest.mark.parametrize(
    "text",
    ["(1500/20)*1.5 = 112.5", "2*(3+4)=14", "4*(5+1)*2 = 48", "5*-3 = -15", "x**(2+1)", "π*r^2", "2**10 = 1024", "5!*4"]
    + ["(1+r)**n", "50%*200", "长*宽", "长*(宽+高)", "（15+5）*1.5", "price*, tax*", "x_(1)", "单价_数量"],
)
def test_a_sign_of_multiplication_is_kept_and_emphasises_nothing(text):
    assert shown(f"{text} so", styled=True) == f"{text} so\n"
    assert shown(f"{text} so", size=1, styled=True) == f"{text} so\n"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("**b**s", "<1>b</>s"),
        ("(*b*), *b*!", "(<3>b</>), <3>b</>!"),
        ("这**是**的，第3**步**", "这<1>是</>的，第3<1>步</>"),
        ("G**“引”**的，**（注）**的，**b：**的", "G<1>“引”</>的，<1>（注）</>的，<1>b：</>的"),
        ("**2*3**, *(2)*3*", "<1>2*3</>, <3>(2)*3</>"),
    ],
)
def test_what_is_emphasised(text, wanted):
    together = shown(text, styled=True).replace("</><1>", "").replace("</><3>", "")
    assert together == wanted + "\n"


def test_a_table_that_is_too_wide_is_shown_cell_by_cell():
    head, row = (
        ["name", *"bcdefg"],
        ["moss", "a long cell", "", "3", "4", "5", "a cell that is longer than a line of it"],
    )
    text = "\n".join("|".join(["", *cells, ""]) for cells in (head, ["---"] * 7, row))
    wanted = (
        "• name: moss\n  b: a long cell\n  c\n  d: 3\n  e: 4\n  f: 5\n  g: a cell that is longer than a line\n  of it\n"
    )
    assert shown(text, 40) == wanted


def test_styles():
    assert shown("**b** `c`", styled=True) == f"<{BOLD}>b</> <{CODE}>c</>\n"


def test_long_lines_are_wrapped_under_their_beginning():
    assert shown("- " + "word " * 12, 30) == "• word word word word word\n  word word word word word\n  word word\n"
    assert shown("很长的中文" * 4, 20) == "很长的中文很长的中文\n" * 2


def test_words_appear_before_the_line_ends():
    out: list[str] = []
    stream = MarkdownStream(lambda text, _: out.append(text), lambda: 80)
    stream.push("Moss grows in ")
    assert "".join(out) == "Moss grows in"
    stream.push("```")
    assert "".join(out) == "Moss grows in"


MARKS = ["**", "*", "_", "`", "```\n", "# ", "- ", "1. ", "> ", "| a | b |\n", "|---|---|\n", "$", "$$", "~~~", "---\n"]
PIECES = st.sampled_from([*MARKS, "word", " ", "\n", "[x](y)", "[", "\\", "很长", "!", "x" * 30])
TEXTS = st.lists(PIECES, max_size=40).map("".join)
WORDS = st.sampled_from(["word", "很长的", "**bold**", "- item", "\n", "> q", "`c`"])


@given(TEXTS, st.integers(1, 7), st.sampled_from([20, 60]))
def test_pieces_make_no_difference(text, size, width):
    assert shown(text, width, size) == shown(text, width)


@given(TEXTS)
def test_no_word_is_lost_and_none_comes_twice(text):
    wanted = re.findall("word|很|长", text)
    assert re.findall("word|很|长", shown(text, 2000)) == wanted


CELLS = st.lists(st.sampled_from(["很长的单元格", "word", "x" * 30, " "]), max_size=8).map("".join)


@given(st.lists(st.lists(CELLS, min_size=1, max_size=14), min_size=1, max_size=4), st.sampled_from([40, 60, 120]))
def test_no_character_of_a_table_is_lost(rows, width):
    head, *body = (f"| {' | '.join(row)} |" for row in rows)
    text = "\n".join([head, "|---" * len(rows[0]) + "|", *body])
    printed = shown(text, width)
    assert [letter for letter in "很长的单元格wordx" if printed.count(letter) < text.count(letter)] == []


@given(st.lists(WORDS, max_size=60).map(" ".join))
def test_lines_are_no_longer_than_the_terminal(text):
    assert all(columns(line) <= 24 for line in shown(text, 24).split("\n"))


@pytest.mark.parametrize(
    "text", ["*" * 3000, "`" * 2 + "x`" * 1500, "[" * 3000, "$" * 3000, "\\(" * 1500, "| " * 3000, "- " * 3000]
)
def test_nonsense_is_printed(text):
    assert shown(text, size=7).endswith("\n")


BLANKS = " " * 30_000


@pytest.mark.parametrize(
    "line",
    [f"# a{BLANKS}b", f"{BLANKS}b", f"-{BLANKS}b", f"- - -{BLANKS}b", f"1.{BLANKS}b", f"```{BLANKS}`"]
    + ["~" * 30_000 + "`", f"|a|\n|-{BLANKS}b", "|" + "**a " * 8000 + "|\n|-|"],
    ids=["heading", "blanks", "item", "rule", "number", "fence", "tildes", "delimiter", "emphasis"],
)
def test_a_hostile_line_takes_linear_time(line):
    with effort_below(12):
        shown(line, size=len(line))
