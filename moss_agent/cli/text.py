"""Text from models, plugins and web pages made fit for a terminal: nothing in it can steer the terminal.

Removed are control characters other than newline and tab, whole escape sequences, and the characters that
reverse the direction of text. Citations are shown as people know them: `<sup><|2|></sup>` becomes `[2]`.
Not covered: letters that look like others.
"""

from __future__ import annotations

import re
from itertools import accumulate, takewhile
from unicodedata import east_asian_width

from moss_agent import errors

_UNSAFE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI, such as colours and cursor movements
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x80-\x9f\n]*(?:\x07|\x1b\\|\x9c)"  # OSC and its kin
    r"|\x1b[ -/]*[0-~]"
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]"
)
_CITATION = re.compile(r"(?:<sup>\s{0,3})?<\|(\d{1,4})\|>(?:\s{0,3}</sup>)?")
_UNFINISHED = re.compile(
    r"(?:<sup>\s{0,3})?"
    r"(?:<(?:s(?:up?)?)?|<\|\d{0,4}|<\|\d{1,4}\||<\|\d{1,4}\|>\s{0,3}(?:<(?:/(?:s(?:up?)?)?)?)?)?"
    r"\Z"
)

# Control characters, line and paragraph separators, directions of text, halves of characters.
_STEERING = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
# Letters and marks that Unicode has without a shape (Default_Ignorable_Code_Point); Python takes them for printable.
_SHAPELESS = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
_NUMBER = re.compile(
    r"(?<!\\)(?P<backslashes>(?:\\\\)*)"
    r"\\(?:u(?P<short>(?!d[89a-f])[0-9a-f]{4})|U(?P<long>00(?:0[1-9a-f]|10)[0-9a-f]{4}))"
)


def clean(text: str) -> str:
    """Return `text` without what a terminal would obey."""
    return _UNSAFE.sub("", text)


def one_line(text: str, length: int = 2000) -> str:
    """Return `text`, clean, in one line of at most `length` characters."""
    return errors.one_line(clean(text), length)


def columns(text: str) -> int:
    """Count the columns that `text` takes on a terminal: Chinese characters take two."""
    return sum(map(_columns, text))


def _columns(character: str) -> int:
    return 2 if east_asian_width(character) in "WF" else 1


def fitted(text: str, width: int) -> str:
    """Return `text`, clean, in one line that takes at most `width` columns."""
    line = one_line(text)
    if columns(line) <= width:
        return line
    fitting = takewhile(lambda end: end < width, accumulate(map(_columns, line)))
    return line[: len(list(fitting))] + "…"


def wrapped(text: str, width: int, indent: str = "") -> str:
    """Break lines that take more than `width` columns at blanks; a word that is longer is left to the terminal.

    indent: what stands before the further ones.
    """
    return "\n".join(_wrapped(line, width, indent) for line in text.split("\n"))


def _wrapped(line: str, width: int, indent: str) -> str:
    if columns(line) <= width:
        return line
    lines = [""]
    for word in re.findall(r"\s*\S+", line.rstrip()):
        if lines[-1].strip() and columns(lines[-1] + word) > width:
            lines.append(indent + word.lstrip())
        else:
            lines[-1] += word
    return "\n".join(lines)


def tail(text: str, width: int) -> str:
    """Return the end of `text`, clean, in one line that takes at most `width` columns."""
    line = " ".join(clean(text[-4 * width :]).split())
    fitting = takewhile(lambda size: size <= width, accumulate(map(_columns, reversed(line))))
    return line[len(line) - len(list(fitting)) :]


def readable(text: str) -> str:
    """Return `text`, clean, with citations as `[1]`."""
    return _CITATION.sub(r"[\1]", clean(text))


class ReadableStream:
    """`readable` for text that comes in pieces: what may be the beginning of a citation waits for the rest.

    An escape sequence that is cut in two loses its escape character and is shown as the harmless text it then is.
    """

    def __init__(self) -> None:
        self._held = ""

    def push(self, piece: str) -> str:
        """Return what can be shown now."""
        text = self._held + clean(piece)
        found = _UNFINISHED.search(text)
        start = found.start() if found else len(text)
        self._held = text[start:]
        return readable(text[:start])

    def flush(self) -> str:
        """Return what was held back, when nothing more comes."""
        held, self._held = self._held, ""
        return readable(held)


def escaped(text: str) -> str:
    """Return text, such as JSON, with numbers in place of characters that steer a terminal."""
    return _STEERING.sub(lambda found: _number(found[0]), text)


def spelled_out(text: str) -> str:
    """Return the text of a call with numbers in place of all characters that cannot be seen or steer a terminal."""
    return "".join(character if _is_seen(character) else _number(character) for character in text)


def read_back(text: str) -> str:
    """Return text that `spelled_out` has made, perhaps changed since, with characters in place of their numbers.

    Halves of characters stay numbers: no text that is stored may have them.
    """
    return _NUMBER.sub(_character, text)


def _is_seen(character: str) -> bool:
    return character.isprintable() and not _SHAPELESS.match(character)


def _number(character: str) -> str:
    return f"\\u{ord(character):04x}" if character <= "\uffff" else f"\\U{ord(character):08x}"


def _character(found: re.Match[str]) -> str:
    character = chr(int(found["short"] or found["long"], 16))
    return found[0] if _is_seen(character) else found["backslashes"] + character
