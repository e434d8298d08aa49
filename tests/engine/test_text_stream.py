"""Stop texts are found wherever the pieces are cut, and nothing else is held back for good."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from moss_agent.engine.text_stream import StopFilter

STOPS = ["<eot>", "<eom>", "<|MOSS|>:"]
PART = st.sampled_from(["<", "e", "o", "t", "m", ">", "<eot>", "<eo", "<|MOSS|>", ":", "a", "你"])
PARTS = st.lists(PART, max_size=20)


@given(PARTS, st.integers(1, 5))
def test_the_first_stop_is_found_however_the_text_is_cut(parts, size):
    text = "".join(parts)
    positions = [(text.find(stop), stop) for stop in STOPS if stop in text]
    filtered, out = StopFilter(STOPS), ""
    for start in range(0, len(text), size):
        out += filtered.push(text[start : start + size])
        if filtered.stop:
            break
    if positions:
        position, stop = min(positions)
        assert (out, filtered.stop) == (text[:position], stop)
        assert text.startswith(out + stop + filtered.surplus)
    else:
        assert out + filtered.flush() == text
