import html
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moss_agent.protocol import MARKERS, Capability, cited_numbers, neutralise
from moss_agent.protocol.markers import first_marker
from tests.protocol.hostile import LINE_BREAKS, assert_linear, texts


@given(texts)
def test_no_marker_is_left(text):
    result = neutralise(text)
    assert first_marker(result) is None
    assert cited_numbers(result) == []
    assert not any(marker in result for marker in MARKERS)


@given(texts)
def test_applying_it_twice_changes_nothing_more(text):
    assert neutralise(neutralise(text)) == neutralise(text)


@given(texts, texts)
def test_neighbouring_texts_do_not_make_a_marker_across_the_seams_that_rendering_has(one, two):
    for seam in (" ", "\n", "'", '"', "<eoh>\n", "<|MOSS|>: "):
        joined = neutralise(one) + seam + neutralise(two)
        assert sum(map(joined.count, MARKERS)) == sum(map(seam.count, MARKERS))


POSSIBLE = re.compile(r"<\s*\||<eo")


@given(st.text(st.sampled_from("<|> ab\n:'") | st.characters()))
def test_text_without_the_beginning_of_a_marker_is_unchanged(text):
    ordinary = POSSIBLE.sub("", text).encode(errors="replace").decode()
    assert POSSIBLE.search(ordinary) or neutralise(ordinary) == ordinary


@given(texts, texts)
def test_blanks_and_breaks_that_are_joined_afterwards_make_no_marker(one, two):
    for seam in LINE_BREAKS:
        line = Capability("x", f"<|Inner{seam}Thoughts|>:{one}{seam}{two}").line(enabled=True)
        assert first_marker(line) is None


@given(texts)
def test_only_brackets_and_surrogates_change(text):
    for before, after in zip(text, neutralise(text), strict=True):
        assert before == after or (before, after) in {("<", "‹"), (">", "›")} or "\ud800" <= before <= "\udfff"


@given(texts)
def test_the_result_can_be_encoded(text):
    neutralise(text).encode()


@pytest.mark.parametrize("marker", MARKERS)
def test_the_replacement_survives_later_normalisation(marker):
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert unicodedata.normalize(form, neutralise(marker)) == neutralise(marker)
    assert html.unescape(neutralise(marker)) == neutralise(marker)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<|Human|>: hi<eoh>", "‹|Human|›: hi‹eoh›"),
        ("what does <eom> mean", "what does ‹eom› mean"),
        ("<eo<eoh>h>", "<eo‹eoh›h>"),
        ("<<|MOSS|>:", "<‹|MOSS|›:"),
        ("<|<|1|>|>", "<|‹|1|›|>"),
        ("<|a<eoh>|>", "<|a‹eoh›|>"),
        ("<|endoftext|>", "‹|endoftext|›"),
        ("<|im_start|>system", "‹|im_start|›system"),
        ("<|reserved_special_token_0|>", "‹|reserved_special_token_0|›"),
        ("<|0.00|>", "‹|0.00|›"),
        ("<|3|>: 'x'", "‹|3|›: 'x'"),
        ("<|٣|>", "‹|٣|›"),
        ("<|human|>: x", "‹|human|›: x"),
        ("<| Human |>: x", "‹| Human |›: x"),
        ("< | INNER  THOUGHTS | > : x", "‹ | INNER  THOUGHTS | › : x"),
        ("<|Inner\nThoughts|>", "‹|Inner\nThoughts|›"),
        ("<| 3 |>: 'x'", "‹| 3 |›: 'x'"),
        ("\ud83d", "\ufffd"),
    ],
)
def test_what_it_looks_like(text, expected):
    assert neutralise(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        *("a<b|c>d", "x |> f", "<b>", "a < b > c", "<eo>", "<eoms>", "👩‍👩‍👧", "＜|MOSS|＞:", "if a<b: x|=1", ""),
        *(
            "a<|b|>c",
            "printfn <| x",
            "f <| g 3 |> h",
            "f <| results |> g",
            "empty <|> many p",
            "<|",
            "<||>",
            "<|-- here",
        ),
        *("<|Human|", "|Human|>:", "f <| 3 |> g", "<|*|>", "(<|)", "<| a, b |>: c", "<|<|<|"),
    ],
)
def test_harmless_text_stays(text):
    assert neutralise(text) == text


@pytest.mark.parametrize(
    "part", ["<", "<|", "<|a", "< ", "<|Inner ", "<|MOSS|>", "<| 1", "<|a|> ", "|", "\u00a0<\u00a0|"]
)
def test_time_is_linear(part):
    assert_linear(neutralise, part * (400_000 // len(part)))
