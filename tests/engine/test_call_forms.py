"""What chat models write is read the same however it is cut, and what is no call stays as it was written."""

from __future__ import annotations

import json
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moss_agent import plugin
from moss_agent.dialects.messages import tool_of
from moss_agent.engine.call_forms import Forms, MessageReader, forms_of
from moss_agent.messages import Content, Tool, ToolCall
from tests.protocol.hostile import assert_linear


@plugin("install", label="Installing")
def install(version: str | None = None, channel: Literal["1", "2"] = "1", tries: int | None = None) -> str:
    return ""


TOOLS = [
    Tool("add", "Add numbers.", {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}}),
    Tool("look", "Look.", {"type": "object", "properties": {"text": {"type": "string"}, "deep": {"type": "boolean"}}}),
    tool_of(install),
]
TAGGED = Forms(("<think>", "</think>"), "<tool_call>", "</tool_call>", whole=True)
LISTED = Forms(None, "[TOOL_CALLS]")
LLAMA = Forms(None, "<|python_tag|>", whole=True)


def read(forms: Forms, pieces: list[str], prompt: str = "") -> list[tuple[str, ...]]:
    """Reasoning and content as joined texts, calls as names and arguments, in their order."""
    reader = MessageReader(forms, TOOLS, prompt)
    written = [item for piece in pieces for item in reader.push(piece)] + reader.push("", is_last=True)
    told: list[tuple[str, ...]] = []
    for item in written:
        if isinstance(item, ToolCall):
            assert len(item.id) == 9 and item.id.isalnum()
            told.append(("call", item.name, item.arguments))
            continue
        kind = type(item).__name__.lower()
        if told and told[-1][0] == kind:
            told[-1] = (kind, told[-1][1] + item.text)
        else:
            told.append((kind, item.text))
    return told


def one(name: str, **arguments: object) -> tuple[str, ...]:
    return ("call", name, json.dumps(arguments))


CALL = '<tool_call>\n{"name": "add", "arguments": {"a": 1, "b": 2}}\n</tool_call>'
CASES = [
    (TAGGED, "Plain <b>text</b> { [ ``` \n", [("content", "Plain <b>text</b> { [ ``` \n")]),
    (TAGGED, CALL, [one("add", a=1, b=2)]),
    (TAGGED, f"Let me see.\n\n{CALL}\n{CALL}\n", [("content", "Let me see."), *[one("add", a=1, b=2)] * 2]),
    (TAGGED, CALL.removesuffix("\n</tool_call>"), [one("add", a=1, b=2)]),
    (TAGGED, f"{CALL}\nAnd more", [one("add", a=1, b=2), ("content", "And more")]),
    (TAGGED, f"<think>\nHm.\n\nOk.\n</think>\n\n{CALL}", [("reasoning", "Hm.\n\nOk."), one("add", a=1, b=2)]),
    (TAGGED, "<think>\n\n</think>\n\nYes.", [("content", "Yes.")]),
    (TAGGED, "It writes <think>so</think>", [("content", "It writes <think>so</think>")]),
    (TAGGED, "<think>unfinished", [("reasoning", "unfinished")]),
    (
        TAGGED,
        '<tool_call>{"name": "look", "arguments": {"text": "a </tool_call> {\\" b"}}</tool_call>',
        [one("look", text='a </tool_call> {" b')],
    ),
    (
        TAGGED,
        '<tool_call>{"name": "look", "arguments": {"text": "a\nb"}}</tool_call>',
        [one("look", text="a\nb")],
    ),
    (
        TAGGED,
        '<tool_call>{"name": "add", "arguments": {"a": 1,}}</tool_call>Then',
        [("call", "add", '{"a": 1,}}'), ("content", "Then")],
    ),
    (TAGGED, '<tool_call>{"name": "add", "arg', [("content", '<tool_call>{"name": "add", "arg')]),
    (TAGGED, "See <tool_call>nothing</tool_call> here", [("content", "See <tool_call>nothing</tool_call> here")]),
    (
        TAGGED,
        "<tool_call>\n<function=look>\n<parameter=text>\n7\n</tool_call>\n</parameter>\n<parameter=deep>\ntrue\n"
        "</parameter>\n</function>\n</tool_call>",
        [one("look", text="7\n</tool_call>", deep=True)],
    ),
    (TAGGED, "<tool_call><function=add><parameter=a>1", [("call", "add", "<parameter=a>1")]),
    (
        TAGGED,
        "<tool_call><function=install>\n<parameter=version>\n1.10\n</parameter>\n<parameter=channel>\n2\n</parameter>\n"
        "<parameter=tries>\n3\n</parameter>\n</function>\n<function=install>\n<parameter=version>\nnull\n</parameter>\n"
        "<parameter=tries>\nnull\n</parameter>\n</function>\n</tool_call>",
        [one("install", version="1.10", channel="2", tries=3), one("install", version=None, tries=None)],
    ),
    (TAGGED, f"{CALL[:-13]}\n{CALL}", [one("add", a=1, b=2)] * 2),
    (TAGGED, CALL.replace("}}", "}}}"), [one("add", a=1, b=2)]),
    (TAGGED, f"By a <tool_call> it is:\n{CALL}", [("content", "By a <tool_call> it is:"), one("add", a=1, b=2)]),
    (
        TAGGED,
        "<tool_call><function=add><parameter=a>1</parameter>\n<para",
        [("call", "add", "<parameter=a>1</parameter>\n<para")],
    ),
    (TAGGED, "<tool_call>\n<function=add>\n", [("call", "add", "<function=add>")]),
    (TAGGED, "<tool_call><function=add><parameter=a>1</parameter></tool_call>", [one("add", a=1)]),
    (TAGGED, '<tool_call>\n<function=add>\n{"a":1}\n</function>\n</tool_call>', [one("add", a=1)]),
    (
        TAGGED,
        "<tool_call><function=add>a: 1 <parameter=b>2</parameter></function></tool_call>",
        [("call", "add", "a: 1 <parameter=b>2</parameter>")],
    ),
    (TAGGED, '```json\n{"name": "add", "arguments": {"a": 1}}\n```', [one("add", a=1)]),
    (TAGGED, '{"name": "add", "arguments": {"a": 1}}', [one("add", a=1)]),
    (TAGGED, f"<think>x</think>\n{CALL[12:-13]}", [("reasoning", "x"), one("add", a=1, b=2)]),
    (TAGGED, '{{"name": "add", "arguments": {"a": 1}}}', [one("add", a=1)]),
    (TAGGED, '<tool_call>\n{{"name": "add", "arguments": {"a": 1}}}\n</tool_call>', [one("add", a=1)]),
    (TAGGED, '{"name": "none", "arguments": {}}', [("content", '{"name": "none", "arguments": {}}')]),
    (TAGGED, '{"name": "add", "age": 7}', [("content", '{"name": "add", "age": 7}')]),
    (
        TAGGED,
        '{"name": "add", "arguments": {}} is how you call it',
        [("content", '{"name": "add", "arguments": {}} is how you call it')],
    ),
    (LLAMA, '{"name": "add", "parameters": {"a": 1}}', [one("add", a=1)]),
    (LLAMA, '{"name": "add", "parameters": {}}; {"name": "look", "parameters": {}}', [one("add"), one("look")]),
    (LLAMA, '<|python_tag|>{"name": "add", "parameters": {"a": 1}}', [one("add", a=1)]),
    (
        LLAMA,
        "<|python_tag|><function=add><parameter=a>1</parameter></function> Bye",
        [one("add", a=1), ("content", "Bye")],
    ),
    (LLAMA, '<|python_tag|>add.call(a="1")', [("content", '<|python_tag|>add.call(a="1")')]),
    (
        LLAMA,
        '{"type": "function", "function": {"name": "add", "parameters": {}}}',
        [one("add")],
    ),
    (LLAMA, '{"name": "add", "parameters": {"a": 1', [("call", "add", '{"a": 1')]),
    (LISTED, '[TOOL_CALLS] [{"name": "add", "arguments": {"a": 1}, "id": "abcdefghi"}]', [one("add", a=1)]),
    (
        LISTED,
        'I add.[TOOL_CALLS]add[ARGS]{"a":1}[TOOL_CALLS]look[CALL_ID]abcdefghi[ARGS]{"text": "[TOOL_CALLS]{"}',
        [("content", "I add."), one("add", a=1), one("look", text="[TOOL_CALLS]{")],
    ),
    (LISTED, '[TOOL_CALLS]add{"a": 1}', [one("add", a=1)]),
    (LISTED, '[TOOL_CALLS]add[ARGS]{"a": 1', [("call", "add", '{"a": 1')]),
    (LISTED, "[TOOL_CALLS]add", [("content", "[TOOL_CALLS]add")]),
    (LISTED, '{"name": "add", "arguments": {}}', [("content", '{"name": "add", "arguments": {}}')]),
]


@pytest.mark.parametrize(("forms", "text", "told"), CASES)
def test_each_form_is_read_whole_and_letter_by_letter(forms, text, told):
    assert read(forms, [text]) == told
    assert read(forms, list(text)) == told


def test_a_prompt_that_begins_the_thought_needs_no_sign_of_it():
    assert read(TAGGED, ["Hm.\n</think>\n\nYes"], "<|im_start|>assistant\n<think>\n") == [
        ("reasoning", "Hm."),
        ("content", "Yes"),
    ]


SIGNS = ["<think>", "</think>", "<tool_call>", "</tool_call>", "[TOOL_CALLS]", "[ARGS]", "<|python_tag|>", "add"]
JSON = ['{"name": "add", "arguments": {"a": 1}}', '{"name"', '"', "\\", "{", "}", "[", "]", ": ", "```json\n", "```"]
TAGS = ["<function=add>", "<parameter=a>", "</parameter>", "</function>", "\n", " ", " " * 20, "x", "<", "你"]
TEXT = st.lists(st.sampled_from([*SIGNS, *JSON, *TAGS]), max_size=14).map("".join)


@given(st.sampled_from([TAGGED, LISTED, LLAMA]), TEXT, st.data())
def test_cuts_change_nothing(forms, text, data):
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=8)))
    pieces = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert read(forms, pieces) == read(forms, [text])


@given(st.sampled_from([LISTED, LLAMA, TAGGED]), st.text(st.sampled_from("ab<>[]|{}`\"' \n:,_/tool"), max_size=40))
def test_text_without_a_form_comes_through_unchanged(forms, text):
    assert read(forms, list(text)) == ([("content", text)] if text else [])


def test_text_behind_the_mention_of_a_call_is_told_at_once():
    assert MessageReader(TAGGED, TOOLS).push("It writes <tool_call> as its sign,")[-1] == Content(" as its sign,")


@given(st.sampled_from([TAGGED.without_calls(), LISTED.without_calls()]), TEXT)
def test_without_calls_nothing_is_lost(forms, text):
    told = read(forms, [text])
    assert all(kind != "call" for kind, *_ in told)
    if "<think>" not in text:
        assert told == ([("content", text)] if text else [])


STARTS = [
    "<tool_call>",
    "<tool_call>{",
    '<tool_call>{"a": "',
    "<tool_call><function=add>",
    "```\n{",
    "[TOOL_CALLS]",
    "",
]


@pytest.mark.slow
@pytest.mark.parametrize("forms", [TAGGED, LISTED], ids=["tagged", "listed"])
@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize(
    "part", ["<parameter=a>", "\n", " ", "{", '{"', '"', "<think>", "[TOOL_CALLS]", "<tool_call>{"]
)
def test_time_is_linear(forms, start, part):
    def run(text: str) -> None:
        reader = MessageReader(forms, TOOLS)
        for begin in range(0, len(text), 20):
            reader.push(text[begin : begin + 20])
        reader.push("", is_last=True)

    assert_linear(run, start + part * (100_000 // len(part)))


@pytest.mark.parametrize(
    ("template", "forms"),
    [
        ('{{ \'<tool_call>\\n{"name": "\' }}', Forms(None, "<tool_call>", "</tool_call>", whole=True)),
        ("<tool_call>{\"name\": ...} '</think>'", TAGGED),
        ("[TOOL_CALLS][", LISTED),
        ('{"name": "x", "parameters": {}} <|python_tag|>', LLAMA),
        ("{{ tools }}", None),
    ],
)
def test_the_template_says_which_forms_apply(template, forms):
    assert forms_of(template) == forms
