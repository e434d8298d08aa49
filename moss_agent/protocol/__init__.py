"""The MOSS plugin protocol as pure text: what the program writes, what the model writes, how both are read.

    <|Human|>: QUESTION<eoh>\\n
    <|Inner Thoughts|>: THOUGHTS<eot>\\n
    <|Commands|>: COMMANDS<eoc>\\n
    <|Results|>:\\nRESULTS\\n<eor>\\n
    <|MOSS|>: ANSWER<eom>\\n

Only code writes markers: text from users, plugins and web pages passes `neutralise` on its way in.
Standard library only; nothing here evaluates anything.
"""

from moss_agent.protocol.citations import (
    CitationFilter,
    as_told,
    as_written,
    check_citations,
    cited_numbers,
    unfinished_citation,
)
from moss_agent.protocol.commands import Command, CommandScanner, Value, as_value, parse_commands
from moss_agent.protocol.markers import (
    ANSWER,
    COMMANDS,
    END_MARKERS,
    HUMAN,
    MARKERS,
    RESULTS,
    SEGMENTS,
    THOUGHTS,
    Segment,
    first_marker,
    possible_marker,
)
from moss_agent.protocol.neutral import join_surrogates, neutralise
from moss_agent.protocol.preamble import Capability, Preamble, told_plugins
from moss_agent.protocol.results import (
    DRAWN,
    NO_COMMAND,
    NO_RESULT,
    Entry,
    Passage,
    hit_length,
    hits_per_search,
    number_passages,
    parse_results,
    render_outcome,
    render_results,
    shorten,
)
from moss_agent.protocol.stream import CommandRead, ParseEvent, SegmentEnded, SegmentStarted, TextRead, TurnParser
from moss_agent.protocol.support import weak_citations
from moss_agent.protocol.turn import Turn, parse_turn, render_human, render_segment, render_turn

__all__ = [
    "ANSWER",
    "COMMANDS",
    "DRAWN",
    "END_MARKERS",
    "HUMAN",
    "MARKERS",
    "NO_COMMAND",
    "NO_RESULT",
    "RESULTS",
    "SEGMENTS",
    "THOUGHTS",
    "Capability",
    "CitationFilter",
    "Command",
    "CommandRead",
    "CommandScanner",
    "Entry",
    "ParseEvent",
    "Passage",
    "Preamble",
    "Segment",
    "SegmentEnded",
    "SegmentStarted",
    "TextRead",
    "Turn",
    "TurnParser",
    "Value",
    "as_told",
    "as_value",
    "as_written",
    "check_citations",
    "cited_numbers",
    "first_marker",
    "hit_length",
    "hits_per_search",
    "join_surrogates",
    "neutralise",
    "number_passages",
    "parse_commands",
    "parse_results",
    "parse_turn",
    "possible_marker",
    "render_human",
    "render_outcome",
    "render_results",
    "render_segment",
    "render_turn",
    "shorten",
    "told_plugins",
    "unfinished_citation",
    "weak_citations",
]
