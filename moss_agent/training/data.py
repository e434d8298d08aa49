"""The conversations of a file or folder, as tokens: each record checked, and every fault named."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
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

Encode: TypeAlias = Callable[[Mapping[str, Any]], list[Tokens]]


def encoder_for(tokenizer: PreTrainedTokenizerBase, family: Family) -> Encode:
    """Return what encodes a record for a model of that family. Raises EngineError if its chat template is unfit."""
    return MossEncoder(tokenizer, family).encode if family.dialect == "moss" else ChatEncoder(tokenizer).encode


def read_conversations(path: Path, encode: Encode) -> list[Tokens]:
    """Read the conversations of a file or folder. Raises UsageError, or FaultyData with all that is wrong."""
    faults: list[str] = []
    conversations: list[Tokens] = []
    for record in iterate(files_of(path), faults):
        try:
            if not isinstance(record.data, Mapping):
                raise UsageError(f"it is no JSON object: each record has to be {FORMS}")
            conversations += encode(record.data)
        except (MossAgentError, KeyError, TypeError, ValueError, AttributeError) as error:
            faults.append(f"{record.place}: {reason_of(error)}")
    if faults:
        raise FaultyData(faults)
    if not conversations:
        raise UsageError(f"{path} has no conversation to learn from: each record has to be {FORMS}")
    return conversations
