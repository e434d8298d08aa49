"""Numbers in texts: which there are, and whether a text states a value.

Read are `1,234.5`, `.5`, `-12`, 零下5, `±4`, `1e6`, `160/3` in lowest terms, `1 1/2`, `1½`, `3.5万`, full-width digits,
and LaTeX's `1{,}234` and `\\frac{160}{3}`. With a blank behind it, a minus is a bullet or a dash, unless it follows `=`
or `(`. A fraction with its result behind it (`7/2 = 3.5`) is a computation, not a number. A value that was rounded
counts as stated if at least two decimals and two digits are left, or one decimal behind two other digits: 66.7 for
66.666..., not 67; 0.051 for 0.0512, not 0.05. A value with two decimals and three digits or more may be rounded itself:
78.5398 states 78.54, but 0.254 does not state 0.25.
Not covered: numbers in words, such as "twelve" or 十二; raised exponents (10⁸), which are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import gcd
from unicodedata import normalize

LONGEST = 400  # digits of a number, and the largest exponent
CLOSE = Fraction(1, 10**9)  # relative, of values that were computed in other ways
CUT = Fraction(1, 10**5)  # of values with three decimals or more, such as 33.5999 for 33.59999999999999

_NUMBER = re.compile(
    r"(?P<minus>(?:(?<![A-Za-z0-9_.)\]])-|(?:(?<=[=(])|(?<=[=(]\s))-\s)[$¥€£]?)?(?<![A-Za-z_\d.])"
    r"(?P<whole>\d{1,3}(?:,\d{3})+(?!\d)|\d+|(?=\.\d))(?P<decimals>\.\d+)?(?:[eE](?P<exponent>[+-]?\d{1,4})(?!\w))?"
    r"(?:\s?/\s?(?P<divisor>[1-9]\d*)(?!\d|\.\d))?(?:\s?(?P<scale>[万亿]))?"
)
_SCALES = {"万": 10**4, "亿": 10**8}
_SIGNS = str.maketrans("−－–⁄", "---/")
_RAISED = re.compile("[⁺⁻]?[⁰¹²³⁴-⁹]+")
_VULGAR = re.compile("(?=[¼-¾⅐-⅟↉])")  # the place before a fraction that is one character
_MIXED = re.compile(r"(?<![\w.,/])(\d{1,9}) (\d{1,9})/(\d{1,9})(?![\d/]|\.\d)")
_BOTH = re.compile(r"(?:±|\+/-|正负)\s?([\d.,/]*\d)")
_MINUS = re.compile(r"(?:(?<!\d)负|零下|(?:^|(?<=\b[Ii]s )|(?<==)|(?<== ))[Mm]inus)\s?(?=[\d.])", re.MULTILINE)
_GROUPED = re.compile(r"(?<![\d.])\d{1,3}(?:(?:\{,\}|\\,|[\u2009\u202f])\d{3})+(?!\d)")  # by LaTeX or thin spaces
_FRAC = re.compile(r"(\d?)\\[dt]?frac\{(-?\d+)\}\{(\d+)\}")
_RESULT = re.compile(r"\s*[=≈]\s*[-$¥€£]*\d[\d.,]*(?![\d.,]|\s?[%/])")  # of a fraction, in the same form
_DENIED = r"(?<!\bnot )(?<!n['’]t )(?<!不)(?<!不是)(?<!并非)"  # no such word right before it
_CITATION = re.compile(r"<sup>\s*<\|\d+\|>\s*</sup>|<\|\d+\|>")
_SENTENCE = re.compile(r"[。！？!?\n]+|\.(?=\s|\Z)")
_MARKED = re.compile(r"(?m)\\boxed\{([^{}]*)\}|^#{4}\s*(?!\d+[.)] )([-$¥€£]*[\d.].*)")  # no heading `#### 2. Legs`


@dataclass(frozen=True)
class Number:
    """A number as it was written. decimals: how many it has; digits: all but leading zeros; unit: what one stands for.

    is_plain: whether it is an integer of digits alone, which nothing has rounded.
    """

    value: Fraction
    decimals: int = 0
    digits: int = 0
    unit: int = 1
    is_plain: bool = False

    def states(self, exact: Number) -> bool:
        """Return whether it is that value, perhaps rounded, or that value rounded; or cut behind many digits."""
        if self.is_close(exact, CUT if self.decimals >= 3 else CLOSE):
            return True
        off = abs(self.value - exact.value)
        is_rounded = self.decimals >= 1 and self.digits >= (2 if self.decimals >= 2 else 3)
        may_be_rounded = exact.decimals >= 2 and exact.digits >= 3
        return (is_rounded and off <= self._half) or (may_be_rounded and off <= exact._half)

    def is_close(self, exact: Number, share: Fraction = CLOSE) -> bool:
        """Return whether it is that value; unless both are plain, it may be off by that share of it."""
        if self.is_plain and exact.is_plain:
            return self.value == exact.value
        return abs(self.value - exact.value) <= share * abs(exact.value)

    @property
    def _half(self) -> Fraction:
        """Half of what the last decimal stands for."""
        return Fraction(self.unit, 2 * 10**self.decimals)


def numbers(text: str) -> list[Number]:
    """Return the numbers in the order in which they stand there."""
    return list(_numbers(_plain(text)))


def number(text: str) -> Number | None:
    """Return the number that the text is, with a sign of money or percent at most; None if it is none."""
    plain = _plain(text).strip().strip("$¥€£%").strip()
    if plain.startswith("-"):  # as a whole it can be no bullet
        plain = "-" + plain[1:].lstrip()
    found = _NUMBER.fullmatch(plain)
    return _read(found) if found else None


def are_close(some: Sequence[Number], others: Sequence[Number]) -> bool:
    """Return whether these are the same values, in any order, each as often."""
    ordered = [sorted(each, key=lambda made: made.value) for each in (some, others)]
    return len(some) == len(others) and all(one.is_close(other) for one, other in zip(*ordered, strict=True))


def states_all(text: str, wanted: Sequence[Number]) -> bool:
    """Return whether all values stand in the text; once is enough for equal ones."""
    found = numbers(text)
    return all(any(each.states(value) for each in found) for value in wanted)


def states_each(text: str, wanted: Sequence[Number]) -> bool:
    """Return whether all values stand in the text, equal ones as often as they are wanted."""
    found, values = numbers(text), [each.value for each in wanted]
    return all(sum(each.states(value) for each in found) >= values.count(value.value) for value in wanted)


def concludes(text: str, wanted: Number, question: str) -> bool:
    """Return whether the text comes to that value: it stands in the last sentence that has a number of its own.

    Numbers of the question are not its own, unless it has no others or the value is one of them. What is marked as the
    answer (`####`, a box) counts instead.
    """
    plain = _plain(text)
    marked = [list(_numbers(found[1] or found[2])) for found in _MARKED.finditer(plain) if found[1] or found[2]]
    if last_marked := next((found for found in reversed(marked) if found), None):
        return any(each.states(wanted) for each in last_marked)
    given = {each.value for each in numbers(question)}
    sentences = [list(_numbers(sentence)) for sentence in _SENTENCE.split(plain)]
    own = [[each for each in found if each.value not in given or wanted.value in given] for found in sentences]
    last = next((found for found in reversed(own) if found), None)
    if last is None:
        last = [each for found in sentences for each in found]
    return any(each.states(wanted) for each in last)


def contains(text: str, wanted: str) -> bool:
    """Return whether the words stand in the text, other than denied; case and forms of letters make no difference."""
    plain, sought = (normalize("NFKC", each).casefold() for each in (text, wanted.strip()))
    before = r"(?<![a-z0-9])" if sought[:1].isascii() and sought[:1].isalnum() else ""
    behind = r"(?![a-z0-9])" if sought[-1:].isascii() and sought[-1:].isalnum() else ""
    return bool(sought) and re.search(_DENIED + before + re.escape(sought) + behind, plain) is not None


def _plain(text: str) -> str:
    """Return the text in plain digits and signs, without citations and exponents; ±4, 1½ and LaTeX written out."""
    grouped = _GROUPED.sub(lambda found: re.sub(r"\D", "", found[0]), _CITATION.sub(" ", text))
    apart = _VULGAR.sub(" ", _RAISED.sub("", _FRAC.sub(_divided, grouped)))
    signed = _BOTH.sub(r", \1, -\1", normalize("NFKC", apart).translate(_SIGNS))
    return _MIXED.sub(_joined, _MINUS.sub("-", signed))


def _divided(found: re.Match[str]) -> str:
    r"""Return `\frac{1}{2}` as `1/2`, apart from a number before it."""
    before, part, divisor = found.groups()
    return f"{before}{' ' if before else ''}{part}/{divisor}"


def _joined(found: re.Match[str]) -> str:
    """Return `1 1/2` as `3/2`; what is no such number as it is."""
    whole, part, divisor = map(int, found.groups())
    is_mixed = 0 < part < divisor and gcd(part, divisor) == 1
    return f"{whole * divisor + part}/{divisor}" if is_mixed else found[0]


def _numbers(plain: str) -> Iterator[Number]:
    for found in _NUMBER.finditer(plain):
        made = _read(found)
        if made and not (found["divisor"] and _RESULT.match(plain, found.end())):
            yield made
        if found["divisor"] and (made is None or made.value.denominator == 1):
            yield from _numbers(f"{found['whole']}{found['decimals'] or ''} {found['divisor']}")


def _read(found: re.Match[str]) -> Number | None:
    """Return the number; None if it is too long, or a division that has not been made."""
    whole, decimals = found["whole"].replace(",", ""), (found["decimals"] or "")[1:]
    exponent, divisor = int(found["exponent"] or 0), found["divisor"] or "1"
    if max(len(whole) + len(decimals), abs(exponent), len(divisor)) > LONGEST:
        return None
    if divisor != "1" and (decimals or exponent or gcd(int(whole), int(divisor)) != 1):
        return None
    unit = _SCALES.get(found["scale"] or "", 1)
    value = Fraction(int(whole + decimals), 10 ** len(decimals)) * Fraction(10) ** exponent / int(divisor) * unit
    shown, digits = 0 if exponent else len(decimals), len((whole + decimals).lstrip("0"))
    is_plain = not (decimals or exponent or found["scale"]) and divisor == "1"
    return Number(-value if found["minus"] else value, shown, digits, unit, is_plain)
