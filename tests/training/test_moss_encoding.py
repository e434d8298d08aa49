"""Conversations in MOSS's protocol as tokens: learned is what the model writes when it runs, after what it is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moss_agent.calls import FinishedCall
from moss_agent.cancellation import NEVER
from moss_agent.conversation import Conversation
from moss_agent.dialects.moss import MossDialect, MossSession
from moss_agent.dialects.results import tell
from moss_agent.engine.local import LocalModel
from moss_agent.errors import UsageError
from moss_agent.events import Hit
from moss_agent.protocol import ANSWER, COMMANDS, END_MARKERS, THOUGHTS, Capability, Command, neutralise
from moss_agent.records import Round, Turn
from moss_agent.session import Sampling
from moss_agent.training.moss_encoding import MossEncoder
from tests.engine.chat_parts import ScriptedBackend
from tests.engine.tiny import make_model
from tests.training.encoded import (
    CHAT,
    HOSTILE,
    MINI,
    SYSTEM,
    TOOL,
    asked,
    calls,
    ended,
    learned,
    moss_tokenizer,
    said,
    told,
    user,
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return moss_tokenizer("<|im_end|>")


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
    """What a model of the protocol is told and learns of messages, as `text_of`."""
    return text_of({"messages": messages, **more})


def text_of(record: Mapping[str, Any]) -> str:
    """What a model of the protocol is told and learns, as text; what it learns stands between braces."""
    tokenizer = moss_tokenizer()
    [tokens] = MossEncoder(tokenizer, MINI).encode(record)
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


def test_what_a_chat_model_has_called_is_told_in_the_preamble_of_the_family():
    finished = [
        FinishedCall("", 0, Command("Calculate", ("1+2",)), "3"),
        FinishedCall("", 1, Command("Weather", ("Paris",), {"days": 2}), "sunny"),
    ]
    results = tell(finished, ())
    done = Round("", 'Calculate("1+2"), Weather("Paris", days=2)', results.text, results.calls, text="Let me see.")
    turns = [Turn("And?", (done,), "3, and sunny."), Turn("Thanks", (Round(),), "Welcome.")]
    assert text_of(Conversation("You are an assistant.", turns).to_json()).startswith(
        MINI.preamble.render([MINI.preamble.known[1], Capability("Weather", "Weather(argument_0, days)")])
        + "<|Human|>: And?<eoh>\n<|Inner Thoughts|>:{ Let me see.<eot>}\n"
        '<|Commands|>:{ Calculate("1+2"), Weather("Paris", days=2)<eoc>}\n'
    )
    without = Conversation("You are an assistant.", turns[1:]).to_json()
    assert text_of(without).startswith("You are an assistant.\n<|Human|>: Thanks<eoh>\n")


def test_results_stand_in_the_order_of_the_preamble_and_failures_as_the_runtime_tells_them():
    messages = [user("?"), calls({"equation": "x=1"}, name="Solve"), told(0, "No result."), said("No.")]
    messages[1]["tool_calls"] += calls({"expression": "1+1"}, name="Calculate", first=1)["tool_calls"]
    messages.insert(3, told(1, "2"))
    text = moss_text(messages)
    assert '<|Commands|>:{ Solve("x=1"), Calculate("1+1")<eoc>}' in text
    assert '<|Results|>:\nCalculate("1+1") => \'2\'\nSolve("x=1") =>\nNo result.\n<eor>' in text


@given(st.lists(HOSTILE, min_size=5, max_size=5), st.booleans())
@settings(max_examples=50)
def test_no_text_of_messages_is_read_as_structure_of_the_protocol(tokenizer, texts, uses_tool):
    question, thoughts, argument, result, answer = (f"x{text}" for text in texts)
    calling = [calls({"a": argument}, reasoning_content=thoughts), told(0, result)] if uses_tool else []
    record = {"messages": [user(question), *calling, said(answer)]}
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
