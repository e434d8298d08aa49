"""Text to tokens: how the calculator and the equation solver read characters.

| written | read as |
|---|---|
| `× · ⋅ ∙`, `÷ ∕`, `− – —`, `≤ ≥ ≠`, `、` | `*`, `/`, `-`, `<= >= !=`, `,` |
| `x²`, `x⁻¹⁰`, `√`, `∛`, `π` | `x^(2)`, `x^(-10)`, `sqrt`, `cbrt`, `pi` |
| fullwidth digits, letters and punctuation, subscripts | their plain form |
| `12`, `1.5`, `.5`, `6e8`, `0x1F`, `0b101`, `0o17` | numbers; only the first and the last three are integers |
| `1,234,567` outside the arguments of a function | one number |
| `x+y=35,100=2x+4y` | two equations, since an equals sign stands on both sides of the number |
| `3万`, `2.5亿`, `1亿2千万`, `4 million`, `7 billion` | the number times its magnitude |
| `$ € £ ¥ ₹` | tokens of kind `unit` |
| newline, `&`, `&&`, `and` | `;` |
| `50% of 80` | `50% * 80` |
| `x!=3`, `5 !=3` | "not equal"; `5!=120` is the factorial and `=`, `x+2!=5` is refused (`reading.py`) |
| a trailing `=`, `=?`, `等于多少` | nothing: it only asks |

Before that, LaTeX and words are replaced (`latex.py`, `wording.py`). Invisible format characters are
dropped; any other character that is not listed is an error that names it, and so are the words that only
a sentence has (`or`, `if`) and those for what is no number (`nan`, `inf`). Whatever else looks like a name is one.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from moss_agent.errors import PluginError

from .latex import without_latex
from .names import is_sentence
from .wording import FRACTIONS, in_symbols

MAX_LENGTH = 4000  # characters; below the 4300 digits that Python converts to an integer
MAX_EXPONENT = 400  # of a literal such as 6e8; doubles end at 308

_SYMBOLS = str.maketrans(
    {
        **dict.fromkeys("×✕·⋅∙•∗", "*"),
        **dict.fromkeys("÷∕⁄", "/"),
        **dict.fromkeys("−–—‒﹣", "-"),
        "≤": "<=", "≥": ">=", "≠": " !=", "、": ",", "。": " ", "℃": " 度",
        "√": " sqrt ", "∛": " cbrt ", "π": " pi ", "￥": "¥",
    }
)  # fmt: skip
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻", "0123456789+-")
_PLAIN_FORMS = ("<wide>", "<narrow>", "<sub>", "<square>", "<font>")
_QUESTION = re.compile(r"(?:\s*=+|\s*等于)\s*(?:[?？]+|多少[?？]?)?\s*$|\s*是多少[?？]?\s*$|\s*[?？]+\s*$")
_MAGNITUDES = {
    "千": 10**3, "万": 10**4, "百万": 10**6, "千万": 10**7, "亿": 10**8, "百亿": 10**10, "千亿": 10**11, "万亿": 10**12,
    "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12,
}  # fmt: skip
_WORDS = {"and": ("operator", ";"), "of": ("operator", "*")}
_NO_NUMBERS = frozenset(["nan", "inf", "infinity"])
_RESERVED = frozenset(["or", "for", "if", "when", "find", "let", "then", "where", "或", "或者", "求", "若"])
_TOKEN = re.compile(
    r"""
    (?P<radix>0[xX][0-9A-Fa-f]+|0[bB][01]+|0[oO][0-7]+)(?!\w)
  | (?P<grouped>[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?)(?![0-9.]|,[0-9])
  | (?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)(?!\.)
  | (?P<name>[^\W\d_]\w*)
  | (?P<space>[^\S\n]+)
  | (?P<line>[\n;]|&&?)
  | (?P<unit>[$€£¥₹])
  | (?P<operator>\*\*|//|<=|>=|==|(?<![0-9)!])!=|[-+*/^%!°(){}\[\]|,:=<>])
    """,
    re.VERBOSE,
)
_MAGNITUDE = re.compile(
    r"\s*(?:(百万|千万|百亿|千亿|万亿|千(?!克|米|瓦)|万|亿)|(thousand|million|billion|trillion)(?![^\W\d_]))",
    re.IGNORECASE,
)
_DIGITS = re.compile("(?P<number>[0-9]+)")
_PART = re.compile(r"[;,\n&]|(?<=[\w)\]])\s+(?=[\w(\[])")  # what separates equations
_EQUALS, _LETTER = re.compile("(?<![<>!=])=+"), re.compile(r"[^\W\d_]")


@dataclass(frozen=True)
class Token:
    """One token. `kind` is number, name, unit, operator or end; `value` is set for numbers only.

    spaced: whether white space stands before it.
    """

    kind: str
    text: str
    value: int | Fraction = 0
    spaced: bool = False


END = Token("end", "the end")


def tokenize(text: str) -> list[Token]:
    """Return the tokens of `text`, closed by `END`. Raises PluginError naming the character or the limit."""
    if len(text) > MAX_LENGTH:
        raise PluginError(f"the argument has {len(text)} characters, the limit is {MAX_LENGTH}")
    return [*_scan(_plain(text)), END]


def _plain(text: str) -> str:
    """Return the text in plain characters and symbols, without a trailing question."""
    text = re.sub("[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻]+", lambda m: f"^({m.group().translate(_SUPERSCRIPTS)})", text)
    text = "".join(_plain_character(c) for c in text.translate(_SYMBOLS))
    return _QUESTION.sub("", in_symbols(without_latex(text)))


def _plain_character(character: str) -> str:
    if unicodedata.category(character) == "Cf":
        return ""
    if unicodedata.decomposition(character).startswith(_PLAIN_FORMS):
        return unicodedata.normalize("NFKC", character)
    if unicodedata.category(character)[0] == "N" and not character.isascii() and character not in FRACTIONS:  # as ①
        raise PluginError(f"unexpected character {character!a}")
    return character


def _scan(text: str) -> Iterator[Token]:
    position = 0
    calls: list[bool] = []  # for each open bracket: do its commas separate arguments?
    previous, spaced = END, False
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise PluginError(f"unexpected character {text[position]!a}")
        if match.lastgroup == "grouped" and (any(calls) or _is_seam(text, match)):
            match = _DIGITS.match(text, position) or match
        position = match.end()
        if match.lastgroup == "space":
            spaced = True
            continue
        token, spaced = replace(_token(match, previous), spaced=spaced), False
        if token.kind == "number":
            position, token = _with_magnitudes(token, text, position)
        if token.text in "([{":
            calls.append(previous.kind == "name")
        elif token.text in ")]}" and calls:
            calls.pop()
        yield token
        previous = token


def _is_seam(text: str, number: re.Match[str]) -> bool:
    """Return whether the comma is between two equations, as in `x+y=35,100=2x+4y`.

    Raises PluginError if it may be, as in `x=1,100-x`, `x+y=1,100x=200` or `a = 1,200 = b`.
    """
    before = _PART.split(text[: number.start()])[-1].strip()
    after = _PART.split(text[number.end() - 1 :])[0][1:]
    equals = [len(_EQUALS.findall(side)) if _LETTER.search(side) else 0 for side in (before, after)]
    is_before_name = "=" in text and ";" not in text and re.match(r"\s*[-+*/]?\s*[A-Za-z]", text[number.end() :])
    is_clear = equals == [1, 1] and number.group().count(",") == 1 and not re.search(r"\s", before + after)
    if is_before_name or (all(equals) and not is_clear):
        raise PluginError(f"{number.group()} can be read in two ways")
    return is_clear


def _with_magnitudes(token: Token, text: str, position: int) -> tuple[int, Token]:
    """Return the number with what follows it: `4 million`, `1亿2千万`."""
    total: int | Fraction = 0
    value, least = token.value, math.inf
    while magnitude := _MAGNITUDE.match(text, position):
        factor = _MAGNITUDES[magnitude.group().strip().lower()]
        if factor >= least:
            raise PluginError(f"{magnitude.group()} after a smaller magnitude")
        total, least, position = total + value * factor, factor, magnitude.end()
        more = _DIGITS.match(text, position)
        if magnitude[1] is None or more is None:
            return position, replace(token, value=total)
        value, position = int(more.group()), more.end()
    if total and value < 10:
        raise PluginError(f"{token.text} with a magnitude and {value} can be read in two ways")
    return position, replace(token, value=total + value)


def _token(match: re.Match[str], previous: Token) -> Token:
    kind, text = str(match.lastgroup), match.group()
    if kind == "radix":
        return Token("number", text, int(text, 0))
    if kind in ("number", "grouped"):
        return Token("number", text, _number(text.replace(",", "")))
    if text.lower() == "of" and previous.kind == "name":  # `sum of x and y`
        raise PluginError(f"the words {previous.text[:40]} of are not understood here")
    if kind == "name" and text.lower() in _WORDS:
        return Token(*_WORDS[text.lower()])
    if kind == "name" and (text.lower() in _RESERVED or is_sentence(text)):
        raise PluginError(f"the word {text[:40]!r} is not understood here")
    if kind == "name" and text.lower() in _NO_NUMBERS:
        raise PluginError(f"unknown name {text!r}: it stands for no number")
    if kind == "line":
        return Token("operator", ";")
    return Token(kind, {"**": "^", "==": "="}.get(text, text))


def _number(text: str) -> int | Fraction:
    """Return the literal's exact value: an int as it is written, a Fraction for a decimal, even 2.0."""
    if text.isdigit():
        if text[0] == "0" and len(text) > 1:
            raise PluginError(f"{text[:40]} begins with 0: not an integer, perhaps part of a date or a time")
        return int(text)
    _, _, exponent = text.lower().partition("e")
    if exponent and (len(exponent) > 5 or abs(int(exponent)) > MAX_EXPONENT):
        raise PluginError(f"the exponent of {text[:40]} is beyond {MAX_EXPONENT}")
    return Fraction(text)
