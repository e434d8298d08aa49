"""Streams of chat completions: the shapes of many servers, wherever they are cut, whatever stands in them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import chain, repeat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moss_agent.engine.backends.remote import chat_calls
from moss_agent.engine.backends.remote.chat_stream import Ending, parse_delta, read_chat
from moss_agent.engine.backends.remote.stream import Usage
from moss_agent.errors import ServerError
from moss_agent.messages import Content, MessagePiece, Reasoning, Tool, ToolCall
from tests.engine.backends.remote.chat_shapes import FIRST, SHAPES, TWO, call, calls, delta, sent, usage

ARGUMENTS = '{"text": "say \\"} ]\\" \\\\", "more": [{}, {"a": null}]}'


def read(chunks: Iterable[bytes], limit: int = 10_000, taken: Iterable[str] = ()) -> tuple[list[MessagePiece], Ending]:
    stream, written = read_chat(chunks, 9, limit, set(taken)), []
    while True:
        try:
            written.append(next(stream))
        except StopIteration as end:
            return written, end.value


def read_until_error(chunks: Iterable[bytes]) -> tuple[list[MessagePiece], str]:
    """What came, and the error that ended it, if one did."""
    written: list[MessagePiece] = []
    try:
        for item in read_chat(chunks, 9, 10_000):
            written.append(item)
    except ServerError as error:
        return written, str(error)
    return written, ""


def without_new_ids(written: Iterable[MessagePiece], told: Iterable[MessagePiece]) -> list[MessagePiece]:
    """The same with the ids taken away that `told` does not have."""
    known = {item.id for item in told if isinstance(item, ToolCall)}
    kept = lambda item: isinstance(item, ToolCall) and item.id not in known  # noqa: E731
    return [ToolCall("", item.name, item.arguments) if kept(item) else item for item in written]


def joined(written: Iterable[MessagePiece]) -> list[MessagePiece]:
    """The same with pieces of one kind put together."""
    whole: list[MessagePiece] = []
    for item in written:
        if whole and not isinstance(item, ToolCall) and type(whole[-1]) is type(item):
            whole[-1] = type(item)(whole[-1].text + item.text)
        else:
            whole.append(item)
    return whole


@pytest.mark.parametrize("name", SHAPES)
def test_what_servers_send_is_read(name):
    shape = SHAPES[name]
    written, ending = read([shape.stream])
    assert without_new_ids(written, shape.written) == shape.written
    ids = [item.id for item in written if isinstance(item, ToolCall)]
    assert all(ids) and len(set(ids)) == len(ids)
    assert ending.text == "".join(item.text for item in written if isinstance(item, Content))
    assert ending.finish == "end"


@given(st.sampled_from(sorted(SHAPES)), st.data())
def test_what_is_read_does_not_depend_on_where_the_bytes_are_cut(name, data):
    shape = SHAPES[name]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(shape.stream)), max_size=8)))
    chunks = [shape.stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(shape.stream)], strict=True)]
    assert without_new_ids(read(chunks)[0], shape.written) == shape.written


@given(st.sampled_from(sorted(SHAPES)), st.data())
def test_of_a_stream_that_ends_early_no_call_is_seen_that_was_not_whole(name, data):
    shape = SHAPES[name]
    end = data.draw(st.integers(0, len(shape.stream)))
    written, error = read_until_error([shape.stream[:end]])
    complete = [item for item in shape.written if isinstance(item, ToolCall)]
    seen = without_new_ids([item for item in written if isinstance(item, ToolCall)], complete)
    assert seen == complete[: len(seen)]
    finished = b'"finish_reason": "' in shape.stream[:end].rpartition(b"\n\n")[0]
    assert bool(error) != finished and (finished or "broke off" in error)
    assert seen == complete or not finished or name.startswith("Gemini")


@given(st.lists(st.integers(0, len(ARGUMENTS)), max_size=12))
def test_a_call_comes_with_the_last_piece_of_its_arguments(cuts):
    cuts = sorted({0, *cuts, len(ARGUMENTS)})
    pieces = [ARGUMENTS[a:b] for a, b in zip(cuts, cuts[1:], strict=False)]
    events = [calls(call(0, "call_a", "add", "")), *[calls(call(0, arguments=piece)) for piece in pieces]]
    assert read_until_error([sent(*events[:-1], done=False)])[0] == []
    assert read_until_error([sent(*events, done=False)])[0] == [ToolCall("call_a", "add", ARGUMENTS)]


@settings(max_examples=50)
@given(st.lists(st.text(st.sampled_from("<think>/ \na"), max_size=12), max_size=8))
def test_tags_are_found_however_the_text_is_cut(pieces):
    whole, _ = read([sent(delta(content="".join(pieces)), delta("stop"))])
    cut, ending = read([sent(*[delta(content=piece) for piece in pieces], delta("stop"))])
    assert joined(cut) == joined(whole)
    assert ending.text == "".join(item.text for item in cut if isinstance(item, Content))


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("<think>\n\n</think>\n\nHi.", [Content("Hi.")]),
        ("<think>a</think><think>b</think> c", [Reasoning("a"), Reasoning("b"), Content("c")]),
        ("Between <think> and </think>.", [Content("Between <think> and </think>.")]),
        (" \n Hi. ", [Content(" \n Hi. ")]),
        ("Hm.\n</think>\n\nHi.", [Content("Hm.\n</think>\n\nHi.")]),  # as without a parser
        ("<thi", [Content("<thi")]),
        ("<think>Hm.</th", [Reasoning("Hm."), Reasoning("</th")]),
        ("\n", [Content("\n")]),
        ("<think></think>\n", []),
    ],
)
def test_thoughts_stand_at_the_beginning_only(text, written):
    assert read([sent(delta(content=text), delta("stop"))])[0] == written


def test_a_server_that_finds_the_thoughts_itself_may_speak_of_tags():
    stream = sent(delta(content="", reasoning_content="Hm."), delta(content="<think> opens them."), delta("stop"))
    assert read([stream])[0] == [Reasoning("Hm."), Content("<think> opens them.")]


def test_a_call_is_seen_before_the_message_ends_and_in_its_place():
    stream = read_chat([sent(delta(content="I add."), calls(call(0, *FIRST)))], 9, 99)
    assert [next(stream), next(stream)] == [Content("I add."), TWO[0]]


def test_a_call_that_does_not_show_its_end_comes_with_that_of_the_message():
    def chunks():
        yield sent(calls(call(0, "call_b", "now", "")), delta("tool_calls"), done=False)
        pytest.fail("the counts were waited for")

    assert next(read_chat(chunks(), 9, 99)) == TWO[1]


def test_ids_are_told_apart_from_each_other_and_from_earlier_ones():
    same, long = [call(index, "a", "now", {"n": index}) for index in range(3)], call(3, "x" * 999, "now", {"n": 3})
    odd = [call(4, "a\nb", "now", {"n": 4}), {**call(5, None, "now", {"n": 5}), "id": 7}]
    written, _ = read([sent(calls(*same, long, *odd), delta("tool_calls"))], taken=["7"])
    ids = [item.id for item in written]
    assert ids[0] == "a" and len(set(ids)) == 6 and "7" not in ids
    assert all(len(name) == 9 and name.isalnum() for name in ids[1:])
    assert read([sent(calls(*same), delta("tool_calls"))], taken=["a"])[0][0].id != "a"


@pytest.mark.parametrize(
    ("finish", "ended"),
    [("length", "length"), ("tool_calls", "end"), ("MAX_TOKENS", "length")]
    + [("model_context_window_exceeded", "length"), ("end_turn", "end")],
)
def test_a_call_in_which_the_message_is_cut_is_left_out(finish, ended):
    events = [calls(call(0, *FIRST)), calls(call(1, "b", "add", '{"numbers": "1,')), calls(call(2, "c", "now", "{}"))]
    written, ending = read([sent(*events, delta(finish))])
    assert ending.finish == ended and written[0] == TWO[0]
    assert (len(written) == 1) == (ended == "length")


@pytest.mark.parametrize("last", [calls(call(0, "a", "add", '{"n')), calls(call(0, "a", "add"))])
def test_an_end_that_says_no_reason_is_none_in_the_middle_of_a_call(last):
    assert read_until_error([sent(last)]) == ([], "the server broke off in the middle of a tool call: ask again")
    written, ending = read([sent(delta(content="Hi."))])
    assert (written, ending.finish) == ([Content("Hi.")], "end")


@pytest.mark.parametrize(
    ("finish", "said"),
    [("content_filter", "content filter stopped"), ("error", "gave up"), ("insufficient_system_resource", "gave up")]
    + [("content_filter: RECITATION", "content filter"), ("SAFETY", "content filter"), ("sensitive", "content filter")]
    + [
        ("network_error", "gave up"),
        ("function_call_filter: MALFORMED\nCALL", "(function_call_filter: malformed call)"),
    ],
)
def test_an_answer_that_the_server_gives_up_is_an_error(finish, said):
    written, error = read_until_error([sent(delta(content="Hi."), calls(call(0, "a", "add", "{")), delta(finish))])
    assert written == [Content("Hi.")] and said in error and "\n" not in error


def test_an_error_in_the_stream_is_told_in_one_line():
    error = {"error": {"code": 502, "message": "Provider\ndisconnected"}, "choices": [{"finish_reason": "error"}]}
    written, said = read_until_error([sent(delta(content="Hi."), calls(call(0, "a", "add", "{")), error)])
    assert (written, said) == ([Content("Hi.")], "the server failed: Provider disconnected")


def test_the_counts_of_the_server_come_with_the_end():
    _, ending = read([SHAPES["OpenAI"].stream])
    assert ending.usage == Usage(20, 9, 16) and ending.pieces == 5
    assert read([SHAPES["DeepSeek"].stream])[1].usage == Usage(20, 0, 16)
    assert read([SHAPES["LM Studio"].stream])[1].usage is None
    assert read([SHAPES["vLLM"].stream])[1].reasoning_field == "reasoning"


@pytest.mark.parametrize("piece", [{"content": "word "}, {"reasoning": "word "}])
def test_a_message_without_an_end_is_cut_at_the_limit(piece):
    written, ending = read(iter(lambda: sent(delta(**piece), done=False), None), limit=5)
    assert len(written) == 6 and ending.finish == "length"


@pytest.mark.parametrize("event", [calls(call(0, "a")), calls(call(0)), usage(1, 2)])
def test_ids_and_counts_are_no_answer(event):
    chunks = chain([sent(calls(call(0, "a", "add")), done=False)], repeat(sent(event, done=False), 300_000))
    with pytest.raises(ServerError, match=r"no text for 0.05 seconds"):
        list(read_chat(chunks, 0.05, 10_000))


def test_ids_that_come_again_and_again_take_no_memory():
    come = chat_calls.Calls()
    for _ in range(9):
        assert not list(come.add(chat_calls.CallPiece(0, "a")))
    assert come._open[0]._pieces == []


def test_a_call_without_an_end_is_cut_too():
    endless = iter(lambda: sent(calls(call(0, "a", "add", '{"')), done=False), None)
    assert read(endless, limit=5)[0] == []


@pytest.mark.parametrize(
    "event",
    [
        calls(call(0, "a", "add", '{"' + "a" * 900_000)),
        calls(call(0, "a", "n" * 300, "{}")),
        calls(*[call(index, None, "now", "{}") for index in range(chat_calls.MOST_CALLS + 1)]),
        calls(*[call(None, None, None, "}{") for _ in range(600_000 // 60)], *[call(None, None, "x" * 257)]),
    ],
)
def test_calls_have_bounds(event):
    written, error = read_until_error(iter(lambda: sent(event, done=False), None))
    assert not [item for item in written if isinstance(item, ToolCall)] and "tool call" in error and len(error) < 200


@pytest.mark.parametrize("text", ['{"a": "' + "}" * 3000 + '"}', "{}x" + "{}" * 3000])
def test_arguments_are_not_parsed_again_with_each_piece(text, monkeypatch):
    parsed, parse = [], chat_calls._members
    monkeypatch.setattr(chat_calls, "_members", lambda text: parsed.append(text) or parse(text))
    pieces = [call(0, arguments=piece) for piece in text]
    assert read([sent(calls(call(0, "a", "add"), *pieces), delta("stop"))])[0][-1].arguments
    assert len(parsed) < 4


@pytest.mark.parametrize(
    "event",
    [{"choices": 3}, {"choices": [3]}, delta(content=3), delta(tool_calls=3), delta(tool_calls=[3])]
    + [delta(tool_calls=[{"function": 3}]), calls(call(0, "a", 3)), delta(content=["a"]), delta(reasoning=[1])]
    + [delta(function_call=3), {"usage": {"prompt_tokens": -1}}, delta(content=[{"thinking": 3}])],
)
def test_what_is_no_completion_is_an_error(event):
    with pytest.raises(ServerError, match="sends what is no completion"):
        parse_delta(json.dumps(event))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
hostile = {"index": json_values, "id": json_values, "function": json_values, "name": json_values}


@settings(max_examples=60)
@given(
    st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "content": json_values,
                "reasoning": json_values,
                "function_call": json_values,
                "tool_calls": st.lists(st.fixed_dictionaries({}, optional=hostile) | json_values, max_size=3)
                | st.lists(
                    st.builds(
                        call,
                        st.none() | st.integers(0, 2),
                        st.none() | st.sampled_from(["a", "b"]),
                        st.none() | st.sampled_from(["add", "now"]),
                        st.none() | st.sampled_from(["{", "}", "{}", '{"a":1}', '"', "x"]),
                    ),
                    max_size=3,
                ),
            },
        ),
        max_size=6,
    ),
    st.sampled_from(["stop", "length", None, "tool_calls"]),
)
def test_whatever_comes_is_read_or_refused_in_one_line(deltas, finish):
    stream = sent(*[delta(**fields) for fields in deltas], delta(finish), done=False)
    written, error = read_until_error([stream])
    assert "\n" not in error
    found = [item for item in written if isinstance(item, ToolCall)]
    assert len({item.id for item in found}) == len(found) and all(item.id for item in found)
    if finish in (None, "length") or error:
        assert all(isinstance(json.loads(item.arguments), dict) and item.name for item in found)
    for item in written:
        (item.arguments + item.name if isinstance(item, ToolCall) else item.text).encode()


def test_lone_surrogates_become_text_that_can_be_written():
    event = '{"choices": [{"delta": {"content": "a\\ud83d", "tool_calls": [{"id": "\\ude00", "function": '
    event += '{"name": "\\ude00n", "arguments": {"a": "\\ud83d"}}}]}, "finish_reason": "stop"}]}'
    written, _ = read([f"data: {event}\n\n".encode()])
    assert written[0] == Content("a\ufffd")
    assert (written[1].name, written[1].arguments) == ("\ufffdn", '{"a": "\ufffd"}')


def test_a_usage_event_may_come_without_choices():
    assert parse_delta(json.dumps(usage(3, 1))).usage == Usage(3, 1)


ADD = Tool("add", "Add.", {"type": "object", "properties": {}})


@pytest.mark.parametrize(
    "text",
    [
        '<tool_call>\n{"name": "add", "arguments": {"numbers": "1,2"}}\n</tool_call>',
        '```json\n{"name": "add", "arguments": {"numbers": "1,2"}}\n```',
        '<tools>\n  {"type": "function", "function": {"name": "add", "arguments": {"numbers": "1,2"}}}\n</tools>',
    ],
)
def test_a_call_that_the_server_does_not_read_is_read_in_the_text(text):
    pieces = [delta(content=character) for character in text]
    for tools, wanted in (([ADD], [("add", '{"numbers": "1,2"}')]), ([], [])):
        written = list(read_chat([sent(*pieces, delta("stop"))], 9, 999, tools=tools))
        assert [(item.name, item.arguments) for item in written if isinstance(item, ToolCall)] == wanted
        assert "".join(item.text for item in written if isinstance(item, Content)) == ("" if tools else text)


def test_text_that_only_speaks_of_a_tool_is_text():
    text = 'Write {"name": "add", "arguments": {}} or ```json\n{"name": "nothing"}\n```'
    assert joined(read_chat([sent(delta(content=text), delta("stop"))], 9, 99, tools=[ADD])) == [Content(text)]
