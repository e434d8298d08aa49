from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from moss_agent.events import Hit
from plugins.web_search._passages import best

A, B = "https://a.example/", "https://b.example/"


def hits(url: str, *texts: str, title: str = "") -> list[Hit]:
    return [Hit(text, title, url) for text in texts]


def test_one_passage_of_each_page_best_first() -> None:
    results = hits(A, "tower") + hits(B, "tower")
    passages = hits(A, "opening hours", "visitors like the tower") + hits(B, "weather", "the tower is 330 metres high")
    found = best("how high is the tower in metres", results, passages)
    assert [(hit.text, hit.url) for hit in found] == [
        ("the tower is 330 metres high", B),
        ("visitors like the tower", A),
    ]


def test_without_a_word_in_common_the_snippets_stay_in_their_order() -> None:
    results = hits(B, "second") + hits(A, "first")
    assert best("tower", results, hits(A, "something else")) == results
    assert best("?!", results, hits(A, "something else")) == results


def test_a_title_says_what_its_passages_are_about() -> None:
    results = hits(A, "x", title="Bridges") + hits(B, "y", title="Tower of Paris")
    passages = hits(A, "It is 330 metres high.", title="Bridges")
    passages += hits(B, "It has a height of 330 metres.", title="Tower of Paris")
    assert best("Paris tower metres", results, passages)[0].url == B


def test_words_of_both_languages_are_matched_by_form() -> None:
    passages = hits(A, "鐵塔的高度是三百三十米。", "铁塔附近有餐馆。") + hits(B, "The heights of towers differ.")
    assert best("铁塔高度", hits(A, "a") + hits(B, "b"), passages)[0].text == "鐵塔的高度是三百三十米。"
    assert best("tower height", hits(A, "a") + hits(B, "b"), passages)[0].url == B


def test_a_page_that_shares_the_best_passage_of_another_is_no_hit_of_its_own() -> None:
    texts = ("the tower is 330 metres high", "visitors like the tower")
    found = best("how high is the tower in metres", hits(A, "a") + hits(B, "b"), hits(A, *texts) + hits(B, *texts))
    assert [(hit.text, hit.url) for hit in found] == [(texts[0], A)]


@settings(max_examples=60)  # the first example loads a dictionary
@given(st.text(max_size=60), st.lists(st.tuples(st.sampled_from([A, B]), st.text(max_size=40)), max_size=5))
def test_any_query_and_any_text(query: str, pieces: list[tuple[str, str]]) -> None:
    results = hits(A, "one") + hits(B, "two")
    found = best(query, results, [Hit(text, "", url) for url, text in pieces])
    assert 1 <= len(found) == len({hit.url for hit in found}) == len({hit.text for hit in found})
