"""Warnings of the package, such as a plugin that does not load, as notes on standard error."""

from __future__ import annotations

import logging
import sys

from moss_agent.cli.text import one_line


class _Notes(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        print(f"note: {one_line(record.getMessage())}", file=sys.stderr)


def show_warnings() -> None:
    """Print each warning that the package logs as one line."""
    logging.getLogger("moss_agent").handlers = [_Notes(logging.WARNING)]
