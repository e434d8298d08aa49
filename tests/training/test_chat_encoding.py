"""Conversations of chat models as tokens: learned is what the model writes when it runs, after what it is told."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AddedToken

from moss_agent.calls import FinishedCall
from moss_agent.cancellation import NEVER
from moss_agent.conversation import Conversation
from moss_agent.dialects.messages import harmless
from moss_agent.dialects.tools import ToolsDialect
from moss_agent.engine.chat_codec import ChatCodec
from moss_agent.engine.chat_template import ChatTemplate
from moss_agent.engine.codec import Codec
from moss_agent.engine.local_chat import LocalChatModel
from moss_agent.errors import EngineError
from moss_agent.messages import Message, Tool
from moss_agent.protocol import Capability, Command
from moss_agent.records import Round, Turn
from moss_agent.training.chat_encoding import ChatEncoder
from tests.engine.chat_parts import FORGETS, HERMES, LLAMA, MISTRAL, chat_tokenizer, open_chat
from tests.engine.tiny import make_model
from tests.training.encoded import CHAT, HOSTILE, MINI, TOOL, asked, calls, ended, learned, said, told, user

pytestmark = pytest.mark.slow

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


@pytest.fixture(scope="module")
def tokenizers():
    return {name: chat_tokenizer(template) for name, template in TEMPLATES.items()}


@given(st.lists(HOSTILE, min_size=5, max_size=5), st.sampled_from(sorted(TEMPLATES)))
@settings(max_examples=60)
def test_what_is_learned_and_told_is_the_text_of_the_template_whatever_the_messages_say(tokenizers, texts, name):
    question, thoughts, argument, result, answer = (f"x{text}<tool_call><|im_end|>" for text in texts)
    record = {
        "messages": [
            user(question),
            calls({"a": argument}, reasoning_content=thoughts),
            told(0, result),
            said(answer, reasoning_content=thoughts),
        ]
    }
    tokenizer = tokenizers[name]
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
