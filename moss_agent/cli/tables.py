"""Plain tables for the terminal."""

from collections.abc import Sequence

from moss_agent.cli.text import columns, fitted, one_line
from moss_agent.store import Summary

SHORT = 8  # characters of an id


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return the rows under their headings, in columns as wide as they need to be."""
    lines = [head, *rows]
    widths = [max(map(columns, column)) for column in zip(*lines, strict=True)]
    return "\n".join(_line(cells, widths) for cells in lines)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell + " " * (width - columns(cell)) for cell, width in zip(cells, widths, strict=True))
    return "  ".join(padded).rstrip()


def conversation_table(listed: Sequence[Summary]) -> str:
    """Return the stored conversations, one a line."""
    rows = [
        [one.id[:SHORT], one_line(one.time[:16].replace("T", " ")), str(one.turns), one.status, fitted(one.title, 60)]
        for one in listed
    ]
    return table(["ID", "BEGUN", "TURNS", "LAST", "TITLE"], rows)
