"""A conversation in other programs' formats, and back from those that hold all of it.

Nothing in a text can become structure of the format that it is written in; characters that steer a terminal or turn
the direction of text are left out of pages.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from moss_agent.history.export.data import moss_record, openai_record, own_record
from moss_agent.history.export.markdown import markdown
from moss_agent.history.export.page import page
from moss_agent.store import Stored

FORMATS: Mapping[str, Callable[[Stored], str]] = {
    "markdown": markdown,
    "html": page,
    "json": lambda stored: json.dumps(own_record(stored), ensure_ascii=False),
    "moss": lambda stored: json.dumps(moss_record(stored), ensure_ascii=False),
    "openai": lambda stored: json.dumps(openai_record(stored), ensure_ascii=False),
}
"""What writes a conversation, by the name of the format."""

__all__ = ["FORMATS"]
