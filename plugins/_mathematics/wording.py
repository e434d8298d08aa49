"""Words and everyday notations to symbols, before the text is cut into tokens.

| written | read as |
|---|---|
| `3 times 4`, `divided by`, `plus`, `minus`, `17 mod 5`, `15 percent` | `3 * 4`, `/`, `+`, `-`, `%`, `15%` |
| `3乘以4`, `除以`, `加上`, `减去`, `5的平方`, `2的10次方`, `百分之5`, `4分之3` | the same in Chinese |
| `square root of 2`, `根号2` | `sqrt 2` |
| `1 1/2`, `2½` | `(1+1/2)`, `(2+1/2)` |
| `1+2+3+...+100` | the sum of the series, if its steps are equal |
| `math.sqrt(2)`, `1_000_000` | `sqrt(2)`, `1000000` |
| `x = ?, 2x = 10`, `= 5*6` | `x, 2x = 10`, `5*6` |
| `2x=10 for x` | `2x=10; x` |
| `solve 2x=10`, `解方程：2x=10`, `设x=1`, `2x+1 where x=3` | without the word, or with `;` in its place |
"""

from __future__ import annotations

import re
import unicodedata

from moss_agent.errors import PluginError

_VALUE_BEFORE, _VALUE_AFTER = r"(?<=[\w)\]%!°])", r"(?=[\w(\[√.-])"
_ENGLISH = {
    "times": "*", r"multiplied\s+by": "*", r"divided\s+by": "/", "plus": "+", "minus": "-", "mod": " % ",
    r"to\s+the\s+power\s+of": "^", "where": ";", "with": ";", "given": ";",
}  # fmt: skip
_CHINESE = {"乘以": "*", "乘": "*", "除以": "/", "加上": "+", "加": "+", "减去": "-", "减": "-", "和": ";", "且": ";"}
_NOTATIONS = [
    (re.compile(r"^\s*(?:=|solve(?:\s+for\s+[A-Za-z])?\b|求解|解方程组?|计算)\s*[:：]?\s*", re.IGNORECASE), ""),
    (re.compile(r"[;,\s]*\b(?:solve\s+)?for\s+([A-Za-z]\w*)\s*$", re.IGNORECASE), r"; \1"),
    (re.compile(r"(?<!\w)[设令解求](?=[A-Za-z0-9(])"), ""),
    (re.compile(r"(?<!\w)([^\W\d]\w*)\s*=\s*[?？]\s*(?=[,;，；\n])"), r"\1"),
    (re.compile(r"(?<![\w.])(?:math|numpy|np|cmath)\.(?=[A-Za-z])"), ""),
    (re.compile(r"(?<=\d)_(?=\d{3}(?!\d))"), ""),
    (re.compile(r"(?<=[\d.])\s*percent(?!\w)", re.IGNORECASE), "%"),
    (re.compile(r"百分之(\d+(?:\.\d+)?)"), r"(\1%)"),
    (re.compile(r"(?<![\d.])(\d+)分之(\d+)(?![\d.])"), r"(\2/\1)"),
    (re.compile(r"(?:the\s+)?square\s+root\s+of(?!\w)|根号", re.IGNORECASE), " sqrt "),
    (re.compile(r"的平方(?!根)"), "^2"),
    (re.compile(r"的立方(?!根)"), "^3"),
    (re.compile(r"的(\d+)次方"), r"^\1"),
    *((re.compile(rf"{_VALUE_BEFORE}\s+{w}\s+{_VALUE_AFTER}", re.IGNORECASE), s) for w, s in _ENGLISH.items()),
    *((re.compile(rf"(?<=[\d)%])\s*{w}\s*(?=[\d(.])"), s) for w, s in _CHINESE.items()),
    *((re.compile(rf"{_VALUE_BEFORE}\s+{w}\s+{_VALUE_AFTER}"), s) for w, s in _CHINESE.items()),
    (re.compile(r"(?<![\w.)])(\d+)\s+(\d+/\d+)(?![\d.])"), r"(\1+\2)"),
]
FRACTIONS = "¼½¾⅐⅑⅒⅓⅔⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞"
_FRACTION = re.compile(f"(\\d*)([{FRACTIONS}])")
_SERIES = re.compile(
    r"(?<![\w.*/^)])(\d{1,15}(?:\s*\+\s*\d{1,15})+)\s*\+\s*(?:\.{3,}|…+|⋯)\s*\+\s*(\d{1,15})(?![\d.*/^!%])"
)


def in_symbols(text: str) -> str:
    """The text with the words and notations of the table replaced. Raises PluginError for an uneven series."""
    for pattern, symbols in _NOTATIONS:
        text = pattern.sub(symbols, text)
    return _SERIES.sub(_sum, _FRACTION.sub(_fraction, text))


def _fraction(match: re.Match[str]) -> str:
    whole, fraction = match.groups()
    above, below = unicodedata.normalize("NFKC", fraction).split("\u2044")
    return f"({whole or 0}+{above}/{below})"


def _sum(match: re.Match[str]) -> str:
    first, second, *others = [int(term) for term in match[1].split("+")]
    last, step = int(match[2]), second - first
    shown = [first, second, *others]
    if step <= 0 or (last - first) % step or last <= shown[-1] or shown != list(range(first, shown[-1] + 1, step)):
        raise PluginError(f"the steps of the series {match[0][:40]} are not equal")
    return str((first + last) * ((last - first) // step + 1) // 2)
