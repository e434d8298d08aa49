"""Files of conversations: all forms are read, what was stopped is left out, every fault is named."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moss_agent.checkpoints.families import load_family
from moss_agent.conversation import Conversation
from moss_agent.dialects.tools import CUT_OFF
from moss_agent.errors import UsageError
from moss_agent.events import Call
from moss_agent.json_records import FaultyData
from moss_agent.records import Round, Turn
from moss_agent.training.data import divided, encoder_for, read_conversations, sequences
from moss_agent.training.moss_encoding import MossEncoder
from tests.engine.chat_parts import FORGETS, HERMES, chat_tokenizer
from tests.training.encoded import CHAT, MINI, TOOL, moss_tokenizer

pytestmark = pytest.mark.slow


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
    texts = [tokenizer.decode(ids) for ids, _ in sequences(read)]
    assert len([text for text in texts if "Thanks" in text]) == 3
    assert not any("And?" in text for text in texts)


@pytest.mark.parametrize("dialect", ["mini", "tools"])
@pytest.mark.parametrize(
    "how", [{"finish": "length"}, {"notices": (CUT_OFF,)}, {"notices": ("thoughts cut off: max_new_tokens",)}]
)
def test_what_was_cut_off_is_not_learned_with_an_end(tmp_path, dialect, how):
    tokenizer = moss_tokenizer() if dialect == "mini" else chat_tokenizer(HERMES)
    cut = Turn("And?", (Round("Hm"),), "So it", **how)
    data = write(tmp_path / "own.jsonl", replace(TALK, turns=[cut, TALK.turns[2]]).to_json())
    [[(ids, _)]] = read_conversations(data, encoder_for(tokenizer, load_family(dialect)))
    text = tokenizer.decode(ids)
    assert "Welcome." in text and "And?" not in text and "So it" not in text


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


def test_a_conversation_that_the_model_cannot_take_is_named(tmp_path):
    tokenizer = moss_tokenizer()
    encode = encoder_for(tokenizer, MINI)
    short = replace(TALK, turns=TALK.turns[2:]).to_training("short")
    data = write(tmp_path / "data.jsonl", short, TALK.to_json())
    lengths = [max(len(ids) for ids, _ in each) for each in read_conversations(data, encode)]
    assert len(read_conversations(data, encode, max(lengths))) == 2
    with pytest.raises(FaultyData) as caught:
        read_conversations(data, encode, max(lengths) - 1)
    assert caught.value.faults == [
        f"{data}, line 2: it has {lengths[1]} tokens, and the model takes {lengths[1] - 1}: shorten it, or leave it out"
    ]


def test_a_conversation_of_several_sequences_is_one(tmp_path):
    data = write(tmp_path / "data.jsonl", {"messages": CHAT, "tools": [TOOL]}, TALK.to_json())
    read = read_conversations(data, encoder_for(chat_tokenizer(FORGETS), load_family("tools")))
    assert len(read) == 2 and len(read[0]) == 3


@given(st.lists(st.integers(1, 4), min_size=1, max_size=30), st.floats(0, 0.99), st.integers(0, 9))
def test_no_conversation_is_both_learned_and_held_out(sizes, share, seed):
    conversations = [[([number], [True])] * size for number, size in enumerate(sizes)]
    learned, kept = divided(conversations, share, seed)
    told = [{ids[0] for ids, _ in sequences(part)} for part in (learned, kept)]
    assert not told[0] & told[1] and told[0] | told[1] == {*range(len(sizes))}
    assert learned and bool(kept) == (share > 0 and len(sizes) > 1)
    assert len(learned) + len(kept) == len(sizes)


def test_data_without_a_conversation_is_refused(tmp_path):
    encode = MossEncoder(moss_tokenizer(), MINI).encode
    stopped = replace(TALK, turns=[TALK.turns[1]])
    for data in (write(tmp_path / "none.jsonl"), write(tmp_path / "stopped.json", stopped.to_json())):
        with pytest.raises(UsageError, match="has no conversation to learn from"):
            read_conversations(data, encode)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="has no file that ends in .json or .jsonl"):
        read_conversations(tmp_path / "empty", encode)
