"""Plain text in UTF-8, UTF-16, GB18030 (GBK, GB2312), Big5, Shift JIS, EUC-KR or Windows-1252.

Not covered: other 8-bit encodings, such as KOI8-R, are read as one of these or refused as no text.
"""

from __future__ import annotations

import codecs
from unicodedata import category

from moss_agent.documents.formats.document import Document, Section, Unreadable

_MARKS = [
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
]
_CANDIDATES = ["gb18030", "big5", "utf_16_le", "utf_16_be", "shift_jis", "euc_kr", "cp1252"]
_SAMPLE = 1 << 16  # bytes that the encoding is guessed from
_DAMAGED = 0.001  # share of characters that may be wrong in a text that is otherwise good


def read(data: bytes, charset: str = "") -> Document:
    """Return the text. charset: the declared encoding."""
    document = Document()
    document.add(Section(decode(data, charset)))
    return document


def decode(data: bytes, declared: str = "") -> str:
    """Return the text of `data`, tried in `declared` before anything is guessed. Raises Unreadable if it is no text."""
    marked = next((name for mark, name in _MARKS if data.startswith(mark)), "")
    usual = "" if b"\0" in data[:_SAMPLE] else "utf-8"  # zeros mean UTF-16 without a mark, or no text
    for encoding in filter(None, (marked, usual, declared)):
        text = _decoded(data, encoding)
        if text is not None:
            return _checked(text)
    text = _decoded(data, _guess(data))
    if text is None:
        raise Unreadable("binary data after a beginning of text")
    return _checked(text)


def _decoded(data: bytes, encoding: str) -> str | None:
    """Return `data` in that encoding, or None if too much of it is wrong or the encoding is none."""
    try:
        text = data.decode(encoding, "replace")
    except (LookupError, UnicodeError):  # some codecs of Python do not replace
        return None
    return text if text.count("\ufffd") <= len(text) * _DAMAGED else None


def _guess(data: bytes) -> str:
    from charset_normalizer import from_bytes

    best = from_bytes(data[:_SAMPLE], cp_isolation=_CANDIDATES).best()
    if best is None:
        raise Unreadable("not text in a known encoding: save it as UTF-8")
    return best.encoding


def _checked(text: str) -> str:
    """Return `text`. Raises Unreadable if much of its beginning is control characters, as in binary data."""
    sample = text[:_SAMPLE]
    strange = sum(category(character) in ("Cn", "Co", "Cs") for character in sample)
    strange += sum(character < " " and not character.isspace() for character in sample)
    if strange > len(sample) * 0.02:
        raise Unreadable("not text, whatever its name says")
    return text
