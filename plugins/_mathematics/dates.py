"""The days between two dates, for the calculator: `2022-09-01 - 1998-11-20`.

`2022/9/1`, `2022.9.1` and `2022年9月1日` are dates too. In parentheses, a difference of two dates may be
part of an expression. Anything else that looks like `2022-09-01` or `9月1日` is refused: it hardly means a
subtraction.
"""

from __future__ import annotations

import re
from datetime import date

from moss_agent.errors import PluginError

_YEAR, _TWO = r"(?:19|20)\d\d", r"\d{1,2}"
_DATE = rf"({_YEAR}-{_TWO}-{_TWO}|\d{{4}}年{_TWO}月{_TWO})日?"
_ANY_DATE = rf"({_YEAR}(?:-{_TWO}-|/{_TWO}/|\.{_TWO}\.){_TWO}|\d{{4}}年{_TWO}月{_TWO})日?"
_MINUS = r"\s*[-−–—]\s*"
_DIFFERENCE = re.compile(rf"\s*{_ANY_DATE}{_MINUS}{_ANY_DATE}\s*[=?？]*\s*", re.ASCII)
_INNER = re.compile(rf"\(\s*{_DATE}{_MINUS}{_DATE}\s*\)", re.ASCII)
_LIKE_A_DATE = re.compile(r"(?<![\d.])(?:19|20)\d\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])(?![\d.])|\d月\d")
_LIKE_TWO_DATES = re.compile(rf"{_YEAR}-{_TWO}-{_TWO}(?!\d).*(?<!\d){_YEAR}-{_TWO}-{_TWO}(?!\d)", re.DOTALL)


def with_days(text: str) -> str:
    """Return the text with each `later - earlier` replaced by its number of days.

    Raises PluginError for a date that does not exist, or that stands in another expression.
    """
    text = _days(match) if (match := _DIFFERENCE.fullmatch(text)) else _INNER.sub(_days, text)
    if _LIKE_A_DATE.search(text) or _LIKE_TWO_DATES.search(text):
        raise PluginError("this looks like a date, and only `date - date` is known")
    return text


def _days(match: re.Match[str]) -> str:
    return f"({(_date(match[1]) - _date(match[2])).days})"


def _date(text: str) -> date:
    try:
        return date(*(int(part) for part in re.split(r"\D", text)))
    except ValueError:
        raise PluginError(f"there is no date {text}") from None
