"""Words and everyday notations to symbols, before the text is cut into tokens.

| written | read as |
|---|---|
| `3 times 4`, `divided by`, `plus`, `minus`, `17 mod 5`, `15 percent` | `3 * 4`, `/`, `+`, `-`, `17 % 5`, `15%` |
| `3乘以4`, `除以`, `加上`, `减去`, `5的平方`, `2的10次方`, `百分之5`, `4分之3` | the same in Chinese |
| `square root of 2`, `根号2` | `sqrt 2` |
| `1 1/2`, `2½` | `(1+1/2)`, `(2+1/2)`; `x+y=10 1/2x+y=7` is refused |
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

_ENGLISH = {
    "times": "*", r"multiplied\s+by": "*", r"divided\s+by": "/", "plus": "+", "minus": "-", "mod": " % ",
    r"to\s+the\s+power\s+of": "^", "where": ";", "with": ";", "given": ";",
}  # fmt: skip
_CHINESE = {"乘以": "*", "乘": "*", "除以": "/", "加上": "+", "加": "+", "减去": "-", "减": "-", "和": ";", "且": ";"}
_REQUEST = r"=|solve(?:\s+for\s+[A-Za-z])?\b|求解|解方程组?|方程组?|请?计算|解(?=[:：])"
_ORDER = [
    (rf"^\s*(?:{_REQUEST})\s*[:：]?\s*(?=[A-Za-z0-9({{\[\\.√|-])", ""),
    (r"[;,\s]*\b(?:solve\s+)?for\s+([A-Za-z]\w*)\s*$", r"; \1"),
    (r"(?<!\w)(?:[设令解求若当]|已知|如果|假设|方程|因为|所以)(?=[A-Za-z0-9(])", ""),
    (r"(?<!\w)([^\W\d]\w*)\s*=\s*[?？]\s*(?=[,;，；\n])", r"\1"),
    (r"(?<![\w.])(?:math|numpy|np|cmath)\.(?=[A-Za-z])", ""),
    (r"(?<=\d)_(?=\d{3}(?!\d))", ""),
    (r"(?<=[\d.])\s*percent(?!\w)", "%"),
    (r"百分之(\d+(?:\.\d+)?)", r"(\1%)"),
    (r"(?<![\d.])(\d+)分之(\d+)(?![\d.])", r"(\2/\1)"),
    (r"(?:the\s+)?square\s+root\s+of(?!\w)|根号", " sqrt "),
    (r"(?:the\s+)?cube\s+root\s+of(?!\w)", " cbrt "),
    (r"(?<![\w.])(\d+(?:\.\d+)?)的平方根", r"sqrt(\1)"),
    (r"(?<![\w.])(\d+(?:\.\d+)?)的立方根", r"cbrt(\1)"),
    (r"(?<![\w.])(\d+)的阶乘", r"\1!"),
    (r"\b(sin|cos|tan|cot)\s*(\d+(?:\.\d+)?)\s*(?:°|度)", r"\1(\2°)"),
    (r"(?<![\w.])(\d+(?:\.\d+)?)的(\d+(?:\.\d+)?%)", r"\1*\2"),
    (r"的平方(?!根)", "^2"),
    (r"的立方(?!根)", "^3"),
    (r"的(\d+)次方", r"^\1"),
    *((rf"(?<=[\w)\]%!°])\s+{word}\s+(?=[\w(\[√.-])", symbol) for word, symbol in _ENGLISH.items()),
    *((rf"(?<=[A-Za-z\d)%])\s*{word}\s*(?=[A-Za-z\d(.])", symbol) for word, symbol in _CHINESE.items()),
]
_NOTATIONS = [(re.compile(written, re.IGNORECASE), symbols) for written, symbols in _ORDER]
_TERM, _DOTS = r"\d{1,15}", r"(?:\.{3,}|…+|⋯)"
_SERIES = re.compile(
    rf"((?:^|[(=;])\s*)({_TERM}(?:\s*\+\s*{_TERM})+)\s*\+\s*{_DOTS}\s*\+\s*({_TERM})(?=\s*(?:$|[)=;?+-]))"
)
_MIXED = re.compile(r"(?<![\w.)/^])(?<!\d\s)(\d+)\s+(\d+/\d+)(?![\d.])")
_FACTOR_AND_EQUALS = re.compile(r"\s*\*?\s*(?:[^\W\d]|\()[^;,\n]*=")
FRACTIONS = "¼½¾⅐⅑⅒⅓⅔⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞"
_FRACTION = re.compile(rf"(?<![\d.,{FRACTIONS}])(\d*)([{FRACTIONS}])(?![\d{FRACTIONS}])")


def in_symbols(text: str) -> str:
    """Return the text with the words and notations of the table replaced.

    Raises PluginError for an uneven series, and for what may be a mixed fraction or two equations.
    """
    for written, symbols in _NOTATIONS:
        text = written.sub(symbols, text)
    return _SERIES.sub(_sum, _FRACTION.sub(_fraction, _MIXED.sub(_mixed, text)))


def _mixed(match: re.Match[str]) -> str:
    before = re.split(r"[;,\n]", match.string[: match.start()])[-1]
    if "=" in before and _FACTOR_AND_EQUALS.match(match.string, match.end()):
        raise PluginError(f"{match[0]} can be read in two ways")
    return f"({match[1]}+{match[2]})"


def _fraction(match: re.Match[str]) -> str:
    whole, fraction = match.groups()
    above, below = unicodedata.normalize("NFKC", fraction).split("\u2044")
    return f"({whole or 0}+{above}/{below})"


def _sum(match: re.Match[str]) -> str:
    before, terms, end = match.groups()
    first, second, *others = [int(term) for term in terms.split("+")]
    last, step, shown = int(end), second - first, [first, second, *others]
    if step <= 0 or (last - first) % step or last <= shown[-1] or shown != list(range(first, shown[-1] + 1, step)):
        raise PluginError(f"the steps of the series {match[0].strip()[:40]} are not equal")
    return before + str((first + last) * ((last - first) // step + 1) // 2)
