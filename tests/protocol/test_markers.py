from hypothesis import given

from moss_agent.protocol import MARKERS, SEGMENTS
from moss_agent.protocol.markers import first_marker, possible_marker
from tests.protocol.hostile import texts


def test_a_segment_has_a_header_and_an_end():
    assert len(MARKERS) == len(set(MARKERS)) == 2 * len(SEGMENTS)


def test_no_marker_is_the_beginning_of_another():
    assert not [(a, b) for a in MARKERS for b in MARKERS if a != b and b.startswith(a)]


@given(texts)
def test_the_first_marker_is_the_leftmost(text):
    places = [(text.find(marker), marker) for marker in MARKERS if marker in text]
    assert first_marker(text) == min(places, default=None)


@given(texts)
def test_what_may_become_a_marker_is_held_back_and_nothing_else(text):
    beginnings = [n for n in range(1, len(text) + 1) for m in MARKERS if m != text[-n:] and m.startswith(text[-n:])]
    assert possible_marker(text) == (0 if text.endswith(MARKERS) else max(beginnings, default=0))
