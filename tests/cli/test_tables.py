"""Tables that fit the terminal: cells are wrapped, nothing is lost."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from moss_agent.cli.tables import ruled_table
from moss_agent.cli.text import columns

CELLS = st.lists(st.sampled_from(["word", "很长的", "averylongwordindeed", "a", ""]), max_size=6).map(" ".join)
ROWS = st.integers(1, 4).flatmap(lambda n: st.lists(st.lists(CELLS, min_size=n, max_size=n), min_size=1, max_size=5))


def test_columns_are_as_wide_as_they_need_to_be():
    table = ruled_table([["name", "n"], ["moss", "12"], ["苔藓", "3"]], ["<", ">"], 40)
    assert table == "name   n\n────────\nmoss  12\n苔藓   3\n"


def test_the_widest_column_gives_way():
    table = ruled_table([["a", "b"], ["one two three four", "x"]], ["<", "^"], 14)
    assert table == "a            b\n──────────────\none two      x\nthree four\n"


@given(ROWS, st.integers(20, 60))
def test_a_table_fits_and_keeps_every_character(rows, width):
    table = ruled_table(rows, ["<"] * len(rows[0]), width)
    assert all(columns(line) <= width for line in table.split("\n"))
    kept = re.sub(r"[\s─]", "", table)
    assert sorted(kept) == sorted(re.sub(r"\s", "", "".join(map("".join, rows))))
