"""An expression that the model wrote as Python code which would put it together.

| written | read as |
|---|---|
| `"(" + str(2) + str(-4) + ")*6"` | `(2-4)*6` |
| `"({} - 1)**2".format(14.5)` | `(14.5 - 1)**2` |
| `f"{3+4}*2"` | `7*2` |

Nothing of it is run: there are quoted pieces, `str(...)`, `+`, `.format(...)` with `{}` or `{0}`, and no
more. Not covered: format specifications, backslashes, names.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import count

from moss_agent.errors import PluginError

_BEGIN = re.compile(r"\s*(?:[fF]?[\"']|str\s*\()")
_ARGUMENTS = r"\(([^\"'()]*(?:\([^\"'()]*\)[^\"'()]*)*)\)"  # with brackets one deep
_PIECE = re.compile(
    rf"\s*(?:([fF]?)(?:\"([^\"\\]*)\"|'([^'\\]*)')(?:\s*\.\s*format\s*{_ARGUMENTS})?|str\s*{_ARGUMENTS})\s*(\+|$)"
)
_COMMA = re.compile(r",(?![^()]*\))")
_FIELD = re.compile(r"\{([^{}]*)\}")


def spelled_out(text: str, value: Callable[[str], str]) -> str:
    """Return the expression that `text` puts together; `text` itself unless it begins like such code.

    value: works out one expression that stands inside, as text.
    Raises PluginError for code that is not in the table above.
    """
    if not _BEGIN.match(text):
        return text
    text, pieces, position, plus = text.strip(), [], 0, ""
    while position < len(text):
        match = _PIECE.match(text, position)
        if match is None:
            raise PluginError(f"this Python code is not understood: {text[position:].strip()[:40]!a}")
        pieces.append(_piece(match, value))
        position, plus = match.end(), match[6]
    if plus == "+":
        raise PluginError("the argument ends with +")
    return "".join(pieces)


def _piece(match: re.Match[str], value: Callable[[str], str]) -> str:
    prefix, double_quoted, single_quoted, arguments, number, _ = match.groups()
    if number is not None:
        return value(number)
    quoted = single_quoted if double_quoted is None else double_quoted
    if prefix:
        return _FIELD.sub(lambda field: value(field[1]), quoted)
    if arguments is None:
        return quoted
    values = [value(argument) for argument in _COMMA.split(arguments)]
    places = count()
    return _FIELD.sub(lambda field: _chosen(values, field[1].strip() or str(next(places))), quoted)


def _chosen(values: list[str], place: str) -> str:
    if not re.fullmatch("[0-9]{1,3}", place) or int(place) >= len(values):
        raise PluginError(f"format has no value for {{{place[:20]}}}")
    return values[int(place)]
