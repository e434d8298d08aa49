"""Units and currencies around numbers: read, checked, and dropped.

A unit stands right after a number or a closing parenthesis: `18 kg`, `40 cm^3`, `60 km/h`, `328.2万人`; a
currency sign stands anywhere. So does a plural that nobody knows (`30 students`), and a single letter
(`5 m * 4 m`) where no equation could make it an unknown. Degrees become `°` inside a trigonometric function;
`mph` is mile/h.

Nothing is converted: units of one kind that do not cancel (`2小时/30分钟`, but `8 hours/day * 5 days`) and sums or
comparisons of different units are refused.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise

from moss_agent.errors import PluginError

from .grammar import canonical
from .tokens import Token
from .tree import RELATIONS
from .unit_words import LETTERS, SPEEDS, UNIT_WORDS, UNITS

_DEGREES = frozenset({"degree", "degrees", "deg", "度", "°"})
_TRIGONOMETRIC = frozenset({"sin", "cos", "tan", "cot", "sec", "csc", "tg", "ctg"})
_INVERSE = frozenset({"asin", "acos", "atan", "arcsin", "arccos", "arctan"})
_PRICE = re.compile(r"([A-Za-z])([^\x00-\x7f]+)|([^\x00-\x7f]+)([A-Za-z])")  # `x元`, and the `元x` of `5元x`
_PLURAL = re.compile("[a-z]{3,}s")
_NO_NOUNS = frozenset({
    "halves", "thirds", "quarters", "twos", "threes", "fours", "fives", "sixes", "sevens", "eights", "nines", "tens",
    "elevens", "twelves", "scores", "gross", "grosses", "hundreds", "thousands", "millions", "billions", "trillions",
    "dozens", "pairs", "percents", "times", "plus", "minus", "less", "equals", "squares", "cubes", "roots", "radians",
})  # fmt: skip
_ORDINALS = re.compile("(?:four|fif|six|seven|eigh|nin|ten|eleven|twelf|.+teen|.+tie|hundred|thousand|.+illion)ths")


def without_units(tokens: Sequence[Token], *, loose: bool) -> list[Token]:
    """Return the tokens without units. loose: whether single letters and unknown plurals may be units.

    Raises PluginError if units would have to be converted.
    """
    free = {t.text for i, t in enumerate(tokens) if t.kind == "name" and not _is_beside_value(tokens, i)}
    free -= {t.text for t, after in pairwise(tokens) if canonical(t.text) and after.text == "("}
    loose = loose and not any(t.text in RELATIONS for t in tokens)
    kept: list[Token] = []
    found: list[str] = []
    powers: Counter[tuple[object, object]] = Counter()
    position = 0
    while position < len(tokens):
        token, end = tokens[position], _unit_end(tokens, position, free, loose)
        if end > position and token.text in _DEGREES and _is_angle(kept):
            kept.append(Token("operator", "°"))
        elif end > position:
            unit = "".join(t.text for t in tokens[position:end])
            found.append(unit)
            _add_powers(powers, unit, is_divisor=len(kept) > 1 and kept[-2].text == "/")
        elif price := _price(token):
            kept.append(Token("name", price[0]))
            found.append(price[1])
            _add_powers(powers, price[1], is_divisor=False)
        else:
            kept.append(token)
        position = max(end, position + 1)
    _check_sum(found, kept)
    _check_sizes(found, kept, powers)
    _check_names(found, kept, free)
    return kept


def may_be_beside_units(names: Sequence[str]) -> bool:
    """Return whether names in an equation with units are unknowns: single letters that are no units themselves."""
    return all(len(name) == 1 and name not in LETTERS for name in names)


def _price(token: Token) -> tuple[str, str] | None:
    """Return the name and the unit of `x元`."""
    match = _PRICE.fullmatch(token.text)
    name, unit = (match[1] or match[4], match[2] or match[3]) if match else ("", "")
    return (name, unit) if unit in UNIT_WORDS else None


def _check_sum(found: Sequence[str], kept: Sequence[Token]) -> None:
    """Raise PluginError for a sum of different units, or of letters that are hardly units."""
    operators = {t.text for t in kept if t.kind == "operator"}
    is_sum = bool(operators & {"+", "-"})
    if is_sum and len({tuple(_parts(unit)) for unit in found}) > 1:
        raise PluginError(f"different units in a sum: {', '.join(dict.fromkeys(found))[:80]}")
    letter = next((words[0] for words in map(_words, found) if words[0] in LETTERS), None)
    if letter and (not operators or (is_sum and len(found) < sum(t.kind == "number" for t in kept))):
        raise PluginError(f"unknown name {letter!r}")


def _check_sizes(found: Sequence[str], kept: Sequence[Token], powers: Mapping[tuple[object, object], int]) -> None:
    """Raise PluginError for two units of one kind, unless all but one cancel, as in `8 hours/day * 5 days`."""
    is_product = not any(t.text in {"+", "-", *RELATIONS} for t in kept)
    sizes: dict[object, object] = {}
    for (kind, size), power in powers.items():
        if (power or not is_product) and sizes.setdefault(kind, size) != size:
            raise PluginError(f"units are not converted: {', '.join(dict.fromkeys(found))[:80]}")


def _add_powers(powers: Counter[tuple[object, object]], unit: str, is_divisor: bool) -> None:
    """Count the unit's parts with their sign: `km/h` and `kmh` are km once and h minus once."""
    above, *below = SPEEDS.get(unit.lower(), unit).split("/")
    for part, power in [(above, 1), *((part, -1) for part in below)]:
        for kind_and_size in _parts(part):
            powers[kind_and_size] += -power if is_divisor else power


def _check_names(found: Sequence[str], kept: Sequence[Token], free: set[str]) -> None:
    """Raise PluginError for units that stand where a name stands, or beside letters that may be units."""
    names = {t.text for t in kept if t.kind == "name"}
    if lost := free & (_DEGREES if not found else UNIT_WORDS):
        raise PluginError(f"units are not converted: {min(lost)}")
    if names & (_INVERSE | _TRIGONOMETRIC) and any(unit in _DEGREES for unit in found):
        raise PluginError("degrees are understood inside of sin, cos and tan only, or write degrees(...)")
    letters = {
        t.text for before, t in pairwise(kept) if before.kind in ("number", "name") or before.text == ")"
    } & LETTERS
    if found and letters:
        raise PluginError(f"{min(letters)} may be a unit or an unknown")


def _parts(unit: str) -> list[tuple[object, object]]:
    """Return kind and size of each unit in a compound such as `km/h`."""
    return [UNITS.get(word) or UNITS.get(word.lower()) or (word, word) for word in _words(unit)]


def _words(unit: str) -> list[str]:
    return re.findall(r"[^\W\d]+|[$€£¥₹°]", unit)


def _unit_end(tokens: Sequence[Token], start: int, free: set[str], loose: bool) -> int:
    """Return where the unit at `start` ends, such as `kg`, `cm^3`, `km/h`; `start` if there is none."""
    if tokens[start].kind == "unit" or tokens[start].text == "°":
        return start + 1
    if _is_rate(tokens, start, free):  # the `/hour` of `$15/hour`
        return start + 2
    if _is_beside_unknown(tokens, start):
        return start + 1
    is_call = canonical(tokens[start].text) and tokens[start + 1].text == "("  # `2 min(3, 4)`
    if is_call or not _follows_value(tokens, start) or not _is_unit(tokens[start], free, loose):
        return start
    end = _exponent_end(tokens, start + 1)
    while tokens[end].text == "/" and tokens[end + 1].text.lower() in UNITS:
        end = _exponent_end(tokens, end + 2)
    return end


def _is_unit(token: Token, free: set[str], loose: bool) -> bool:
    if token.kind != "name" or token.text in free:
        return False
    if token.text in UNIT_WORDS or token.text.lower() in UNIT_WORDS:
        return True
    is_number = token.text in _NO_NOUNS or _ORDINALS.fullmatch(token.text)
    is_plural = _PLURAL.fullmatch(token.text) and not canonical(token.text) and not is_number
    return loose and (token.text in LETTERS or bool(is_plural))


def _is_rate(tokens: Sequence[Token], start: int, free: set[str]) -> bool:
    unit = tokens[start + 1].text if tokens[start].text == "/" else ""
    return start > 1 and tokens[start - 2].kind == "unit" and unit in UNIT_WORDS and unit not in free


def _is_beside_unknown(tokens: Sequence[Token], position: int) -> bool:
    """Return whether it is the `km` of `x km`."""
    before = tokens[position - 1].text if position else ""
    return len(before) == 1 and before.isalpha() and before.isascii() and tokens[position].text in UNIT_WORDS


def _follows_value(tokens: Sequence[Token], position: int) -> bool:
    return position > 0 and (tokens[position - 1].kind == "number" or tokens[position - 1].text == ")")


def _is_beside_value(tokens: Sequence[Token], position: int) -> bool:
    """Return whether it stands where a unit may stand: after a value, or after the slash of `km/h` and `$15/hour`."""
    if _follows_value(tokens, position) or _is_beside_unknown(tokens, position):
        return True
    is_below = position > 1 and tokens[position - 1].text == "/" and tokens[position].text in UNITS
    return is_below and (tokens[position - 2].text in UNITS or tokens[position - 3].kind == "unit")


def _is_angle(kept: Sequence[Token]) -> bool:
    """Return whether what ends here is in the argument of a trigonometric function."""
    depth = 0
    for i in range(len(kept) - 1, 0, -1):
        depth += (kept[i].text == ")") - (kept[i].text == "(")
        is_argument = depth < 0 if kept[i].text == "(" else depth == 0 and i == len(kept) - 1
        if is_argument and _function_before(kept, i) in _TRIGONOMETRIC:
            return True
        depth = max(depth, 0)
    return False


def _function_before(kept: Sequence[Token], position: int) -> str:
    """Return the name before an argument, perhaps with a power: `sin`, `sin^2`, `sin^(2)`."""
    texts = ["", "", "", "", "", *(t.text.lower() for t in kept[:position])]
    if texts[-2] == "^":
        return texts[-3]
    return texts[-5] if texts[-4:-2] == ["^", "("] and texts[-1] == ")" else texts[-1]


def _exponent_end(tokens: Sequence[Token], start: int) -> int:
    texts = [t.text for t in tokens[start : start + 4]]
    if texts[:1] == ["^"] and tokens[start + 1].kind == "number":
        return start + 2
    return start + 4 if texts[:2] == ["^", "("] and texts[3:] == [")"] else start
