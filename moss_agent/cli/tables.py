"""Plain tables for the terminal."""

from collections.abc import Sequence

from moss_agent.cli.text import columns


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return the rows under their headings, in columns as wide as they need to be."""
    lines = [head, *rows]
    widths = [max(map(columns, column)) for column in zip(*lines, strict=True)]
    return "\n".join(_line(cells, widths) for cells in lines)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell + " " * (width - columns(cell)) for cell, width in zip(cells, widths, strict=True))
    return "  ".join(padded).rstrip()
