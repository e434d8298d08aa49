"""Texts in passages: nothing lost, nothing too long, cut where a reader would."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moss_agent.documents.passages import LENGTH, flow, split
from tests.protocol.hostile import assert_linear

ALPHABET = st.sampled_from(
    list("abcdefgh ABC 1234567890 .!?,;:\n\n\n\t\"')]}，。！？；…”」』 海象在浮冰上休息蛤蜊カナ\u200b\u0301\x00\x1b")
)
TEXTS = st.one_of(st.text(max_size=1500), st.text(ALPHABET, max_size=3000))


@pytest.mark.slow
@given(TEXTS)
def test_passages_are_the_text_in_order(text: str) -> None:
    passages = list(split(text))
    assert all(0 < len(passage) <= LENGTH for passage in passages)
    assert passages == [flow(passage) for passage in passages]
    rest = "".join(flow(text).split())
    for passage in passages:  # what lies between them has no word in it
        between, found, rest = rest.partition("".join(passage.split()))
        assert found
        assert not any(map(str.isalnum, between))
    assert not any(map(str.isalnum, rest))


@pytest.mark.parametrize(
    ("sentence", "join"),
    [
        ("The walrus rests on drifting ice, and dives for clams.", " "),
        ("海象在浮冰上休息，它们潜入海底寻找蛤蜊。", ""),
        ("他说：“海象在浮冰上休息。”", ""),
        ('"Is it a walrus?"', " "),
    ],
)
def test_passages_end_with_sentences(sentence: str, join: str) -> None:
    passages = list(split(join.join([sentence] * 60)))
    assert all(passage.replace(sentence, "").strip() == "" for passage in passages)
    assert all(len(passage) > LENGTH - len(sentence) - 1 for passage in passages[:-1])


def test_lines_of_a_paragraph_flow_and_paragraphs_end_sentences() -> None:
    assert list(split("海象在\n浮冰上休息。\n\nA heading\n\nThe wal\nrus\r\n rests.")) == [
        "海象在浮冰上休息。A heading The wal rus rests."
    ]
    long = "word " * 70
    assert list(split(f"{long}\n\n{long}")) == [long.strip(), long.strip()]


def test_a_sentence_that_is_too_long_is_cut_after_a_comma_or_between_words() -> None:
    clause = "x" * 300 + ","
    assert list(split(clause + " " + "word " * 50)) == [clause, ("word " * 50).strip()]
    assert all(passage.split() == ["word"] * 80 for passage in split("word " * 160))
    for length, lengths in [(400, [400]), (401, [400, 1]), (1000, [400, 400, 200])]:
        assert [len(passage) for passage in split("海" * length)] == lengths


def test_passages_without_a_word_are_left_out() -> None:
    assert list(split("—— \n\n * * * \n\n…。！")) == []


@pytest.mark.parametrize("piece", [".", "!”", "。", "a.", "\n \n", "海\n", '"', "…", "\ud800", ", ", "1,"])
def test_long_runs_take_no_more_than_linear_time(piece: str) -> None:
    assert_linear(lambda text: list(split(text)), piece * 300_000)
