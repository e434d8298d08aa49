"""Whether a model can be told of tools: what its folder says, without loading anything of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def has_tool_template(folder: Path) -> bool:
    """Return whether the tokenizer in the folder has a chat template that knows tools."""
    return any("tools" in template for template in _templates(folder))


def _templates(folder: Path) -> Iterator[str]:
    """Yield the templates wherever they may stand: in files of their own, or in the tokenizer's settings."""
    for file in [folder / "chat_template.jinja", *sorted((folder / "additional_chat_templates").glob("*.jinja"))]:
        yield _text(file)
    try:
        settings = json.loads(_text(folder / "tokenizer_config.json"))
    except (ValueError, RecursionError):
        return
    found: Any = settings.get("chat_template") if isinstance(settings, dict) else None
    for template in found if isinstance(found, list) else [found]:
        text = template.get("template") if isinstance(template, dict) else template
        if isinstance(text, str):
            yield text


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
