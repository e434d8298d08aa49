"""Text to tokens: how the calculator and the equation solver read characters.

| written | read as |
|---|---|
| `× · ⋅ ∙`, `÷ ∕`, `− – —`, `≤ ≥ ≠`, `、` | `*`, `/`, `-`, `<= >= !=`, `,` |
| `x²`, `x⁻¹⁰`, `√`, `∛`, `π` | `x^(2)`, `x^(-10)`, `sqrt`, `cbrt`, `pi` |
| fullwidth digits, letters and punctuation, subscripts | their plain form |
| `12`, `1.5`, `.5`, `6e8`, `0x1F`, `0b101`, `0o17` | numbers; only the first and the last three are integers |
| `1,234,567` outside the arguments of a function | one number |
| `3万`, `2.5亿`, `4 million`, `7 billion` | the number times its magnitude |
| `$ € £ ¥ ₹` | tokens of kind `unit` |
| newline, `and`, `且` | `;` |
| `50% of 80` | `50% * 80` |
| `x!=3`, `5 !=3` | "not equal"; `5!=120` is the factorial and `=` |
| a trailing `=`, `=?`, `等于多少` | nothing: it only asks |

Invisible format characters are dropped; any other character that is not listed is an error that
names it. Words are not judged here: whatever looks like a name is a name.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from moss_agent.errors import PluginError

MAX_LENGTH = 4000  # characters; below the 4300 digits that Python converts to an integer
MAX_EXPONENT = 400  # of a literal such as 6e8; doubles end at 308

_SYMBOLS = str.maketrans(
    {
        **dict.fromkeys("×✕·⋅∙•∗", "*"),
        **dict.fromkeys("÷∕⁄", "/"),
        **dict.fromkeys("−–—‒﹣", "-"),
        "≤": "<=", "≥": ">=", "≠": " !=", "、": ",", "。": " ", "且": ";",
        "√": " sqrt ", "∛": " cbrt ", "π": " pi ", "￥": "¥",
    }
)  # fmt: skip
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻", "0123456789+-")
_PLAIN_FORMS = ("<wide>", "<narrow>", "<sub>", "<square>", "<font>")
_QUESTION = re.compile(r"(?:\s*=+|\s*等于)\s*(?:[?？]+|多少[?？]?)?\s*$|\s*[?？]+\s*$")
_MAGNITUDES = {
    "万": 10**4, "百万": 10**6, "千万": 10**7, "亿": 10**8, "百亿": 10**10, "千亿": 10**11, "万亿": 10**12,
    "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12,
}  # fmt: skip
_WORDS = {"and": ("operator", ";"), "of": ("operator", "*")}
_TOKEN = re.compile(
    r"""
    (?P<radix>0[xX][0-9A-Fa-f]+|0[bB][01]+|0[oO][0-7]+)(?!\w)
  | (?P<grouped>[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?)(?![0-9.]|,[0-9])
  | (?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)(?!\.)
  | (?P<name>[^\W\d_]\w*)
  | (?P<space>[^\S\n]+)
  | (?P<line>[\n;])
  | (?P<unit>[$€£¥₹])
  | (?P<operator>\*\*|//|<=|>=|==|(?<![0-9)!])!=|[-+*/^%!°(){}\[\]|,=<>])
    """,
    re.VERBOSE,
)
_MAGNITUDE = re.compile(
    r"\s*(?:(百万|千万|百亿|千亿|万亿|万|亿)|(thousand|million|billion|trillion)(?![^\W\d_]))", re.IGNORECASE
)


@dataclass(frozen=True)
class Token:
    """One token. `kind` is number, name, unit, operator or end; `value` is set for numbers only."""

    kind: str
    text: str
    value: int | Fraction = 0


END = Token("end", "the end")


def tokenize(text: str) -> list[Token]:
    """The tokens of `text`, closed by `END`. Raises PluginError naming the character or the limit."""
    if len(text) > MAX_LENGTH:
        raise PluginError(f"the argument has {len(text)} characters, the limit is {MAX_LENGTH}")
    return [*_scan(_plain(text)), END]


def _plain(text: str) -> str:
    """The text in plain characters, without a trailing question."""
    text = re.sub("[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻]+", lambda m: f"^({m.group().translate(_SUPERSCRIPTS)})", text)
    text = "".join(_plain_character(c) for c in text.translate(_SYMBOLS))
    return _QUESTION.sub("", text)


def _plain_character(character: str) -> str:
    if unicodedata.category(character) == "Cf":
        return ""
    if unicodedata.decomposition(character).startswith(_PLAIN_FORMS):
        return unicodedata.normalize("NFKC", character)
    if unicodedata.category(character)[0] == "N" and not character.isascii():  # such as ½ and ①
        raise PluginError(f"unexpected character {character!a}")
    return character


def _scan(text: str) -> Iterator[Token]:
    position = 0
    calls: list[bool] = []  # for each open bracket: do its commas separate arguments?
    previous = END
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise PluginError(f"unexpected character {text[position]!a}")
        if match.lastgroup == "grouped" and any(calls):
            match = re.compile("(?P<number>[0-9]+)").match(text, position)
            assert match is not None
        position = match.end()
        if match.lastgroup == "space":
            continue
        token = _token(match)
        if token.kind == "number" and (magnitude := _MAGNITUDE.match(text, position)):
            factor = _MAGNITUDES[magnitude.group().strip().lower()]
            position, token = magnitude.end(), Token("number", token.text, token.value * factor)
        if token.text in "([{":
            calls.append(previous.kind == "name")
        elif token.text in ")]}" and calls:
            calls.pop()
        yield token
        previous = token


def _token(match: re.Match[str]) -> Token:
    kind, text = str(match.lastgroup), match.group()
    if kind == "radix":
        return Token("number", text, int(text, 0))
    if kind in ("number", "grouped"):
        return Token("number", text, _number(text.replace(",", "")))
    if kind == "name" and text.lower() in _WORDS:
        return Token(*_WORDS[text.lower()])
    if kind == "line":
        return Token("operator", ";")
    return Token(kind, {"**": "^", "==": "="}.get(text, text))


def _number(text: str) -> int | Fraction:
    """The literal's exact value: an int as it is written, a Fraction for a decimal, even 2.0."""
    if text.isdigit():
        if text[0] == "0" and text.strip("0"):
            raise PluginError(f"{text[:40]} begins with 0: not an integer, perhaps part of a date or a time")
        return int(text)
    _, _, exponent = text.lower().partition("e")
    if exponent and (len(exponent) > 5 or abs(int(exponent)) > MAX_EXPONENT):
        raise PluginError(f"the exponent of {text[:40]} is beyond {MAX_EXPONENT}")
    return Fraction(text)
