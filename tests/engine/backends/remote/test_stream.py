"""Event streams: wherever they are cut, whatever stands in them."""

from __future__ import annotations

import json
import time
from itertools import repeat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moss_agent.engine.backends.remote.stream import (
    LONGEST_EVENT,
    Piece,
    Usage,
    parse_piece,
    read_events,
    read_pieces,
)
from moss_agent.errors import ServerError

FINISHED = 'data: {"choices": [{"text": "", "finish_reason": "stop"}]}\n\n'


def event(text: str, **fields: object) -> str:
    return json.dumps({"choices": [{"text": text, **fields}]})


@settings(max_examples=40)
@given(st.lists(st.text(max_size=8), max_size=5), st.sampled_from(["\n", "\r\n", "\r"]), st.data())
def test_pieces_do_not_depend_on_where_the_bytes_are_cut(texts, newline, data):
    lines = "".join(f"data: {json.dumps({'choices': [{'text': text}]}, ensure_ascii=False)}\n\n" for text in texts)
    sent = (lines + FINISHED).replace("\n", newline).encode("utf-8", "surrogatepass")
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sent)), max_size=6)))
    chunks = [sent[start:end] for start, end in zip([0, *cuts], [*cuts, len(sent)], strict=True)]
    got = [piece.text for piece in read_pieces(chunks, 9) if piece.text]
    assert got == [piece.text for piece in read_pieces([sent], 9) if piece.text]
    assert "".join(got) == "".join(texts)


@given(st.binary(max_size=200))
def test_any_bytes_give_events_or_none(noise):
    for data in read_events([noise[:7], noise[7:]]):
        data.encode()


def test_events_as_the_standard_has_them():
    sent = b": ping\n\nevent: x\nid: 1\ndata:a\ndata: b\n\ndata\n\nretry: 5\n\ndata:  c\n\ndata: unfinished"
    assert list(read_events([sent])) == ["", "a\nb", " c"]


def test_bytes_that_are_no_text_are_replaced_even_when_cut_in_two():
    assert list(read_events([b"data: \xe4\xbd", b"\xa0 \xff\xe4", b"\n\n"])) == ["你 \ufffd\ufffd"]


def test_what_an_event_may_tell():
    data = '{"choices": [{"text": "a", "token_ids": [5], "finish_reason": "length", "stop_reason": null}],'
    data += '"usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}}'
    assert parse_piece(data) == Piece("a", (5,), "length", Usage(3, 1))
    assert parse_piece('{"choices": []}') == parse_piece("{}") == Piece()


@pytest.mark.parametrize(("sent", "read"), [(r"\ud83d\ude00", "😀"), (r"a\ud83d", "a\ufffd"), (r"\ude00b", "\ufffdb")])
def test_surrogates_become_text_that_can_be_written(sent, read):
    assert parse_piece('{"choices": [{"text": "' + sent + '"}]}').text == read


@pytest.mark.parametrize(
    "data",
    ["", "nonsense", "[]", "3", '{"choices": 3}', '{"choices": [3]}', event(3), event("a", token_ids=["b"])]
    + [event("a", token_ids=[-1]), '{"usage": {}}[', '{"usage": {"prompt_tokens": "1"}}', "[" * 100_000],
)
def test_what_is_no_completion_is_an_error(data):
    with pytest.raises(ServerError, match="sends what is no completion") as error:
        parse_piece(data)
    assert len(str(error.value)) < 400


@pytest.mark.parametrize(
    "told",
    ['{"error": "out of\\nmemory"}', '{"error": {"message": "out of memory", "code": 500}}']
    + ['{"object": "error", "message": "out of memory"}'],
)
def test_an_error_in_the_stream_is_told(told):
    with pytest.raises(ServerError, match="the server failed: out of memory"):
        list(read_pieces([f"data: {told}\n\n".encode()], 9))


def test_an_error_without_words_is_told_as_it_is():
    with pytest.raises(ServerError, match="the server failed: {'code': 500}"):
        parse_piece('{"error": {"code": 500}}')


@pytest.mark.parametrize("after", [": ping\n\n" * 9, "data: nonsense\n\n", 'data: {"error": "late"}\n\n'])
def test_what_goes_wrong_after_the_answers_end_is_no_matter(after):
    sent = [f"data: {event('a')}\n\n".encode(), FINISHED.encode(), after.encode()]
    assert [piece.text for piece in read_pieces(sent, 0)] == ["a", ""]


@pytest.mark.parametrize(
    ("told", "usage"),
    [
        ({"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 8}}, Usage(9, 2, 8)),
        ({"prompt_tokens": 9, "completion_tokens": 2, "prompt_cache_hit_tokens": 3}, Usage(9, 2, 3)),
        ({"prompt_tokens": 9, "prompt_tokens_details": {"cached_tokens": 99}}, Usage(9, 0, 9)),
        ({"prompt_tokens": 9, "completion_tokens": None, "prompt_tokens_details": None}, Usage(9, 0)),
        ({}, None),
    ],
)
def test_counts_are_read_as_servers_write_them(told, usage):
    assert parse_piece(json.dumps({"usage": told})).usage == usage


def test_a_stream_that_breaks_off_is_no_answer():
    with pytest.raises(ServerError, match="broke off"):
        list(read_pieces([f"data: {event('a')}\n\n".encode()], 9))
    for end in (b"data: [DONE]\n\n", FINISHED.encode()):
        assert [piece.text for piece in read_pieces([f"data: {event('a')}\n\n".encode(), end], 9)][0] == "a"


@pytest.mark.parametrize("part", [b"data: aaaaaaaaaaaaaa", b"data: aaaaaaaaaaaaa\n", b": aaaaaaaaaaaaaaaaaa", b":\n"])
def test_an_event_without_an_end_is_given_up(part):
    with pytest.raises(ServerError, match="without an end"):
        list(read_events([part] * LONGEST_EVENT))


@pytest.mark.parametrize("sign", [b": still here\n\n", b'data: {"usage": {"completion_tokens": 9}}\n\n'])
def test_signs_of_life_are_not_text(sign):
    with pytest.raises(ServerError, match=r"no text for 0.05 seconds \(setting server_timeout\)"):
        list(read_pieces(repeat(sign, 300_000), 0.05))


def test_the_time_before_the_first_event_is_not_counted():
    def chunks():
        time.sleep(0.2)  # tries that were refused, or a long prompt
        yield b": still here\n\n"
        yield f"data: {event('a')}\n\n".encode()
        yield FINISHED.encode()

    assert [piece.text for piece in read_pieces(chunks(), 0.1)][0] == "a"
