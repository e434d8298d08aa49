"""A whole turn: its five segments as text, written and read back."""

from __future__ import annotations

from dataclasses import dataclass, fields

from moss_agent.protocol.commands import Command, parse_commands
from moss_agent.protocol.markers import ANSWER, COMMANDS, HUMAN, RESULTS, THOUGHTS, Segment, first_marker
from moss_agent.protocol.neutral import neutralise
from moss_agent.protocol.results import DRAWN, Entry, parse_results
from moss_agent.protocol.stream import SegmentStarted, TextRead, TurnParser


@dataclass(frozen=True)
class Turn:
    """The text of each segment, without header, end marker and the blanks around them."""

    human: str = ""
    thoughts: str = ""
    commands: str = "None"
    results: str = "None"
    answer: str = ""

    def __post_init__(self) -> None:
        for field in fields(self):
            if marker := first_marker(getattr(self, field.name)):
                raise ValueError(f"the {field.name} of a turn cannot contain the marker {marker[1]}")

    @property
    def calls(self) -> list[Command]:
        return parse_commands(self.commands)

    @property
    def entries(self) -> list[Entry]:
        return parse_results(self.results)


def render_segment(segment: Segment, text: str) -> str:
    """Render header, text, end marker, newline. `text` is trusted: the program's or the model's own."""
    if segment is RESULTS and text != DRAWN:
        return f"{segment.header}\n{text}\n{segment.end}\n"
    return f"{segment.header} {text}{segment.end}\n"


def render_human(question: str) -> str:
    """Render the Human segment; what would be structure in the text is neutralised."""
    return render_segment(HUMAN, neutralise(question))


def render_turn(turn: Turn) -> str:
    """Render the turn as the model sees it. What `parse_turn` has read comes out as it went in."""
    return "".join(
        render_segment(segment, text)
        for segment, text in (
            (HUMAN, turn.human),
            (THOUGHTS, turn.thoughts),
            (COMMANDS, turn.commands),
            (RESULTS, turn.results),
            (ANSWER, turn.answer),
        )
    )


def parse_turn(text: str) -> Turn:
    """Parse the segments of one turn; absent ones keep their defaults, the first non-empty one of a kind counts.

    Tolerates missing and wrong end markers, missing segments and text between segments.
    """
    parser = TurnParser()
    texts: dict[Segment, list[str]] = {}
    pieces: list[str] = []
    for event in (*parser.feed(text), *parser.close()):
        if isinstance(event, SegmentStarted):
            earlier = texts.get(event.segment, ())
            pieces = []
            if not any(piece.strip() for piece in earlier):
                texts[event.segment] = pieces
        elif isinstance(event, TextRead) and event.segment:
            pieces.append(event.text)
    whole = {segment.name: "".join(pieces) for segment, pieces in texts.items()}
    if RESULTS.name in whole:
        whole[RESULTS.name] = whole[RESULTS.name].removesuffix("\n")
    return Turn(**whole)
