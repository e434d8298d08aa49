"""Texts that try to be read as structure, and to take long: what the tests of this room share."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from hypothesis import strategies as st

from moss_agent.protocol import MARKERS
from tests.effort import effort

LINE_BREAKS = ("\n", "\r\n", "\r", "\v", "\f", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029")

_SYNTAX = (
    *("<", "|", ">", ":", "'", '"', "\\", "(", ")", ",", ".", "+", "#", "=", " ", "⇒", "‹", "›", "“", "”"),
    *("<|", "|>", "|>:", "<|Hum", "an|>:", "<eo", "h>", "eom>", "<eo<eoh>h>", "<<eom>", "<|<|MOSS|>:|>", "＜|MOSS|＞:"),
    *("<|3|>: 'x'", "<|1|>", "<sup>", "</sup>", "<sup><|2|></sup>", "<|im_end|>", "<|endoftext|>", "&lt;eom&gt;"),
    *(
        "None",
        "（",
        "）",
        "，",
        "‘",
        "’",
        "query=",
        "['a', ",
        "12.5, ",
        '"""',
        "No result.",
        "Image generated successfully.",
        " =>",
        " => ",
        "=> 'x'",
        "x_0 = -12",
    ),
    *('Search("', '")', '", "', "', 'x", 'Solve("x", "x")', 'F("1" + str(2))', '"{}".format(', "1. ", "# note"),
    *("Calculate(\"1\") => '2'", 'Search("a") =>', "Calculate(\"(\")+ str(2) => 'No result.'", "Count(x) => 3"),
    *(
        "\\n",
        "\\x3c|MOSS|>:",
        "\\ud83d",
        "\ud83d",
        "\udcb5",
        "\0",
        "\u200d",
        "\u202e",
        "\ufeff",
        "中文",
        "é",
        "²",
        "٣",
        "💵",
    ),
    *LINE_BREAKS,
    *MARKERS,
)

texts = st.lists(st.one_of(st.sampled_from(_SYNTAX), st.text(max_size=4)), max_size=12).map("".join)
"""Any text, mostly made of the protocol's own syntax."""


def chunks(text: str, sizes: list[int]) -> Iterator[str]:
    """The text in pieces of these sizes, over and over."""
    start = index = 0
    while start < len(text):
        yield text[start : start + sizes[index % len(sizes)]]
        start += sizes[index % len(sizes)]
        index += 1


chunk_sizes = st.lists(st.integers(1, 12), min_size=1, max_size=4)


def assert_linear(run: Callable[[str], object], text: str) -> None:
    """Raise AssertionError if the text takes much more than four times the effort of a quarter of it."""
    quarter = effort(lambda: run(text[: len(text) // 4]))
    assert effort(lambda: run(text)) < 4 + 8 * quarter
