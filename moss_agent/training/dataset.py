"""Records of MOSS's training format as the text that the runtime feeds and the model writes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from moss_agent.errors import UsageError
from moss_agent.protocol import ANSWER, COMMANDS, HUMAN, RESULTS, THOUGHTS

Record = Mapping[str, Any]  # as `Conversation.to_training` returns it
Piece = tuple[str, bool]

FIELDS = {"Human": HUMAN, "Inner Thoughts": THOUGHTS, "Commands": COMMANDS, "Tool Responses": RESULTS, "MOSS": ANSWER}
WRITTEN = (THOUGHTS, COMMANDS, ANSWER)


def pieces(record: Record) -> Iterator[Piece]:
    """Yield a conversation's text, cut where the runtime cuts it: (text, whether the model writes it).

    What the model writes begins behind a segment's header and includes its end marker. Raises UsageError if a
    segment lacks either.
    """
    fed = record["meta_instruction"]
    for name, turn in record["chat"].items():
        for field, segment in FIELDS.items():
            text = turn.get(field, "")
            if not text.startswith(segment.header) or segment.end not in text:
                where = f"{record['conversation_id']}, {name}, {field}"
                raise UsageError(f"{where}: write the text between {segment.header} and {segment.end}")
            if segment in WRITTEN:
                body, end, rest = text.removeprefix(segment.header).partition(segment.end)
                yield fed + segment.header, False
                yield body + end, True
                fed = rest
            else:
                fed += text
