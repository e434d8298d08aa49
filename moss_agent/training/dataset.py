"""Records of MOSS's training format as the text that the runtime feeds and the model writes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from moss_agent.errors import UsageError, one_line
from moss_agent.protocol import ANSWER, COMMANDS, HUMAN, RESULTS, THOUGHTS, Segment, first_marker

Record = Mapping[str, Any]  # as `Conversation.to_training` returns it
Piece = tuple[str, bool]

FIELDS = {"Human": HUMAN, "Inner Thoughts": THOUGHTS, "Commands": COMMANDS, "Tool Responses": RESULTS, "MOSS": ANSWER}
WRITTEN = (THOUGHTS, COMMANDS, ANSWER)


def pieces(record: Record) -> Iterator[Piece]:
    """Yield a conversation's text, cut where the runtime cuts it: (text, whether the model writes it).

    What the model writes begins behind a segment's header and includes its end marker. Raises UsageError if a
    segment is not the text between these two.
    """
    if preamble := record["meta_instruction"]:
        yield preamble, False
    feed = ""
    for name, turn in record["chat"].items():
        for field, segment in FIELDS.items():
            body, rest = _cut(turn.get(field), segment, f"{record.get('conversation_id', '')}, {name}, {field}")
            if feed:
                yield feed, False
            if segment in WRITTEN:
                yield segment.header, False
                yield body + segment.end, True
                feed = rest
            else:
                yield segment.header + body + segment.end + rest, False
                feed = ""


def _cut(text: Any, segment: Segment, where: str) -> tuple[str, str]:
    """Return what stands between header and end marker, and the whitespace behind."""
    if isinstance(text, str) and text.startswith(segment.header):
        body, end, rest = text.removeprefix(segment.header).partition(segment.end)
        if end and not rest.strip() and not first_marker(body):
            return body, rest
    where = one_line(where.removeprefix(", "))
    raise UsageError(f"{where}: write the text between {segment.header} and {segment.end}, without other markers")
