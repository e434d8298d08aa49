"""Stop texts are found wherever the pieces are cut, and nothing else is held back for good."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from moss_agent.engine.text_stream import MOST_WAITING, StopFilter, TextStream

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


def in_bytes(tokens: list[int]) -> str:
    return bytes(tokens).decode(errors="replace")


@given(st.text(max_size=60))
def test_characters_come_whole_from_tokens_of_one_byte(text):
    stream = TextStream(in_bytes)
    pieces = [stream.push(byte) for byte in text.encode(errors="replace")] + [stream.flush()]
    assert "".join(pieces) == text.encode(errors="replace").decode()


@given(st.binary(max_size=MOST_WAITING - 1))
def test_bytes_that_are_no_character_cost_no_other_one(text):
    stream = TextStream(in_bytes)
    pieces = [stream.push(byte) for byte in text] + [stream.flush()]
    assert "".join(pieces) == in_bytes(list(text))


def test_bytes_that_never_become_a_character_are_not_kept_for_ever():
    stream = TextStream(in_bytes)
    assert "".join(stream.push(0x80) for _ in range(100)).count("\ufffd") >= 100 - MOST_WAITING
