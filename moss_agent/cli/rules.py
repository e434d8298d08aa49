"""Writing one rule of approval into the settings file; everything else in it stays as it is."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from moss_agent.errors import UsageError
from moss_agent.resources import read_text, replace_file

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

LONGEST_FILE = 1_000_000  # bytes
_TABLE = re.compile(r"^[ \t]*\[[ \t]*approval[ \t]*\][^\n]*\n?", re.MULTILINE)


def write_rule(path: Path, key: str) -> None:
    """Allow calls of a plugin from now on. Raises UsageError if that cannot be written there."""
    text = read_text(path, LONGEST_FILE) if path.exists() else ""
    try:
        wanted = _parsed(text)
        wanted.setdefault("approval", {})[key] = "allow"
        changed = _with_rule(text, key)
        if _parsed(changed) != wanted:
            raise ValueError("its table [approval] is written in a way that this program cannot change")
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path.resolve(), changed.encode())  # a link stays one
    except (ValueError, TypeError, RecursionError, OSError) as error:
        raise UsageError(
            f'{path} cannot be changed: {error}; write {key} = "allow" under [approval] yourself'
        ) from None


def _with_rule(text: str, key: str) -> str:
    """Return the text with the rule in its table, in place of an earlier one for the same plugin."""
    rule = f'"{key}" = "allow"\n'
    table = _TABLE.search(text)
    if table is None:
        gap = "\n" if text.strip() else ""
        return f"{text.rstrip()}{gap * 2 if gap else ''}[approval]\n{rule}"
    begin = table.end()
    end = re.search(r"^[ \t]*\[", text[begin:], re.MULTILINE)
    rules = text[begin : begin + end.start()] if end else text[begin:]
    earlier = re.compile(rf"^[ \t]*[\"']?{re.escape(key)}[\"']?[ \t]*=[^\n]*\n?", re.MULTILINE)
    head = text[:begin] if text[:begin].endswith("\n") else text[:begin] + "\n"
    return head + rule + earlier.sub("", rules) + text[begin + len(rules) :]


def _parsed(text: str) -> dict[str, Any]:
    data: dict[str, Any] = tomllib.loads(text)
    return data
