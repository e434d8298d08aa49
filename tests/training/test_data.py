"""Conversations as tokens: what is learned is what the model writes when it runs, after what it is told then."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AddedToken, PreTrainedTokenizerFast

from moss_agent.calls import FinishedCall
from moss_agent.cancellation import NEVER
from moss_agent.checkpoints.families import load_family
from moss_agent.conversation import Conversation
from moss_agent.dialects.messages import harmless
from moss_agent.dialects.moss import MossDialect, MossSession
from moss_agent.dialects.tools import ToolsDialect
from moss_agent.engine.chat_codec import BREAK, ChatCodec
from moss_agent.engine.chat_template import ChatTemplate
from moss_agent.engine.codec import Codec
from moss_agent.engine.local import LocalModel
from moss_agent.engine.local_chat import LocalChatModel
from moss_agent.errors import EngineError, UsageError
from moss_agent.events import Call, Hit
from moss_agent.json_records import FaultyData
from moss_agent.messages import Message, Tool
from moss_agent.protocol import ANSWER, COMMANDS, END_MARKERS, THOUGHTS, Capability, Command, neutralise
from moss_agent.records import Round, Turn
from moss_agent.session import Sampling
from moss_agent.training.chat_encoding import ChatEncoder
from moss_agent.training.data import encoder_for, read_conversations
from moss_agent.training.moss_encoding import MossEncoder
from moss_agent.training.packing import Tokens
from tests.engine.chat_parts import FORGETS, HERMES, LLAMA, MISTRAL, ScriptedBackend, chat_tokenizer, open_chat
from tests.engine.tiny import make_model, make_tokenizer
from tests.protocol import hostile

pytestmark = pytest.mark.slow

MINI = load_family("mini")
HOSTILE = hostile.texts.map(lambda text: text.replace(BREAK, "").encode(errors="replace").decode())  # as in JSON
TOOL = {
    "type": "function",
    "function": {
        "name": "Add",
        "description": "Adds two numbers, exactly.",
        "parameters": {
            "type": "object",
            "properties": {"a": {"type": "number"}, "b": {"type": "number"}},
            "required": ["a", "b"],
        },
    },
}
# Ends a message otherwise where nothing follows, as Phi does, and begins the last one with a thought, as Qwen 3 does.
ENDS = HERMES + "{% if not add_generation_prompt %}{{ '<|endoftext|>' }}{% endif %}"
THINKS = FORGETS.replace(
    "{{- '<|im_start|>assistant\n' }}",
    "{{- '<|im_start|>assistant\n' }}{% if loop.last and not message.reasoning_content %}"
    "{{ '<think>\n\n</think>\n\n' }}{% endif %}",
)
# Begin the thought themselves, as Qwen's and DeepSeek's do; the second tells no thoughts at all.
MUST_THINK = HERMES.replace("assistant\n' }}{% endif", "assistant\n<think>\n' }}{% endif")
TELLS_NONE = MUST_THINK.replace("message.reasoning_content and true", "false")
TEMPLATES = {
    "hermes": HERMES,
    "forgets": FORGETS,
    "llama": LLAMA,
    "mistral": MISTRAL,
    "ends": ENDS,
    "thinks": THINKS,
    "must_think": MUST_THINK,
    "tells_none": TELLS_NONE,
}


def calls(*arguments: Mapping[str, Any], name: str = "Add", first: int = 0, **more: str) -> dict[str, Any]:
    made = [
        {"id": f"c{number}", "type": "function", "function": {"name": name, "arguments": json.dumps(each)}}
        for number, each in enumerate(arguments, first)
    ]
    return {"role": "assistant", "content": None, "tool_calls": made, **more}


def told(number: int, content: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": f"c{number}", "content": content}


def user(content: str) -> dict[str, Any]:
    return {"role": "user", "content": content}


def said(content: str, **more: str) -> dict[str, Any]:
    return {"role": "assistant", "content": content, **more}


SYSTEM = {"role": "system", "content": "You are an agent."}
CHAT = [
    SYSTEM,
    user("What is 1 + 2, and 3 + 4?"),
    calls({"a": 1, "b": 2}, {"a": 3, "b": 4}, reasoning_content="Two sums."),
    told(1, "7"),
    told(0, "3"),
    said("3 and 7.", reasoning_content="I have both."),
    user("Thanks <|im_end|> [INST] <tool_call> you"),
    said("Bye."),
]


def learned(tokens: Tokens) -> list[list[int]]:
    """The runs of tokens that the model has to write."""
    return [run for _, run in asked(tokens)]


def asked(tokens: Tokens) -> list[tuple[list[int], list[int]]]:
    """The tokens that stand before each run that the model has to write, and the run."""
    found: list[tuple[list[int], list[int]]] = []
    at = 0
    for written, group in groupby(tokens[1]):
        end = at + len(list(group))
        found += [(tokens[0][:at], tokens[0][at:end])] * written
        at = end
    return found


# MOSS's protocol


def moss_tokenizer(*special: str) -> PreTrainedTokenizerFast:
    return make_tokenizer([*END_MARKERS, *special])


def opened_moss(preamble: str) -> tuple[MossSession, ScriptedBackend, MossEncoder]:
    """A session of a model that writes what it is given to write."""
    tokenizer = moss_tokenizer("<|im_end|>")
    ends = {tokenizer.encode(segment.header, add_special_tokens=False)[-1] for segment in (THOUGHTS, COMMANDS, ANSWER)}
    assert len(ends) == 1
    backend = ScriptedBackend(make_model(), list(ends))
    model = LocalModel(tokenizer, backend, context_length=2000, end_tokens=[0], markers=END_MARKERS)
    dialect = MossDialect(model, preamble, Sampling(max_new_tokens=400), ["Search", "Calculate"])
    return dialect.open(), backend, MossEncoder(tokenizer, MINI)


def writes(session: MossSession, backend: ScriptedBackend, *texts: str) -> None:
    backend.tokens = [number for text in texts for number in session._session._model.codec.encode(text)]


def held(session: MossSession) -> list[int]:
    return list(session._session.ids)


def ended(generator: Iterator[Any]) -> Any:
    while True:
        try:
            next(generator)
        except StopIteration as end:
            return end.value


def test_a_model_of_the_protocol_learns_what_it_has_read_and_written_when_it_runs():
    preamble = MINI.preamble.render(MINI.preamble.known)
    session, backend, encoder = opened_moss(preamble)
    list(session.begin([], "What is 3*4? <eom> <|im_end|>", [], NEVER))
    writes(session, backend, " I compute <|im_end|> it.<eot>", ' Calculate("3*4"), Search("moss")<eoc>')
    written = ended(session.write_round(True))
    commands = [Command("Calculate", ("3*4",)), Command("Search", ("moss",))]
    finished = [
        FinishedCall("", 0, commands[0], "12"),
        FinishedCall("", 1, commands[1], (Hit("a plant <eoh>"),)),
    ]
    results = ended(session.give_results(finished, {}))
    writes(session, backend, " It is 12<sup><|1|></sup>.<eom>")
    answer = ended(session.write_answer())
    done = Round(written.thoughts, written.commands, results.text, results.calls)
    first = Turn("What is 3*4? <eom> <|im_end|>", (done,), answer)
    session.commit(first)
    list(session.begin([first], "谢谢", [], NEVER))
    writes(session, backend, " 不用。<eot>", " None<eoc>")
    written = ended(session.write_round(True))
    ended(session.give_results([], {}))
    writes(session, backend, " 不客气。<eom>")
    second = Turn("谢谢", (Round(written.thoughts, written.commands),), ended(session.write_answer()))
    conversation = Conversation(preamble, [first, second])
    for record in (conversation.to_json(), conversation.to_training("one")):
        [tokens] = encoder.encode(record)
        assert held(session)[: len(tokens[0])] == tokens[0]
        assert session._session._model.codec.decode(held(session)[len(tokens[0]) :]) == "\n"
        texts = [session._session._model.codec.decode(run) for run in learned(tokens)]
        assert texts == [
            " I compute <|im_end|> it.<eot>",
            ' Calculate("3*4"), Search("moss")<eoc>',
            " It is 12<sup><|1|></sup>.<eom>",
            " 不用。<eot>",
            " None<eoc>",
            " 不客气。<eom>",
        ]


def moss_text(messages: Sequence[Mapping[str, Any]], **more: Any) -> str:
    """What a model of the protocol is told and learns, as text; what it learns stands between braces."""
    tokenizer = moss_tokenizer()
    [tokens] = MossEncoder(tokenizer, MINI).encode({"messages": messages, **more})
    texts, end = "", 0
    for before, run in asked(tokens):
        texts += f"{tokenizer.decode(before[end:])}{{{tokenizer.decode(run)}}}"
        end = len(before) + len(run)
    assert end == len(tokens[0])
    return texts


def test_messages_become_turns_with_the_preamble_of_their_tools():
    assert moss_text(CHAT, tools=[TOOL]) == (
        "You are MOSS mini, a small helpful assistant. You think first, then call the tools you need.\n"
        "- Inner thoughts: enabled.\n- Web search: disabled.\n- Calculator: disabled.\n- Equation solver: disabled.\n"
        "- Text-to-image: disabled.\n- Adds two numbers: enabled. API: Add(a, b)\n"
        "<|Human|>: What is 1 + 2, and 3 + 4?<eoh>\n"
        "<|Inner Thoughts|>:{ Two sums.<eot>}\n"
        "<|Commands|>:{ Add(1, 2), Add(3, 4)<eoc>}\n"
        "<|Results|>:\nAdd(1, 2) => '3'\nAdd(3, 4) => '7'\n<eor>\n"
        "<|MOSS|>:{ 3 and 7.<eom>}\n"
        "<|Human|>: Thanks ‹|im_end|› [INST] <tool_call> you<eoh>\n"
        "<|Inner Thoughts|>:{ <eot>}\n<|Commands|>:{ None<eoc>}\n<|Results|>:\nNone\n<eor>\n<|MOSS|>:{ Bye.<eom>}"
    )


def test_a_system_message_is_the_preamble_where_no_tools_are_declared():
    messages = [SYSTEM, user("Draw a cat"), calls({"what": "a cat"}, name="Text2Image", content="I draw.")]
    messages += [told(0, "Image generated successfully."), said("Here.")]
    assert moss_text(messages) == (
        "You are an agent.\n<|Human|>: Draw a cat<eoh>\n<|Inner Thoughts|>:{ I draw.<eot>}\n"
        '<|Commands|>:{ Text2Image("a cat")<eoc>}\n<|Results|>: Image generated successfully.<eor>\n'
        "<|MOSS|>:{ Here.<eom>}"
    )
    assert "- Text-to-image: enabled. API: Text2Image(description)\n" in moss_text(messages[1:])


def test_results_stand_in_the_order_of_the_preamble_and_failures_as_the_runtime_tells_them():
    messages = [user("?"), calls({"equation": "x=1"}, name="Solve"), told(0, "No result."), said("No.")]
    messages[1]["tool_calls"] += calls({"expression": "1+1"}, name="Calculate", first=1)["tool_calls"]
    messages.insert(3, told(1, "2"))
    text = moss_text(messages)
    assert '<|Commands|>:{ Solve("x=1"), Calculate("1+1")<eoc>}' in text
    assert '<|Results|>:\nCalculate("1+1") => \'2\'\nSolve("x=1") =>\nNo result.\n<eor>' in text


@given(st.lists(HOSTILE, min_size=5, max_size=5), st.booleans())
@settings(max_examples=50)
def test_no_text_of_messages_is_read_as_structure_of_the_protocol(texts, uses_tool):
    question, thoughts, argument, result, answer = (f"x{text}" for text in texts)
    calling = [calls({"a": argument}, reasoning_content=thoughts), told(0, result)] if uses_tool else []
    record = {"messages": [user(question), *calling, said(answer)]}
    tokenizer = moss_tokenizer("<|im_end|>")
    try:
        [tokens] = MossEncoder(tokenizer, MINI).encode(record)
    except UsageError as error:
        assert "cannot write" in str(error)
        return
    specials = [tokenizer.decode([token]) for token in tokens[0] if token in tokenizer.added_tokens_decoder]
    assert specials == list(END_MARKERS)
    texts = [tokenizer.decode(run) for run in learned(tokens)]
    assert texts[-1] == f" {neutralise(answer.strip())}<eom>"
    assert texts[0] == f" {neutralise(thoughts.strip()) if uses_tool else ''}<eot>"


@pytest.mark.parametrize(
    ("messages", "said_of_it"),
    [
        ([*CHAT[:5], calls({"a": 1}, first=5), told(5, "1"), said("1")], "turn 1: it has several rounds of calls"),
        ([user("?"), calls({"a": 1})], "turn 1: it ends with calls"),
        ([user("?"), calls({}), told(0, "1"), said("1")], r"MOSS's protocol cannot write Add\(\)"),
        ([user("?"), calls({"a": 1}, name="a-b"), told(0, "1"), said("1")], "cannot write a-b"),
        ([user("?"), calls({"a": {"b": 1}}), told(0, "1"), said("1")], "a must not hold objects"),
    ],
)
def test_what_the_protocol_cannot_say_is_refused_in_one_line(messages, said_of_it):
    with pytest.raises((UsageError, ValueError), match=said_of_it) as caught:
        MossEncoder(moss_tokenizer(), MINI).encode({"messages": messages})
    assert "\n" not in str(caught.value)


# Chat models


@pytest.mark.parametrize("template", TEMPLATES.values(), ids=TEMPLATES)
def test_a_chat_model_learns_what_it_has_read_and_written_when_it_runs(template):
    """Every message is written by a model in a session of the runtime, which holds these very tokens then."""
    record = {"messages": CHAT, "tools": [TOOL]}
    tokenizer = chat_tokenizer(template)
    sequences = ChatEncoder(tokenizer).encode(record)
    runs = [each for tokens in sequences for each in asked(tokens)]
    assert len(runs) == (4 if template == LLAMA else 3)
    opened, backend = open_chat(make_model(), template)
    chat = LocalChatModel(opened.model, sampling={}, max_new_tokens=400)
    turns: list[Turn] = []
    for question in (CHAT[1]["content"], CHAT[6]["content"]):
        session = ToolsDialect(chat, "You are an agent.", _tools(chat), 60).open()
        list(session.begin(turns, question, [], NEVER))
        rounds: list[Round] = []
        while True:
            before, run = runs.pop(0)
            backend.tokens, backend._prompt_end = list(run), before[-3:]
            written = ended(session.write_round(not rounds))
            assert list(session._session._session.ids) == before + run[:-1]  # all but the token that ends it
            if not written.commands or written.answer is not None:
                break
            made = session._said.calls
            finished = [
                FinishedCall(call.id, place, Command("Add", tuple(values)), str(sum(values)))
                for place, call in enumerate(made)
                for values in [list(json.loads(call.arguments).values())]
            ]
            results = ended(session.give_results(finished, {}))
            rounds.append(Round(written.thoughts, written.commands, results.text, results.calls, (), written.text))
        last = (Round(written.thoughts),) if written.thoughts else ()
        turns.append(Turn(question, (*rounds, *last) or (Round(),), written.answer))
    assert not runs
    # What was recorded of it becomes the same tokens again, but for the descriptions of the tools.
    again = ChatEncoder(tokenizer).encode(Conversation("You are an agent.", turns).to_json())
    assert [len(learned(tokens)) for tokens in again] == [len(learned(tokens)) for tokens in sequences]


def _tools(chat):
    function = TOOL["function"]
    return [Tool(function["name"], function["description"], function["parameters"])]


CALLED = "<think>\nTwo sums.\n</think>\n\n" + "\n".join(
    f'<tool_call>\n{{"name": "Add", "arguments": {{"a": {a}, "b": {b}}}}}\n</tool_call>' for a, b in ((1, 2), (3, 4))
)
ANSWERED = "<think>\nI have both.\n</think>\n\n3 and 7."


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        (HERMES, [[CALLED, ANSWERED], ["Bye."]]),
        (FORGETS, [[CALLED], [ANSWERED], ["Bye."]]),
        (ENDS, [[CALLED, ANSWERED], ["Bye."]]),
        (MUST_THINK, [[CALLED[8:], ANSWERED[8:]], ["\n</think>\n\nBye."]]),
        (TELLS_NONE, [[CALLED[8:]], [ANSWERED[8:]], ["\n</think>\n\nBye."]]),
        (THINKS, [[CALLED], [ANSWERED], ["<think>\n\n</think>\n\nBye."]]),
    ],
)
def test_a_message_is_learned_with_its_thoughts_and_its_end_behind_what_is_told_then(template, expected):
    tokenizer = chat_tokenizer(template)
    sequences = ChatEncoder(tokenizer).encode({"messages": CHAT, "tools": [TOOL]})
    texts = [[tokenizer.decode(run) for run in learned(tokens)] for tokens in sequences]
    assert texts == [[f"{text}<|im_end|>" for text in each] for each in expected]
    begin = "<|im_start|>assistant\n" + "<think>\n" * (template in (MUST_THINK, TELLS_NONE))
    assert tokenizer.decode(sequences[-1][0]).endswith(f"{begin}{expected[-1][-1]}<|im_end|>")
    assert "Two sums" not in tokenizer.decode(sequences[-1][0])  # thoughts of earlier turns are not told


def test_a_chat_without_thoughts_is_one_sequence_and_may_end_with_calls():
    tokenizer = chat_tokenizer(FORGETS)
    messages = [*CHAT[:2], calls({"a": 1, "b": 2}), told(0, "3"), said("3."), user("And 2 + 2?"), calls({"a": 2})]
    [tokens] = ChatEncoder(tokenizer).encode({"messages": messages})
    assert len(learned(tokens)) == 3 and tokenizer.decode(learned(tokens)[-1]).endswith("</tool_call><|im_end|>")
    assert '"parameters": {"type": "object", "properties": {"a": {"type": "string"}' in tokenizer.decode(tokens[0])
    two = ChatEncoder(chat_tokenizer(LLAMA)).encode({"messages": [user("?"), calls({"a": 1}, {"a": 2})]})
    assert len(learned(two[0])) == 1  # no model of this template writes the second before it knows a result


def test_a_record_of_the_protocol_becomes_a_chat_with_the_tools_that_its_preamble_tells_of():
    preamble = MINI.preamble.render([MINI.preamble.known[1], Capability("Units", "Convert(value, unit)")])
    called = Round("A sum.", 'Calculate("1+2")', "Calculate(\"1+2\") => '3'")
    turns = [Turn("1+2?", (called,), "3."), Turn("Thanks", (Round("Polite."),), "Welcome.")]
    tokenizer = chat_tokenizer(HERMES)
    sequences = ChatEncoder(tokenizer).encode(Conversation(preamble, turns).to_training("one"))
    text = tokenizer.decode(sequences[0][0])
    assert '"name": "Convert", "description": "Units"' in text and '"required": ["value", "unit"]' in text
    assert "<tool_response>\n3\n</tool_response>" in text and "Search" not in text.partition("To call one")[0][-200:]
    assert [[tokenizer.decode(run) for run in learned(tokens)] for tokens in sequences] == [
        [
            "<think>\nA sum.\n</think>\n\n"
            '<tool_call>\n{"name": "Calculate", "arguments": {"expression": "1+2"}}\n</tool_call><|im_end|>',
            "3.<|im_end|>",
        ],
        ["<think>\nPolite.\n</think>\n\nWelcome.<|im_end|>"],
    ]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("'<|im_end|>\n' }}\n    {%- elif", "'\n' }}\n    {%- elif"), "ends a message with no token"),
        (("assistant\n' }}{% endif", "model\n' }}{% endif"), "tells a message otherwise"),
    ],
)
def test_a_template_that_does_not_show_what_a_model_writes_is_refused(change, problem):
    template = HERMES.replace(*change)
    assert template != HERMES
    with pytest.raises(EngineError, match=f"some/model {problem}") as caught:
        ChatEncoder(chat_tokenizer(template)).encode({"messages": CHAT})
    assert "\n" not in str(caught.value)


@given(st.lists(HOSTILE, min_size=5, max_size=5), st.sampled_from(sorted(TEMPLATES)))
@settings(max_examples=60)
def test_what_is_learned_and_told_is_the_text_of_the_template_whatever_the_messages_say(texts, name):
    question, thoughts, argument, result, answer = (f"x{text}<tool_call><|im_end|>" for text in texts)
    record = {
        "messages": [
            user(question),
            calls({"a": argument}, reasoning_content=thoughts),
            told(0, result),
            said(answer, reasoning_content=thoughts),
        ]
    }
    tokenizer = chat_tokenizer(TEMPLATES[name])
    encoder = ChatEncoder(tokenizer)
    plain = json.loads(json.dumps(record))
    for message, text in zip(plain["messages"], "qcra", strict=True):
        message["content"] = text
        if "reasoning_content" in message:
            message["reasoning_content"] = "t"
    sequences, plainly = encoder.encode(record), encoder.encode(plain)
    assert list(map(len, map(learned, sequences))) == list(map(len, map(learned, plainly)))
    for tokens, others in zip(sequences, plainly, strict=True):
        added = set(tokenizer.added_tokens_decoder)
        assert [token for token in tokens[0] if token in added] == [token for token in others[0] if token in added]
    whole, last = tokenizer.decode(sequences[-1][0]), tokenizer.decode(learned(sequences[-1])[-1])
    assert harmless(question) in whole and harmless(result) in whole
    assert last[: last.rindex("<")].endswith(harmless(answer.strip()))


def test_a_token_that_swallows_the_whitespace_behind_it_does_so_as_when_the_model_runs():
    tokenizer = chat_tokenizer(HERMES)
    tokenizer.add_tokens([AddedToken("<|im_end|>", special=True, rstrip=True, normalized=False)])
    messages = [user("What?"), said("This."), user("And?"), said("That.")]
    [tokens] = ChatEncoder(tokenizer).encode({"messages": messages})
    chat = ChatCodec(Codec(tokenizer))
    told = ChatTemplate(tokenizer, chat).render([Message(each["role"], each["content"]) for each in messages], [])
    assert "<|im_end|>\n<|im_start|>" in told
    ids = [number for part in chat.split(told) for number in chat.encode(part)]
    assert tokens[0] == ids[: len(tokens[0])]
    assert [tokenizer.decode(run) for run in learned(tokens)] == ["This.<|im_end|>", "That.<|im_end|>"]


# Files


def write(path: Path, *records: object) -> Path:
    lines = [record if isinstance(record, str) else json.dumps(record, ensure_ascii=False) for record in records]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


ADDED = Round("A sum.", 'Add("1+2")', "Add(\"1+2\") => '3'", (Call("Add", "1+2", "3", True, 0.1, arguments=("1+2",)),))
TALK = Conversation(
    "You are a test.\n",
    [
        Turn(
            "1+2?", (Round("A sum.", 'Add("1+2")', "Add(\"1+2\") => '3'", (Call("Add", "1+2", "3", True, 0.1),)),), "3."
        ),
        Turn("And?", (Round(),), "So", status="stopped"),
        Turn("Thanks", (Round(),), "Welcome."),
    ],
)


@pytest.mark.parametrize("dialect", ["mini", "tools"])
def test_a_folder_of_all_forms_is_read_and_what_was_stopped_is_left_out(tmp_path, dialect):
    tokenizer = moss_tokenizer() if dialect == "mini" else chat_tokenizer(HERMES)
    whole = replace(TALK, turns=[TALK.turns[0], TALK.turns[2]])
    stopped = replace(TALK, turns=[TALK.turns[1]])
    write(tmp_path / "moss.jsonl", whole.to_training("one"))
    write(tmp_path / "own.json", json.dumps([TALK.to_json(), stopped.to_json()], indent=1))
    write(tmp_path / "chat.jsonl", {"messages": CHAT, "tools": [TOOL]})
    read = read_conversations(tmp_path, encoder_for(tokenizer, load_family(dialect)))
    texts = [tokenizer.decode(ids) for ids, _ in read]
    assert len([text for text in texts if "Thanks" in text]) == 3
    assert not any("And?" in text for text in texts)


def test_every_fault_is_named_with_its_place(tmp_path):
    encode = MossEncoder(moss_tokenizer(), MINI).encode
    record = TALK.to_training("talk\n7")
    broken = {**record, "chat": {"turn_1": {**record["chat"]["turn_1"], "Commands": "Add(1)"}}}
    rounds = replace(TALK, turns=[replace(TALK.turns[0], rounds=TALK.turns[0].rounds * 2)])
    data = write(
        tmp_path / "data.jsonl",
        record,
        broken,
        "[1",
        "7",
        {"text": "?"},
        {"chat": {"turn_1": {}}},
        {**record, "chat": []},
        {**record, "chat": {}},
        {**record, "meta_instruction": None},
        rounds.to_json(),
        {"format": "other/1"},
        {"messages": CHAT[:2]},
        {"messages": 3},
    )
    with pytest.raises(FaultyData) as caught:
        read_conversations(data, encode)
    faults = [fault.removeprefix(f"{data}, line ") for fault in caught.value.faults]
    assert not any("\n" in fault for fault in faults)
    expected = [
        "2: talk 7, turn_1, Commands: write the text between <|Commands|>: and <eoc>",
        "3: no JSON",
        "4: it is no JSON object",
        "5: unknown form",
        "6: it has no field 'meta_instruction'",
        "7: wrong field",
        "8: it has no turns",
        "9: wrong field",
        "10: turn 1: it has several rounds of calls",
        "11: format 'other/1'",
        "12: the last message must be the assistant's",
        "13: messages must be a list",
    ]
    assert sorted(fault.partition(":")[0] for fault in faults) == sorted(each.partition(":")[0] for each in expected)
    for each in expected:
        assert any(fault.startswith(each) for fault in faults), (each, faults)


def test_data_without_a_conversation_is_refused(tmp_path):
    encode = MossEncoder(moss_tokenizer(), MINI).encode
    stopped = replace(TALK, turns=[TALK.turns[1]])
    for data in (write(tmp_path / "none.jsonl"), write(tmp_path / "stopped.json", stopped.to_json())):
        with pytest.raises(UsageError, match="has no conversation to learn from"):
            read_conversations(data, encode)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="has no file that ends in .json or .jsonl"):
        read_conversations(tmp_path / "empty", encode)
