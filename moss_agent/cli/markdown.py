"""Markdown on a terminal while it is written: what has been printed is never moved or printed again.

Paragraphs, lists and quotes appear word by word, code line by line, tables when they are complete. Text has to be clean
already (`text.ReadableStream`). Formulas and what only looks like Markdown stay as they are.
Not covered: HTML, nested quotes, footnotes, emphasis over several paragraphs.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from moss_agent.cli.prose import BOLD, CODE, FAINT, ITALIC, Indent, Prose
from moss_agent.cli.tables import GAP, ruled_table
from moss_agent.cli.text import columns

BULLETS = "•◦▪"
_NARROWEST = 10  # columns of a terminal for one of a table whose cells are wrapped

_FENCE = re.compile(r" *(`{3,}(?!`)|~{3,}(?!~))([^`]*)")
_HEADING = re.compile(r" {0,3}#{1,6}\s(.*)")
_RULE = re.compile(r" {0,3}([-*_])(?:\s*\1){2,}\s*")
_ITEM = re.compile(r"( *)(?:([-*+])|(\d{1,9})([.)]))(\s+)(?:\[([ xX])\]\s+)?(?=\S)")
_QUOTE = re.compile(r" {0,3}> ?")
_ROW = re.compile(r" {0,3}\|.*")
_DELIMITER = re.compile(r"\|?(?:\s*:?-+:?\s*\|)*\s*:?-+:?\s*\|?")
_BLOCK_MATH = re.compile(r"\s*(?:\$\$|\\\[)(.*)")
# What a line may begin with when it is no plain paragraph; as long as that is open, the line waits.
_OPEN = re.compile(r"`{0,2}|~{0,2}|#{1,6}|\+|(?:[-*_]\s*)+|[-*+]\s+\[?[ xX]?\]?|\d{1,9}[.)]?|\$|\\")
_WAITS_FOR_ITS_END = re.compile(r" *(?:`{3,}|~{3,}|#{1,6}\s|\||\$\$|\\\[)")


class MarkdownStream:
    """Prints Markdown that comes in pieces.

    write: prints text in a style, the parameters of the escape sequence that sets it. width: columns of a line, asked
    for at each word, since a terminal may be resized.
    """

    def __init__(self, write: Callable[[str, str], None], width: Callable[[], int]) -> None:
        self._write = write
        self._width = width
        self._line = ""  # the beginning of a line of which it is not known what it is
        self._fence = ""  # that has to close the code block which is being written
        self._rows: list[str] = []  # of the table which is being written
        self._math = False  # within a formula of several lines
        self._text: Prose | None = None  # the paragraph, item or quote whose line is being written
        self._blank = True  # whether the last line is blank, or there is none

    def push(self, piece: str) -> None:
        for part in re.findall(r"[^\n]+|\n", piece):
            if part == "\n":
                self._end_line()
            elif self._text:
                self._text.push(part)
            else:
                self._line += part
                self._begin()

    def flush(self, mark: str = "") -> None:
        """Print what was held back, when nothing more comes. mark: shows that it was cut off."""
        if mark:
            self.push(mark)
        if self._line or self._text:
            self._end_line()
        self._end_table()
        self._fence, self._math, self._blank = "", False, True

    def _begin(self) -> None:
        """Print the line as it comes as soon as it is known to be text."""
        line = self._line
        waits = self._fence or self._math or _WAITS_FOR_ITS_END.match(line)
        if waits or _OPEN.fullmatch(line.lstrip(" ").rstrip()) or _QUOTE.fullmatch(line) or not line.strip():
            return
        self._end_table()
        self._line = ""
        indent, text = _indented(line)
        self._text = Prose(self._write, self._width, indent)
        self._blank = False
        self._text.push(text)

    def _end_line(self) -> None:
        line, self._line = self._line, ""
        if self._text:
            self._text.end()
            self._text = None
        elif self._fence:
            self._code(line)
        elif self._math or _BLOCK_MATH.match(line):
            self._formula(line)
        elif _ROW.fullmatch(line):
            self._rows.append(line)
        else:
            self._end_table()
            self._whole(line)

    def _whole(self, line: str) -> None:
        """Print a line that was held back until its end."""
        if not line.strip():
            if not self._blank:
                self._write("\n", "")
            self._blank = True
            return
        if fence := _FENCE.fullmatch(line):
            self._fence = fence[1]
            if fence[2].strip():
                self._write(f"  {fence[2].strip()}\n", FAINT)
            return
        self._blank = False
        if heading := _HEADING.fullmatch(line):
            self._print(_without_closing(heading[1].strip()), Indent(), BOLD)
        elif _RULE.fullmatch(line):
            self._write("─" * min(self._width(), 40) + "\n", FAINT)
        else:
            indent, text = _indented(line)
            self._print(text, indent, "")

    def _print(self, text: str, indent: Indent, style: str) -> None:
        printed = Prose(self._write, self._width, indent, style)
        printed.push(text)
        printed.end()

    def _code(self, line: str) -> None:
        if line.strip().startswith(self._fence) and not line.strip().strip(self._fence[0]):
            self._fence = ""
            return
        self._write(f"  {line}\n", CODE)
        self._blank = False

    def _formula(self, line: str) -> None:
        """Print a line of a formula as it is."""
        opened = not self._math
        rest = line.strip()[2:] if opened else line
        self._math = not ("$$" in rest or "\\]" in rest)
        self._write(f"  {line.strip()}\n", ITALIC)
        self._blank = False

    def _end_table(self) -> None:
        rows, self._rows = self._rows, []
        if len(rows) > 1 and _DELIMITER.fullmatch(rows[1].strip()):
            self._table(*map(_cells, rows))
        else:
            for row in rows:
                self._print(row, Indent(), "")
        self._blank = self._blank and not rows

    def _table(self, head: list[str], delimiter: list[str], *body: list[str]) -> None:
        """Print a table in columns, or cell by cell, each behind the head of its column, if it is too wide for that."""
        lines = [head, *(_filled(cells, len(head)) for cells in body)]
        if _is_readable(lines, self._width()):
            aligned = [_alignment(mark) for mark in _filled(delimiter, len(head))]
            self._write(ruled_table([[*map(_plain, cells)] for cells in lines], aligned, self._width()), "")
            return
        for cells in lines[1:] or [[""] * len(head)]:
            for place, (name, cell) in enumerate(zip(head, cells, strict=True)):
                self._print(": ".join(filter(None, (name, cell))), Indent("  " if place else "• ", "  "), "")


def _indented(line: str) -> tuple[Indent, str]:
    """Return what stands before the lines of an item, a quote or a paragraph, and its text."""
    if item := _ITEM.match(line):
        depth = len(item[1]) // 2
        bullet = f"{item[3]}{item[4]}" if item[3] else BULLETS[depth % len(BULLETS)]
        box = {" ": "☐ ", "x": "☑ ", "X": "☑ "}.get(item[6], "")
        first = "  " * depth + f"{bullet} {box}"
        return Indent(first, " " * columns(first)), line[item.end() :]
    if quote := _QUOTE.match(line):
        return Indent("│ ", "│ "), line[quote.end() :]
    return Indent(), line.lstrip()


def _is_readable(lines: list[list[str]], width: int) -> bool:
    """Return whether the columns of a table fit, or get room for a word each when their cells are wrapped."""
    widths = [max(columns(_plain(cell)) for cell in column) for column in zip(*lines, strict=True)]
    return sum(widths) + len(GAP) * len(widths) <= width or _NARROWEST * len(widths) <= width


def _alignment(mark: str) -> str:
    """Return how a column is aligned, as the formats of Python write it."""
    if mark.startswith(":") and mark.endswith(":") and len(mark) > 1:
        return "^"
    return ">" if mark.endswith(":") else "<"


def _filled(cells: list[str], count: int) -> list[str]:
    """Return so many cells of a row that may have fewer, or more: then the last ones become one."""
    return [*cells, *[""] * count][: count - 1] + [" | ".join(cells[count - 1 :])]


def _cells(row: str) -> list[str]:
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", row.strip().strip("|"))]


def _without_closing(heading: str) -> str:
    """Return the text of a heading without the `#` that may close it, which a blank stands before."""
    text = heading.rstrip("#")
    return text.rstrip() if not text or text[-1].isspace() else heading


def _plain(cell: str) -> str:
    """Return a cell without marks of emphasis."""
    return re.sub(r"(\*\*|__|`|~~)(\S(?:.{0,1000}?\S)?)\1", r"\2", cell)
