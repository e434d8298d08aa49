import pytest
from hypothesis import given
from hypothesis import strategies as st

from moss_agent.protocol import check_citations, cited_numbers, weak_citations
from moss_agent.protocol.support import statements, support
from tests.protocol.hostile import texts

PARIS = "Paris is the capital and largest city of France, with 2,102,650 inhabitants."
BEIJING = "北京是中华人民共和国的首都，人口2189万。"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("It rains. Moss needs water<sup><|1|></sup>.", [(1, " Moss needs water")]),
        ("It rains. Moss needs water.<sup><|1|></sup> It grows.", [(1, " Moss needs water")]),
        ("It costs 3.5 million euros<sup><|1|></sup>.", [(1, "It costs 3.5 million euros")]),
        ("下雨了。苔藓需要很多水<sup><|1|></sup><sup><|3|></sup>。", [(1, "苔藓需要很多水"), (3, "苔藓需要很多水")]),
        (
            "Tall trees need light<sup><|1|></sup>, small mosses need water<sup><|2|></sup>.",
            [(1, "Tall trees need light"), (2, ", small mosses need water")],
        ),
        (
            "Small mosses need water<sup><|1|></sup> too<sup><|2|></sup>.",
            [(1, "Small mosses need water"), (2, "Small mosses need water too")],
        ),
        ("<sup><|1|></sup>", [(1, "")]),
        ("Nothing is cited.", []),
    ],
)
def test_a_statement_is_what_stands_before_the_citation(answer, said):
    assert list(statements(answer)) == said


@pytest.mark.parametrize(
    ("statement", "passage", "share"),
    [
        ("Paris is the capital of France", PARIS, 1),
        ("The capitals", "the capital", 1),
        ("2102650 inhabitants", PARIS, 1),
        ("２，１０２，６５０", PARIS, 1),
        ("It has 5 rivers", PARIS, 0),
        ("Berlin lies in Germany", PARIS, 0),
        ("北京的人口是2189万", BEIJING, 1),
        ("上海在长江边上", BEIJING, 0),
        ("北京在东边很远", BEIJING, 0.5),
        ("北京有2189万人口", PARIS, 0),  # numbers can be compared, Chinese cannot
        ("北京是首都", "Beijing is the capital", None),
        ("", PARIS, None),
        ("Paris", "", None),
    ],
)
def test_support_is_the_share_of_the_content(statement, passage, share):
    assert support(statement, passage) == (None if share is None else pytest.approx(share))


def test_weak_is_what_one_statement_shares_next_to_nothing_with():
    passages = {1: PARIS, 2: BEIJING}
    answer = "Paris is the capital<sup><|1|></sup>. Mosses have no roots<sup><|1|></sup>. 北京是首都<sup><|2|></sup>。"
    assert weak_citations(answer, passages) == {1}
    assert weak_citations(answer, {2: BEIJING}) == set()


@given(texts, st.dictionaries(st.integers(0, 9), texts, max_size=3))
def test_any_text_can_be_checked(answer, passages):
    checked, _ = check_citations(answer, passages)
    assert weak_citations(checked, passages) <= set(cited_numbers(checked))


def test_long_text_takes_no_time():
    answer = "word, 字字 1." * 20_000 + "<sup><|1|></sup>" * 2000
    assert weak_citations(answer, {1: "word " * 20_000}) == set()
