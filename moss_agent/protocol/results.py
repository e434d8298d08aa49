"""The Results segment: one entry per command, in the trained format and numbering.

    Search("moss") =>
    <|1|>: 'a small plant'
    Calculate("12*3") => '36'
    Solve("x^2=4") =>
    x_0 = -2
    x_1 = 2

Search hits are numbered through the whole turn. Numbers of hits and lengths are those of the training data.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Union

from moss_agent.protocol.neutral import neutralise

NO_RESULT = "No result."
NO_COMMAND = "None"
DRAWN = "Image generated successfully."

_BLOCK = frozenset({"Search", "Solve"})  # their failure stands on a line of its own, others' after the arrow
_HEAD = re.compile(r"(?P<name>[A-Za-z_]\w*)\((?P<arguments>.*)\) =>(?: (?P<inline>.+))?")
_PASSAGE = re.compile(r"<\|(\d+)\|>: (.*)", re.DOTALL)
_ESCAPE = re.compile(r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8})|(.))", re.DOTALL)
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t"}


@dataclass(frozen=True)
class Passage:
    """A search hit as the model sees it."""

    number: int
    text: str


Body = Union[str, tuple[str, ...], tuple[Passage, ...], None]


@dataclass(frozen=True)
class Entry:
    """One command and its outcome.

    head: the command as the model wrote it, `Calculate("12*3")`.
    body: a `str` stands after the arrow, lines and passages below it; None is `No result.`
    """

    head: str
    body: Body

    @property
    def name(self) -> str:
        return self.head.partition("(")[0]


def hits_per_search(searches: int) -> int:
    """How many hits each of a turn's searches gets: 3 for one, 2 for two, else 1."""
    return max(1, 4 - searches)


def hit_length(turn: int) -> int:
    """Characters that a hit may have in the turn with this number, counted from 1."""
    return 400 if turn < 3 else 300


def shorten(text: str, length: int) -> str:
    """`text` cut at a word to at most `length` characters; Chinese, which has no blanks, at a character."""
    if len(text) <= length:
        return text
    cut = text[: length + 1].rstrip()[: length]
    blank = cut.rfind(" ")
    return cut[:blank].rstrip() if blank > length * 3 // 4 and text[len(cut)] != " " else cut


def render_results(entries: Sequence[Entry]) -> str:
    """The segment's text, between header and end marker. Passages get their final numbers here."""
    if not entries:
        return NO_COMMAND
    if all(entry.body == DRAWN for entry in entries):
        return DRAWN
    return "\n".join(_render_entry(entry) for entry in number_passages(entries))


def number_passages(entries: Sequence[Entry]) -> list[Entry]:
    """The entries with their passages numbered through, from 1."""
    numbered, count = [], 0
    for entry in entries:
        if isinstance(entry.body, tuple) and entry.body and isinstance(entry.body[0], Passage):
            passages = [replace(p, number=count + i) for i, p in enumerate(entry.body, 1)]
            count += len(passages)
            entry = replace(entry, body=tuple(passages))
        numbered.append(entry)
    return numbered


def _render_entry(entry: Entry) -> str:
    head = " ".join(neutralise(entry.head).splitlines())
    outcome = render_outcome(entry)
    inline = isinstance(entry.body, str) or (not entry.body and entry.name not in _BLOCK)
    return f"{head} => {outcome!r}" if inline else f"{head} =>\n{outcome}"


def render_outcome(entry: Entry) -> str:
    """What the model is told of one command, without the command and without quotes around a value."""
    if not entry.body:
        return NO_RESULT
    if isinstance(entry.body, str):
        return neutralise(entry.body)
    return "\n".join(map(_render_line, entry.body))


def _render_line(line: str | Passage) -> str:
    if isinstance(line, Passage):
        return f"<|{line.number}|>: {neutralise(line.text)!r}"
    line = " ".join(neutralise(line).splitlines())
    return line.replace("=>", "⇒") if _HEAD.fullmatch(line) else line


def parse_results(text: str) -> list[Entry]:
    """The entries of a Results segment's text. Reads what `render_results` writes, and tolerates more."""
    entries: list[Entry] = []
    for line in _logical_lines(text):
        if head := _HEAD.fullmatch(line):
            inline = head["inline"]
            entries.append(Entry(line[: head.end("arguments") + 1], () if inline is None else _inline(inline)))
        elif entries and isinstance(entries[-1].body, tuple):
            body = () if line == NO_RESULT else (*entries[-1].body, _line(line))
            entries[-1] = replace(entries[-1], body=body)
    return [replace(e, body=None) if e.body == () else e for e in entries]


def _logical_lines(text: str) -> list[str]:
    """Lines; a passage that was written with real line breaks goes on up to the next head or passage."""
    lines: list[str] = []
    for line in text.split("\n"):
        starts = _HEAD.fullmatch(line) or _PASSAGE.match(line)
        if lines and not starts and _PASSAGE.match(lines[-1]) and not _is_closed(lines[-1]):
            lines[-1] += "\n" + line
        else:
            lines.append(line)
    return lines


def _is_closed(passage: str) -> bool:
    quoted = passage.partition(": ")[2]
    return len(quoted) >= 2 and quoted[0] in "'\"" and quoted[-1] == quoted[0]


def _inline(text: str) -> str | None:
    value = _unquote(text)
    return None if value == NO_RESULT else value


def _line(line: str) -> str | Passage:
    passage = _PASSAGE.match(line)
    return Passage(int(passage[1]), _unquote(passage[2])) if passage else line


def _unquote(text: str) -> str:
    """The inverse of `repr` for a string; text that is not quoted stays as it is."""
    if len(text) < 2 or text[0] not in "'\"" or text[-1] != text[0]:
        return text
    return _ESCAPE.sub(_unescape, text[1:-1])


def _unescape(match: re.Match[str]) -> str:
    digits = match[1] or match[2] or match[3]
    if digits:
        return chr(int(digits, 16)) if int(digits, 16) < 0x110000 else match[0]
    return _ESCAPED.get(match[4], match[4])
