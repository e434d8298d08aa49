"""The conversations of a file or folder, as tokens: each record checked, and every fault named."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, TypeAlias

from moss_agent.errors import MossAgentError, UsageError
from moss_agent.json_records import FaultyData, files_of, iterate, reason_of
from moss_agent.training.chat_encoding import ChatEncoder
from moss_agent.training.moss_encoding import MossEncoder
from moss_agent.training.packing import Tokens
from moss_agent.training.recorded import FORMS

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from moss_agent.checkpoints.families import Family

Conversation: TypeAlias = list[Tokens]
"""A conversation as one sequence, or as several where the chat template tells earlier turns otherwise."""
Encode: TypeAlias = Callable[[Mapping[str, Any]], Conversation]


def encoder_for(tokenizer: PreTrainedTokenizerBase, family: Family) -> Encode:
    """Return what encodes a record for a model of that family. Raises EngineError if its chat template is unfit."""
    return MossEncoder(tokenizer, family).encode if family.dialect == "moss" else ChatEncoder(tokenizer).encode


def read_conversations(path: Path, encode: Encode, window: int | None = None) -> list[Conversation]:
    """Read the conversations of a file or folder. window: the most tokens that the model takes, None for any number.

    Raises UsageError, or FaultyData with all that is wrong.
    """
    faults: list[str] = []
    conversations: list[Conversation] = []
    for record in iterate(files_of(path), faults):
        try:
            if not isinstance(record.data, Mapping):
                raise UsageError(f"it is no JSON object: each record has to be {FORMS}")
            if conversation := encode(record.data):
                _check_length(conversation, window)
                conversations.append(conversation)
        except (MossAgentError, KeyError, TypeError, ValueError, AttributeError) as error:
            faults.append(f"{record.place}: {reason_of(error)}")
    if faults:
        raise FaultyData(faults)
    if not conversations:
        raise UsageError(f"{path} has no conversation to learn from: each record has to be {FORMS}")
    return conversations


def _check_length(conversation: Conversation, window: int | None) -> None:
    longest = max(len(ids) for ids, _ in conversation)
    if window and longest > window:
        raise UsageError(f"it has {longest} tokens, and the model takes {window}: shorten it, or leave it out")


def sequences(conversations: Sequence[Conversation]) -> list[Tokens]:
    """Return the sequences of all conversations."""
    return [tokens for conversation in conversations for tokens in conversation]


def divided(
    conversations: Sequence[Conversation], share: float, seed: int
) -> tuple[list[Conversation], list[Conversation]]:
    """Return what is learned and what is held out: at least one conversation each, if there are two or more."""
    order = list(conversations)
    Random(seed).shuffle(order)
    count = min(len(order) - 1, max(1, round(share * len(order)))) if share else 0
    return order[count:], order[:count]
