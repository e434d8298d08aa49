"""Records as text and as tokens: cut where the runtime cuts them, with the loss on what the model writes."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples.mini.masking import tokenize
from moss_agent.conversation import Conversation
from moss_agent.dialects.moss import render_turn
from moss_agent.errors import UsageError
from moss_agent.records import Round, Turn
from moss_agent.training.dataset import pieces
from moss_agent.training.packing import LENGTH_STEP, pack, packs

TURNS = [
    Turn("What is 2*3?", (Round("I compute it.", 'Calculate("2*3")', "Calculate(\"2*3\") => '6'"),), "It is 6."),
    Turn("Thanks!", (Round("No tool is needed."),), "You are welcome."),
]
SIZE = 2048  # of rows
LENGTH = 10_000  # more than any conversation has tokens
RECORD = Conversation("You are MOSS.\n", TURNS).to_training("one")


class Characters:
    """Stands for a tokenizer, with a token for each character."""

    def encode(self, text: str, add_special_tokens: bool) -> list[int]:
        return [ord(character) for character in text]


def test_the_model_writes_thoughts_commands_and_answers_with_their_end_markers():
    cut = list(pieces(RECORD))
    assert [text for text, written in cut if written] == [
        " I compute it.<eot>",
        ' Calculate("2*3")<eoc>',
        " It is 6.<eom>",
        " No tool is needed.<eot>",
        " None<eoc>",
        " You are welcome.<eom>",
    ]
    fed = [text for text, written in cut if not written]
    assert fed[:3] == ["You are MOSS.\n", "<|Human|>: What is 2*3?<eoh>\n", "<|Inner Thoughts|>:"]
    assert all(before[0].endswith("|>:") for before, after in pairwise(cut) if after[1])
    whole = "You are MOSS.\n" + "".join(map(render_turn, TURNS))
    assert "".join(text for text, _ in cut) == whole.removesuffix("\n")


def test_every_token_that_the_model_writes_is_learned_and_no_other():
    ids, written = tokenize(pieces(RECORD), Characters())
    learned = "".join(chr(token) for token, learn in zip(ids, written, strict=True) if learn)
    assert learned == "".join(text for text, learn in pieces(RECORD) if learn)
    assert "".join(map(chr, ids)) == "".join(text for text, _ in pieces(RECORD))


@pytest.mark.parametrize(
    "broken",
    [
        "It is 6.<eom>\n",
        "<|MOSS|>: It is 6.\n",
        "",
        None,
        6,
        "<|MOSS|>: It <eot> is 6.<eom>\n",
        "<|MOSS|>: It is 6.<eom>\nYes<eom>",
    ],
)
def test_a_segment_without_its_markers_is_named(broken):
    turn = {**RECORD["chat"]["turn_1"], "MOSS": broken}
    with pytest.raises(UsageError, match="^one, turn_1, MOSS: write the text between"):
        list(pieces({**RECORD, "chat": {"turn_1": turn}}))


def test_rows_hold_every_conversation_once_and_are_bounded_and_reproducible():
    conversations = [_counted(number, 40 + 37 * number % 700) for number in range(600)] + [_counted(600, 3000)]
    first, second = (list(packs(conversations, SIZE, seed=3)) for _ in range(2))
    assert first == second != list(packs(conversations, SIZE, seed=4))
    numbers = [token // LENGTH for row in first for token in row.ids if token % LENGTH == 1]
    assert sorted(numbers) == list(range(601))
    assert all(len(row.ids) <= SIZE or row.tokens == 3000 for row in first)
    assert all(len(row.ids) % LENGTH_STEP == 0 for row in first)
    assert sum(row.tokens for row in first) == sum(len(ids) for ids, _ in conversations)


def test_a_common_beginning_is_computed_once_and_every_part_keeps_the_positions_that_it_has_alone():
    row = pack([([7, 8, 1, 2], [False, False, True, True]), ([7, 8, 3], [False, False, True])])
    assert (row.ids[:5], row.positions[:5]) == ([7, 8, 1, 2, 3], [0, 1, 2, 3, 2])
    assert row.segments == [2, 2, 1, LENGTH_STEP - 5]  # the last part is padding, which is not learned
    assert (row.sources, row.targets, row.tokens) == ([1, 2, 1], [1, 2, 3], 7)


@given(st.lists(st.lists(st.tuples(st.integers(0, 2), st.booleans()), min_size=1, max_size=6), min_size=1, max_size=5))
def test_a_row_predicts_what_each_of_its_conversations_predicts_alone(drawn):
    conversations = [([token for token, _ in each], [learn for _, learn in each]) for each in drawn]
    row = pack(conversations)
    shared = row.segments[0]
    assert row.has_several == (len(conversations) > 1)
    assert len(row.ids) == len(row.positions) == sum(row.segments)
    assert row.segments[1 : len(conversations) + 1] == [len(ids) - shared for ids, _ in conversations]
    places = list(zip(row.sources, row.targets, strict=True))
    for place, (ids, written) in enumerate(conversations):
        begin = sum(row.segments[: place + 1])
        indices = [*range(shared), *range(begin, begin + len(ids) - shared)]
        assert [row.ids[index] for index in indices] == ids
        assert [row.positions[index] for index in indices] == list(range(len(ids)))
        for at in range(1, len(ids)):
            if written[at]:
                places.remove((indices[at - 1], ids[at]))
    assert places == []


def _counted(number, length):
    """A conversation whose tokens tell which one it is, and at what place they stand."""
    return [number * LENGTH + place for place in range(length)], [True] * length
