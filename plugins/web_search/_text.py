"""Text and addresses from the web, made fit to be shown: one line, nothing hidden, nothing that steers a terminal."""

from __future__ import annotations

import re
from unicodedata import category
from urllib.parse import quote, urlsplit

JOINERS = "\u200c\u200d"  # scripts and emoji need them
INVISIBLE = "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"  # blank, though Unicode calls them letters or marks
HAN, KANA_OR_HANGUL = re.compile("[\u3400-\u9fff]"), re.compile("[\u3040-\u30ff\uac00-\ud7af]")
LAST_WORD = re.compile("[^\\s\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]+$")  # CJK has no spaces
UNSAFE_IN_URL = """ <>"'`\\{}|^"""


def link(url: str) -> str:
    """Return the address, safe to print and to link; empty unless it is plain http or https without a user name."""
    try:
        parts = urlsplit(url)
        is_usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # the port is no number, or the brackets of an IPv6 address do not match
        return ""
    if not is_usable or "@" in parts.netloc:
        return ""
    # ddgs has decoded every %xx, of control characters too.
    return "".join(
        c if c.isprintable() and c not in UNSAFE_IN_URL else quote(c, errors="replace") for c in parts.geturl()
    )


def clean(text: str) -> str:
    """Return one line of what can be seen: control and invisible characters removed."""
    kept = (c for c in text if c.isspace() or c in JOINERS or visible(c))
    return " ".join("".join(kept).split())


def visible(character: str) -> bool:
    """Return whether it is neither control, format, surrogate or private nor blank nor a bare variation selector."""
    hidden = category(character) in ("Cc", "Cf", "Cs", "Co") or character in INVISIBLE
    return not hidden and not "\U000e0100" <= character <= "\U000e01ef"


def cut(text: str, limit: int) -> str:
    """Return at most `limit` characters, ending with a whole word unless that would lose half of them."""
    if len(text) <= limit or text[limit].isspace():
        return text[:limit]
    head = text[:limit]
    whole = LAST_WORD.sub("", head).rstrip()
    return whole if len(whole) > limit // 2 else head


def is_chinese(text: str) -> bool:
    """Return whether the text has Chinese characters and none that only Japanese or Korean has."""
    return bool(HAN.search(text)) and not KANA_OR_HANGUL.search(text)
