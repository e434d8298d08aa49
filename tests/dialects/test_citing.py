"""Citations of chat models and ours; what a model says can never be read back as structure."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moss_agent.dialects.citing import CitedText
from moss_agent.protocol import as_written, first_marker

TEXTS = st.lists(
    st.sampled_from([*"[]12379,，` a巴_)<>|:/eom(", "[1]", "[2, 3]", "<eom>", "<|MOSS|>:", "<|", "```", "[9]"]),
    max_size=30,
).map("".join)


def convert(text: str, known: set[int], size: int = 1000) -> str:
    cited = CitedText(known)
    return "".join(cited.push(text[i : i + size]) for i in range(0, len(text), size)) + cited.flush()


@pytest.mark.parametrize(
    "said, recorded",
    [
        ("It is big [1].", "It is big <sup><|1|></sup>."),
        ("It is big[2], and old [1, 2].", "It is big<sup><|2|></sup>, and old <sup><|1|><|2|></sup>."),
        ("巴黎很大[1]。", "巴黎很大<sup><|1|></sup>。"),
        ("Nobody said so [7].", "Nobody said so <sup><|7|></sup>."),  # the check of citations drops it, and says so
        ("Take a[7] and b[0].", "Take a[7] and b[0]."),
        ("Run `x[1]` or\n```\ny = z[2]\n```\nas in [1]", "Run `x[1]` or\n```\ny = z[2]\n```\nas in <sup><|1|></sup>"),
        ("See [1](https://example.org).", "See [1](https://example.org)."),
        ("[1", "[1"),
        ("Both [1][2], table[1][9].", "Both <sup><|1|><|2|></sup>, table[1][9]."),
    ],
)
def test_numbers_in_brackets_become_citations(said, recorded):
    assert convert(said, {1, 2}) == recorded


def test_without_numbered_passages_brackets_stay():
    assert convert("one [1], two [2]", set()) == "one [1], two [2]"


@given(TEXTS, st.integers(1, 9), st.sampled_from([set(), {1, 2}, {3}]))
def test_pieces_make_no_difference_and_no_marker_comes_through(text, size, known):
    whole = convert(text, known)
    assert convert(text, known, size) == whole
    assert not first_marker(whole)


@given(st.lists(st.sampled_from(["word ", "[1]", "[2]", ". ", "巴黎"]), max_size=12).map("".join))
def test_what_was_recorded_is_told_as_it_was_written(text):
    assert as_written(convert(text, {1, 2})) == text
