"""Records as text and as tokens: cut where the runtime cuts them, with the loss on what the model writes."""

from __future__ import annotations

import pytest

from moss_agent.conversation import Conversation
from moss_agent.dialects.moss import render_turn
from moss_agent.errors import UsageError
from moss_agent.records import Round, Turn
from moss_agent.training.batches import BATCH_TOKENS, batches, padded_length
from moss_agent.training.dataset import pieces
from moss_agent.training.masking import tokenize

TURNS = [
    Turn("What is 2*3?", (Round("I compute it.", 'Calculate("2*3")', "Calculate(\"2*3\") => '6'"),), "It is 6."),
    Turn("Thanks!", (Round("No tool is needed."),), "You are welcome."),
]
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
    assert all(text.endswith(":") for text, written in cut if not written)
    whole = "You are MOSS.\n" + "".join(map(render_turn, TURNS))
    assert "".join(text for text, _ in cut) == whole.removesuffix("\n")


def test_every_token_that_the_model_writes_is_learned_and_no_other():
    ids, written = tokenize(pieces(RECORD), Characters())
    learned = "".join(chr(token) for token, learn in zip(ids, written, strict=True) if learn)
    assert learned == "".join(text for text, learn in pieces(RECORD) if learn)
    assert "".join(map(chr, ids)) == "".join(text for text, _ in pieces(RECORD))


@pytest.mark.parametrize("broken", ["It is 6.<eom>\n", "<|MOSS|>: It is 6.\n", ""])
def test_a_segment_without_its_markers_is_named(broken):
    turn = {**RECORD["chat"]["turn_1"], "MOSS": broken}
    with pytest.raises(UsageError, match="^one, turn_1, MOSS: write the text between"):
        list(pieces({**RECORD, "chat": {"turn_1": turn}}))


def test_batches_hold_every_conversation_once_and_are_bounded_and_reproducible():
    conversations = [([number] * (40 + 37 * number % 700), [True] * (40 + 37 * number % 700)) for number in range(600)]
    conversations.append(([600] * 3000, [False] * 3000))
    first, second = (list(batches(conversations, seed=3)) for _ in range(2))
    assert first == second != list(batches(conversations, seed=4))
    assert sorted(tokens[0][0] for batch in first for tokens in batch) == list(range(601))
    assert all(len(batch) * max(map(padded_length, batch)) <= BATCH_TOKENS or len(batch) == 1 for batch in first)
