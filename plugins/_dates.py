"""The days between two dates, for the calculator: `2022-09-01 - 1998-11-20`.

`2022/9/1`, `2022.9.1` and `2022年9月1日` are dates too. Any other expression that holds something like
`2022-09-01` or `9月1日` is refused: it hardly means a subtraction.
"""

from __future__ import annotations

import re
from datetime import date

from moss_agent.errors import PluginError

_DATE = r"(\d{4}(?:-\d{1,2}-|/\d{1,2}/|\.\d{1,2}\.|年\d{1,2}月)\d{1,2})日?"
_DIFFERENCE = re.compile(rf"\s*{_DATE}\s*[-−–—]\s*{_DATE}\s*[=?？]*\s*", re.ASCII)
_LIKE_A_DATE = re.compile(r"(?<![\d.])(?:19|20)\d\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])(?![\d.])|\d月\d")


def days_between(text: str) -> int | None:
    """The days in `later - earlier`, None if `text` holds nothing like a date.

    Raises PluginError for a date that does not exist, or that stands in another expression.
    """
    if match := _DIFFERENCE.fullmatch(text):
        later, earlier = (_date(part) for part in match.groups())
        return (later - earlier).days
    if _LIKE_A_DATE.search(text):
        raise PluginError("this looks like a date, and only `date - date` is known")
    return None


def _date(text: str) -> date:
    try:
        return date(*(int(part) for part in re.split(r"\D", text)))
    except ValueError:
        raise PluginError(f"there is no date {text}") from None
