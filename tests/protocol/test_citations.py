import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moss_agent.protocol import CitationFilter, check_citations, cited_numbers
from tests.protocol.hostile import texts


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("moss<sup><|1|></sup>.", "moss<sup><|1|></sup>."),
        ("moss<|1|>.", "moss<sup><|1|></sup>."),
        ("moss<sup><|1|><|3|></sup>.", "moss<sup><|1|></sup><sup><|3|></sup>."),
        ("moss<sup><|2|>, <|3|></sup>.", "moss<sup><|2|></sup><sup><|3|></sup>."),
        ("苔藓<|1|>、<|2|>。", "苔藓<sup><|1|></sup><sup><|2|></sup>。"),
        ("moss<sup> <|1|> </sup>.", "moss<sup><|1|></sup>."),
        ("moss<sup><|1|>, and", "moss<sup><|1|></sup>, and"),
        ("moss<|1|></sup>.", "moss<sup><|1|></sup>."),
        ("moss<|01|><|1|>.", "moss<sup><|1|></sup>."),
        ("no citation, x<sup>2</sup>", "no citation, x<sup>2</sup>"),
    ],
)
def test_citations_become_well_formed(answer, expected):
    assert check_citations(answer, {1, 2, 3}) == (expected, [])


def test_numbers_that_stand_for_nothing_are_dropped_and_named():
    assert check_citations("a<sup><|1|><|7|></sup> b<|12345678|> c<sup><|7|></sup>.", [1]) == (
        "a<sup><|1|></sup> b c.",
        [7, 12345678],
    )


def test_numbers_come_in_the_order_of_their_first_appearance():
    assert cited_numbers("<|3|> <|1|><|3|> <|x|> <||>") == [3, 1]


@given(texts, st.sets(st.integers(0, 4)))
def test_only_known_numbers_are_left_and_checking_again_changes_nothing(text, known):
    checked, dropped = check_citations(text, known)
    assert set(cited_numbers(text)) == set(cited_numbers(checked)) | set(dropped)
    assert set(cited_numbers(checked)) <= known
    assert check_citations(checked, known) == (checked, [])


def test_a_number_of_any_length_is_no_error():
    check_citations("<|" + "1" * 5000 + "|>", {1})


@given(st.text(alphabet="ab<|1290>/sup ,", max_size=40), st.lists(st.integers(0, 40), max_size=5))
def test_the_filter_gives_the_same_however_the_text_is_cut(text, cuts):
    filtered = CitationFilter({1, 2})
    places = sorted({0, len(text), *(min(cut, len(text)) for cut in cuts)})
    pieces = [text[begin:end] for begin, end in itertools.pairwise(places)]
    assert "".join(map(filtered.push, pieces)) + filtered.flush() == check_citations(text, {1, 2})[0]
