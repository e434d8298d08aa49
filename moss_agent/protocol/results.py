"""The Results segment: one entry per command, in the trained format and numbering.

    Search("moss") =>
    <|1|>: 'a small plant'
    Calculate("12*3") => '36'
    Solve("x^2=4") =>
    x_0 = -2
    x_1 = 2

Search hits are numbered through the whole turn. Numbers of hits and lengths are those of the training data.

Reading tolerates what MOSS's own data has besides: values without quotes, hits with a title before the
quote or cut off without a closing one, an expression's rest between command and arrow. What was read is
written as it stood, except that `neutralise` applies to all of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import TypeAlias

from moss_agent.protocol.commands import CommandScanner
from moss_agent.protocol.neutral import join_surrogates, neutralise

NO_RESULT = "No result."
NO_COMMAND = "None"
DRAWN = "Image generated successfully."

_BLOCK = frozenset({"Search", "Solve"})  # their failure stands on a line of its own, others' after the arrow
_QUOTES = ("'", '"')
_CALL = re.compile(r"([A-Za-z_][A-Za-z0-9_]{0,39})\s*[(（]")
_ARROW = re.compile(r" =>(?: |\Z)")
_HEAD_LIKE = re.compile(r"[\W\d]*[^\W\d]\w*\s*[(（].*=>")
_PASSAGE = re.compile(r"<\|([0-9]{1,4})\|>: ")
_ESCAPE = re.compile(r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8})|(.))", re.DOTALL)
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", "'": "'", '"': '"'}


@dataclass(frozen=True)
class Passage:
    """A search hit as the model sees it.

    written: how a hit that was read stood there, if not in the form in which it would be written.
    """

    number: int
    text: str
    written: str = field(default="", compare=False)


Body: TypeAlias = str | tuple[str | Passage, ...] | None


@dataclass(frozen=True)
class Entry:
    """One command and its outcome.

    head: the command as the model wrote it, `Calculate("12*3")`; empty for text that belongs to no command.
    body: a `str` stands after the arrow, lines and passages below it; None is `No result.`
    drawn: the command has drawn a picture; the body is `DRAWN` then, which a plugin's text may equal by chance.
    written: what stood after the arrow of an entry that was read, if not what would be written.
    """

    head: str
    body: Body
    drawn: bool = False
    written: str = field(default="", compare=False)

    @property
    def name(self) -> str:
        call = _CALL.match(self.head)
        return call[1] if call else self.head


def hits_per_search(searches: int) -> int:
    """Return how many hits each of a turn's searches gets: 3 for one, 2 for two, else 1."""
    return max(1, 4 - searches)


def hit_length(turn: int) -> int:
    """Return characters that a hit may have in the turn with this number, counted from 1."""
    return 400 if turn < 3 else 300


def shorten(text: str, length: int) -> str:
    """Return `text` cut at a word to at most `length` characters; Chinese, which has no blanks, at a character."""
    if len(text) <= length:
        return text
    cut = text[: length + 1].rstrip()[:length]
    blank = cut.rfind(" ")
    return cut[:blank].rstrip() if blank > length * 3 // 4 and text[len(cut)] != " " else cut


def render_results(entries: Sequence[Entry], first: int = 1) -> str:
    """Render the segment's text, between header and end marker; number its passages from `first` on."""
    if not entries:
        return NO_COMMAND
    if all(entry.drawn for entry in entries):
        return DRAWN
    return "\n".join(_render_entry(entry) for entry in number_passages(entries, first))


def number_passages(entries: Sequence[Entry], first: int = 1) -> list[Entry]:
    """Return the entries with their passages numbered through, from `first` on."""
    numbers = count(first)
    return [
        replace(entry, body=tuple(_numbered(line, numbers) for line in entry.body))
        if isinstance(entry.body, tuple)
        else entry
        for entry in entries
    ]


def _numbered(line: str | Passage, numbers: Iterator[int]) -> str | Passage:
    return replace(line, number=next(numbers)) if isinstance(line, Passage) else line


def _render_entry(entry: Entry) -> str:
    head, outcome = _one_line(entry.head), render_outcome(entry)
    if not head:
        return outcome
    if entry.written:
        return f"{head} => {neutralise(entry.written)}"
    inline = isinstance(entry.body, str) or (not entry.body and entry.name not in _BLOCK)
    return f"{head} => {outcome!r}" if inline else f"{head} =>\n{outcome}"


def render_outcome(entry: Entry) -> str:
    """Render one command's result, without the command and without quotes around a value."""
    if not entry.body:
        return NO_RESULT
    if isinstance(entry.body, str):
        return neutralise(entry.body)
    return "\n".join(map(_render_line, entry.body))


def _render_line(line: str | Passage) -> str:
    if isinstance(line, Passage):
        return f"<|{line.number}|>: {neutralise(line.written) or repr(neutralise(line.text))}"
    line = _one_line(line)
    return line.replace("=>", "⇒") if _HEAD_LIKE.match(line) else line


def _one_line(text: str) -> str:
    return neutralise(" ".join(text.splitlines()))


def parse_results(text: str) -> list[Entry]:
    """Parse a Results segment's text: what `render_results` writes, and looser forms."""
    if text.strip() in ("", NO_COMMAND):
        return []
    if text == DRAWN:
        return [Entry("", DRAWN, drawn=True)]
    entries: list[Entry] = []
    head, lines = "", []
    for line in text.split("\n"):
        if (found := _read_head(line)) is None:
            lines.append(line)
            continue
        entries += _read_block(head, lines)
        head, value = found
        lines = []
        if value is not None:
            entries.append(_read_inline(head, value))
            head = ""
    return entries + _read_block(head, lines)


def _read_head(line: str) -> tuple[str, str | None] | None:
    """Return head and value, None in its place if lines follow; None if `line` does not begin an entry."""
    if " =>" not in line or not _CALL.match(line):
        return None
    found = next(CommandScanner().scan(line), None)
    end = found[0] if found and line.startswith(found[1].text) else line.find(")") + 1
    arrow = _ARROW.search(line, end) if end else None
    if arrow is None:
        return None
    return line[: arrow.start()], line[arrow.end() :] if arrow[0].endswith(" ") else None


def _read_inline(head: str, value: str) -> Entry:
    text = _unquote(value)
    entry = Entry(head, None if text == NO_RESULT else text)
    as_rendered = _render_entry(entry) == f"{_one_line(head)} => {value}"
    return entry if as_rendered else replace(entry, written=value)


def _read_block(head: str, lines: list[str]) -> list[Entry]:
    """Return the entry of a head and the lines below it; nothing if there is neither."""
    if not head and not any(lines):
        return []
    return [Entry(head, None if lines == [NO_RESULT] else tuple(_read_lines(lines)) or None)]


def _read_lines(lines: list[str]) -> Iterator[str | Passage]:
    """Return lines and passages; a passage with real line breaks goes on up to its closing quote."""
    groups: list[list[str]] = []
    quote = ""
    for line in lines:
        if found := _PASSAGE.match(line):
            quote = line[found.end() : found.end() + 1]
            closed = _is_quoted(line[found.end() :])
        else:
            closed = _is_quoted(quote + line)
        if found or not quote:
            groups.append([line])
        else:
            groups[-1].append(line)
        if closed or quote not in _QUOTES:
            quote = ""
    return (_read_passage("\n".join(group)) for group in groups)


def _read_passage(text: str) -> str | Passage:
    found = _PASSAGE.match(text)
    if not found:
        return text
    written = text[found.end() :]
    passage = Passage(int(found[1]), _unquote(written))
    as_rendered = _render_line(passage) == f"<|{passage.number}|>: {written}"
    return passage if as_rendered else replace(passage, written=written)


def _is_quoted(text: str) -> bool:
    """Return whether `text` begins with a quote and ends with the same, which no backslash makes part of the text."""
    if len(text) < 2 or text[0] not in _QUOTES or text[-1] != text[0]:
        return False
    backslashes = len(text) - 1 - len(text[:-1].rstrip("\\"))
    return backslashes % 2 == 0


def _unquote(text: str) -> str:
    """Return the inverse of `repr` for a string, also for one that was cut off; other text stays as it is."""
    if not text.startswith(_QUOTES):
        return text
    quoted = text[1:-1] if _is_quoted(text) else text[1:]
    return join_surrogates(_ESCAPE.sub(_unescape, quoted))


def _unescape(match: re.Match[str]) -> str:
    digits = match[1] or match[2] or match[3]
    if digits:
        return chr(int(digits, 16)) if int(digits, 16) < 0x110000 else match[0]
    return _ESCAPED.get(match[4], match[0])
