"""What is shown of texts from the web."""

from __future__ import annotations

from unicodedata import category

from hypothesis import given
from hypothesis import strategies as st

from plugins.web_search._text import UNSAFE_IN_URL, clean, cut, link


@given(st.text())
def test_clean_text_is_printable_on_one_line(text: str) -> None:
    cleaned = clean(text)
    assert cleaned == " ".join(cleaned.split())
    assert all(category(c) not in ("Cc", "Cf", "Cs", "Co") or c in "\u200c\u200d" for c in cleaned)


def test_what_is_decoded_already_stays_as_it_is() -> None:
    text = "http://intranet/report?id=4&section=2&copy=1 Write &lt;b&gt; for bold."
    assert clean(text) == text


@given(st.text(), st.integers(1, 50))
def test_cut_is_a_beginning(text: str, limit: int) -> None:
    short = cut(text, limit)
    assert text.startswith(short) and len(short) <= limit
    assert text[:limit] == text or 2 * len(short) > limit


@given(st.text())
def test_an_address_is_printable_or_dropped(text: str) -> None:
    url = link(f"https://{text}")
    assert url.isprintable() and not set(url) & set(UNSAFE_IN_URL)
    assert not url or url.startswith("https://")
