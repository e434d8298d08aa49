"""Questions with blanks, kept as TOML files: `moss-agent ask -t translate -p language=French "Good morning"`.

# translate.toml in the folder `templates` beside settings.toml
question = "Translate into $language, nothing else: $input"

[defaults]
language = "English"
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Any

from moss_agent.errors import UsageError
from moss_agent.resources import read_text
from moss_agent.settings import settings_file

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

LONGEST_FILE = 1_000_000  # bytes
INPUT = "input"  # the blank for what is asked


def folder() -> Path:
    return settings_file().parent / "templates"


def filled(name: str, question: str, values: Mapping[str, str]) -> str:
    """Return the question of the template with its blanks filled. Raises UsageError, naming what is missing."""
    text, defaults = _load(name)
    blanks = _blanks(text)
    for given in values:
        if given not in blanks or given == INPUT:
            known = ", ".join(blank for blank in blanks if blank != INPUT) or "none"
            raise UsageError(f"the template {name} has no blank {given!r}; it has: {known}")
    known_values = {**defaults, **values, **({INPUT: question} if question else {})}
    for blank in blanks:
        if blank not in known_values:
            remedy = "give a question" if blank == INPUT else f"give -p {blank}=VALUE"
            raise UsageError(f"the template {name} has a blank ${blank}: {remedy}")
    filled_in = Template(text).substitute(known_values)
    return filled_in if INPUT in blanks or not question else f"{filled_in}\n\n{question}"


def _load(name: str) -> tuple[str, dict[str, str]]:
    """Return the text of a template and the defaults of its blanks."""
    path = folder() / f"{name}.toml"
    names = sorted(file.stem for file in folder().glob("*.toml"))
    if name not in names:
        raise UsageError(f"no template {name!r} in {folder()}; there are: {', '.join(names) or 'none'}")
    try:
        data: dict[str, Any] = tomllib.loads(read_text(path, LONGEST_FILE))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: {error}") from None
    question, defaults = data.pop("question", None), data.pop("defaults", {})
    if not isinstance(question, str) or data:
        raise UsageError(f"{path} must have a text `question`, perhaps a table [defaults], and nothing else")
    if not isinstance(defaults, dict) or not all(isinstance(value, str) for value in defaults.values()):
        raise UsageError(f"{path}: [defaults] must be a table of texts")
    if any(match["invalid"] is not None for match in Template.pattern.finditer(question)):
        raise UsageError(f"{path}: write $$ for a dollar sign")
    return question, defaults


def _blanks(text: str) -> list[str]:
    """Return the names of the blanks."""
    found = (match["named"] or match["braced"] for match in Template.pattern.finditer(text))
    return list(dict.fromkeys(filter(None, found)))
