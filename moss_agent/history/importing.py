"""Reading conversations from files: our own JSON, and MOSS's training format, one record, a list or one a line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from msgspec import ValidationError

from moss_agent.conversation import LONGEST, Conversation
from moss_agent.errors import UsageError, one_line
from moss_agent.records import now
from moss_agent.resources import read_text
from moss_agent.store import About, Stored


def read_conversations(path: Path) -> Iterator[Stored]:
    """Yield the conversations of a file. Raises UsageError, naming the place, for anything that is none."""
    for number, record in enumerate(_records(path), 1):
        try:
            yield _stored(record)
        except (UsageError, KeyError, TypeError, ValueError, AttributeError, ValidationError) as error:
            reason = f"no field {error}" if isinstance(error, KeyError) else str(error)
            raise UsageError(f"{path}, conversation {number}: {one_line(reason)}") from None


def _records(path: Path) -> list[Any]:
    text = read_text(path, LONGEST)
    try:
        data = json.loads(text)
        records = data if isinstance(data, list) else [data]
    except RecursionError:
        raise UsageError(f"{path}: it is nested too deeply to be a conversation") from None
    except ValueError as error:
        try:
            records = [json.loads(line) for line in text.split("\n") if line.strip()]
        except (ValueError, RecursionError):
            raise UsageError(f"{path} is neither JSON nor JSON lines: {error}") from None
    if not records:
        raise UsageError(f"{path} holds no conversation")
    return records


def _stored(record: Any) -> Stored:
    if not isinstance(record, Mapping):
        raise ValueError("it is no JSON object")
    json.dumps(record, ensure_ascii=False).encode()  # no lone surrogates, which no tokenizer takes
    if "chat" in record:
        conversation = Conversation.from_training(record)
    else:
        conversation = Conversation.from_json(record)
    if not conversation.turns:
        raise ValueError("it has no turns")
    title, model, time = (record.get(name) for name in ("title", "model", "time"))
    about = About(
        title=one_line(title, 100) if isinstance(title, str) else "",
        model=one_line(model, 200) if isinstance(model, str) else "",
        preamble=conversation.preamble,
        time=one_line(time, 40) if isinstance(time, str) else now(),
    )
    return Stored(about, conversation.turns)
