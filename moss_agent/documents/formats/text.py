"""Plain text in UTF-8, UTF-16, GB18030 (GBK, GB2312), Windows-1252, or Windows' Big5, Shift JIS or EUC-KR.

Not covered: other 8-bit encodings, such as KOI8-R, are read as one of these or refused as no text. A few characters
of another East Asian encoding, alone or in a long English text, may be taken for GB18030 or EUC-KR.
"""

from __future__ import annotations

import codecs
import re
from contextlib import suppress
from unicodedata import category

from moss_agent.documents.formats.document import Document, Section, Unreadable

_MARKS = [
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
]
_CANDIDATES = ["gb18030", "cp950", "cp932", "cp949", "cp1252"]
_UTF_16 = ["utf_16_le", "utf_16_be"]
_AS_BROWSERS = {  # what they read a declared encoding as, by Python's names: texts have characters that it lacks
    "ascii": "cp1252", "iso8859-1": "cp1252", "gb2312": "gb18030", "gbk": "gb18030", "big5": "cp950",
    "shift_jis": "cp932", "euc_kr": "cp949",
}  # fmt: skip
_SAMPLE = 1 << 16  # bytes that the encoding is guessed from
_DAMAGED = 0.001  # share of characters that may be wrong in a text that is otherwise good
_SPARSE = 0.125  # share of bytes that are not ASCII; below it, charset-normalizer guesses badly from the whole text
_FEW = 40  # bytes; from 20 characters or fewer it guesses badly too
_BEYOND_HANGUL = b"\xca"  # where EUC-KR has rare characters, and GB2312 many common ones
_HIGH = re.compile(rb"[\x80-\xff]+")
_WORD = re.compile(rb"[\x80-\xff][^\x00-\x2f]*")  # whole characters: none of several bytes has one below 0x30
_WESTERN = re.compile(rb"[\x80-\xff]|[\x92\xa0\xdf-\xff]+")  # in Windows-1252 most stand alone, or are small letters


def read(data: bytes, charset: str = "") -> Document:
    """Return the text. charset: the declared encoding."""
    document = Document()
    document.add(Section(decode(data, charset)))
    return document


def decode(data: bytes, *declared: str) -> str:
    """Return the text of `data`, tried in each of `declared` before a guess. Raises Unreadable if it is no text."""
    marked = next((name for mark, name in _MARKS if data.startswith(mark)), "")
    text = _decoded(data, marked) if marked else None
    if text is None and b"\0" not in data[:_SAMPLE]:  # zeros mean UTF-16 without a mark, or no text
        text = _utf8(data)
    for encoding in declared:
        if text is None:
            text = _declared(data, encoding)
    if text is None:
        text = _guessed(data)
    return _checked(text)


def _utf8(data: bytes) -> str | None:
    """Return `data` in UTF-8, or None if too much of it is wrong, or most of what is not ASCII."""
    with suppress(UnicodeDecodeError):
        return data.decode()
    text = _decoded(data, "utf-8")
    if text is None:
        return None
    wrong = text.count("\ufffd")
    right = len(text) - len(text.encode("ascii", "ignore")) - wrong
    return text if right > wrong else None


def _declared(data: bytes, encoding: str) -> str | None:
    """Return `data` in a declared encoding, or None as `_decoded`."""
    with suppress(LookupError):
        encoding = codecs.lookup(encoding).name
    return _decoded(data, _AS_BROWSERS.get(encoding, encoding))


def _decoded(data: bytes, encoding: str) -> str | None:
    """Return `data` in that encoding, or None if too much of it is wrong or the encoding is none."""
    try:
        text = data.decode(encoding, "replace")
    except (LookupError, UnicodeError):  # some codecs of Python do not replace
        return None
    return text if text.count("\ufffd") <= len(text) * _DAMAGED else None


def _guessed(data: bytes) -> str:
    encoding = _guess(data)
    text = _decoded(data, encoding or "utf-8")
    if text is None and encoding:
        raise Unreadable("binary data after a beginning of text")
    if text is None:
        raise Unreadable("not text in a known encoding: save it as UTF-8")
    return text


def _guess(data: bytes) -> str:
    """Return the likely encoding, judged from where the text is no longer ASCII, or "" if there is none."""
    is_long, first = len(data) > _SAMPLE, _HIGH.search(data)
    start = first.start() // 2 * 2 if is_long and first else 0  # even, because it may be UTF-16
    sample = data[start : start + _SAMPLE]
    if b"\0" in sample:
        return _likely(sample, _CANDIDATES + _UTF_16)
    high = _HIGH.findall(sample)
    is_dense = not is_long and sum(map(len, high)) > len(sample) * _SPARSE
    is_western = sum(bool(_WESTERN.fullmatch(run)) for run in high) >= len(high) * 0.75
    if is_western and not is_dense:
        return "cp1252"
    words = _WORD.findall(sample)
    if start + _SAMPLE < len(data):
        words = words[:-1] or words  # the last may end within a character
    joined = b" ".join(words)
    chinese = _decoded(joined, "gb2312") if len(joined) <= _FEW and not is_western else None
    if chinese and (not is_dense or any(character.encode("gb2312") >= _BEYOND_HANGUL for character in chinese)):
        return "gb18030"
    return _likely(sample, _CANDIDATES + _UTF_16) if is_dense else _likely(joined, _CANDIDATES)


def _likely(sample: bytes, candidates: list[str]) -> str:
    from charset_normalizer import from_bytes

    best = from_bytes(sample, cp_isolation=candidates).best()
    return best.encoding if best else ""


def _checked(text: str) -> str:
    """Return `text`. Raises Unreadable if much of its beginning is control characters, as in binary data."""
    sample = text[:_SAMPLE]
    strange = sum(category(character) in ("Cn", "Co", "Cs") for character in sample)
    strange += sum(character < " " and not character.isspace() for character in sample)
    if strange > len(sample) * 0.02:
        raise Unreadable("not text, whatever its name says")
    return text
