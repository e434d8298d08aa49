"""Plain tables for the terminal."""

import re
from collections.abc import Sequence
from itertools import accumulate, takewhile, zip_longest

from moss_agent.cli.text import columns, fitted, one_line
from moss_agent.store import Summary

SHORT = 8  # characters of an id
GAP = "  "  # between columns
NARROWEST = 3  # columns of a terminal that a column takes at least


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return the rows under their headings, in columns as wide as they need to be."""
    lines = [head, *rows]
    widths = [max(map(columns, column)) for column in zip(*lines, strict=True)]
    return "\n".join(_line(cells, widths) for cells in lines)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell + " " * (width - columns(cell)) for cell, width in zip(cells, widths, strict=True))
    return "  ".join(padded).rstrip()


def ruled_table(lines: Sequence[Sequence[str]], aligned: Sequence[str], width: int) -> str:
    """Return lines of cells, the first of them above a rule, whose cells are wrapped so that they fit into the width.

    aligned: for each column `<`, `^` or `>`.
    """
    widths = _fitting([max(map(columns, column)) or 1 for column in zip(*lines, strict=True)], width)
    shown = []
    for number, cells in enumerate(lines):
        wrapped = [_wrapped(cell, size) for cell, size in zip(cells, widths, strict=True)]
        for parts in zip_longest(*wrapped, fillvalue=""):
            padded = map(_padded, parts, aligned, widths)
            shown.append(GAP.join(padded).rstrip())
        if number == 0:
            shown.append("─" * min(width, sum(widths) + len(GAP) * (len(widths) - 1)))
    return "".join(f"{line}\n" for line in shown)


def _fitting(widths: list[int], width: int) -> list[int]:
    """Return the widths of columns, the widest of them made narrower until they fit side by side."""
    room = max(width - len(GAP) * (len(widths) - 1), NARROWEST * len(widths))
    while sum(widths) > room:
        widest = max(widths)
        others = max((size for size in widths if size < widest), default=NARROWEST)
        count = widths.count(widest)
        target = max(others, widest - -(-(sum(widths) - room) // count), NARROWEST)
        widths = [min(size, target) for size in widths]
        if target == widest:
            break
    return widths


def _wrapped(text: str, width: int) -> list[str]:
    """Return a cell as lines that are no wider; words that are get cut."""
    lines, line = [], ""
    for word in re.findall(r"[^\s\u2e80-\u9fff\uff00-\uffef]+|[\u2e80-\u9fff\uff00-\uffef]|\s+", text):
        while columns(line + word) > width and not word.isspace():
            if line.strip():
                lines.append(line.rstrip())
                line = ""
            else:
                head = word[: max(1, len(list(takewhile(lambda end: end <= width, accumulate(map(columns, word))))))]
                lines.append(head)
                line, word = "", word[len(head) :]
        line += word if line or not word.isspace() else ""
    return [*lines, line.rstrip()] if line.strip() or not lines else lines


def _padded(text: str, alignment: str, width: int) -> str:
    left = {"<": 0, "^": (width - columns(text)) // 2, ">": width - columns(text)}[alignment]
    return " " * max(0, left) + text + " " * max(0, width - columns(text) - left)


def conversation_table(listed: Sequence[Summary]) -> str:
    """Return the stored conversations, one a line."""
    rows = [
        [one.id[:SHORT], one_line(one.time[:16].replace("T", " ")), str(one.turns), one.status, fitted(one.title, 60)]
        for one in listed
    ]
    return table(["ID", "BEGUN", "TURNS", "LAST", "TITLE"], rows)
