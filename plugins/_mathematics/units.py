"""Units and currencies around numbers: read, checked, and dropped.

A unit stands right after a number or a closing parenthesis: `18 kg`, `40 cm^3`, `60 km/h`, `328.2万人`; a
currency sign stands anywhere. So does a plural that nobody knows (`30 students`), and a single letter
(`5 m * 4 m`) where no equation could make it an unknown. Degrees become `°` inside a trigonometric function.

Nothing is converted: two units of one kind (`2小时/30分钟`) and sums or comparisons of different units are refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from moss_agent.errors import PluginError

from .grammar import canonical
from .tokens import Token
from .tree import RELATIONS

# A kind of quantity, then its units separated by |, the spellings of a unit separated by spaces.
_TABLE = """
mass: mg 毫克 | g gram grams 克 | kg kgs kilogram kilograms 公斤 千克 | t ton tons 吨 | 斤
mass: lb lbs pound pounds | oz ounce ounces
length: mm 毫米 | cm 厘米 | m meter meters metre metres 米 | km kilometer kilometers kilometre kilometres 公里 千米
length: nm | 里 | mile miles | inch inches | foot feet ft | yard yards
area: 平方米 | 平方公里 平方千米 | 亩 | 公顷 hectare hectares | acre acres
volume: ml 毫升 | l L liter liters litre litres 升 | 立方米 | gallon gallons | cup cups
time: ms | s sec second seconds 秒 | min mins minute minutes 分钟 | h hr hrs hour hours 小时 时
time: day days 天 日 | week weeks 周 | month months 月 个月 | year years 年
money: $ usd dollar dollars 美元 | cent cents | € eur euro euros 欧元 | £ gbp 英镑 | jpy yen 日元
money: ¥ cny rmb yuan 人民币 元 块 | 角 | 港元
speed: mph | kmh kph
data: kb | mb | gb | tb
power: W w watt watts 瓦 | kw 千瓦
energy: J joule joules | kj | kwh 千瓦时 | cal calorie calories | kcal
force: N newton newtons
voltage: V volt volts
current: A amp amps ampere amperes
frequency: hz
pressure: pa 帕 | kpa
amount: mol
resistance: Ω ohm ohms
angle: degree degrees deg 度
people: people person persons 人
items: items 个
"""
_COUNTED = "分 只 头 件 次 本 台 辆 张 名 位 户 岁 倍"
_UNITS = {word: (word, 0) for word in _COUNTED.split()}
for _line, _text in enumerate(_TABLE.strip().splitlines()):
    _kind, _, _units = _text.partition(": ")
    for _place, _words in enumerate(_units.split(" | ")):
        _UNITS |= dict.fromkeys(_words.split(), (_kind, (_line, _place)))
UNIT_WORDS = frozenset(word for word in _UNITS if len(word) > 1 or not word.isascii())
_DEGREES = frozenset({"degree", "degrees", "deg", "度"})
_TRIGONOMETRIC = frozenset({"sin", "cos", "tan", "cot", "sec", "csc", "tg", "ctg"})
_LETTERS = frozenset("mshgltVAWNJL")
_PRICE = re.compile(r"([A-Za-z])([^\x00-\x7f]+)")  # `x元`
_PLURAL = re.compile("[a-z]{3,}s")


def without_units(tokens: Sequence[Token], *, loose: bool) -> list[Token]:
    """The tokens without units. loose: whether single letters and unknown plurals may be units.

    Raises PluginError if units would have to be converted.
    """
    free = {t.text for i, t in enumerate(tokens) if t.kind == "name" and not _is_beside_value(tokens, i)}
    loose = loose and not any(t.text in RELATIONS for t in tokens)
    kept: list[Token] = []
    found: list[str] = []
    position = 0
    while position < len(tokens):
        token, end = tokens[position], _unit_end(tokens, position, free, loose)
        if end > position and token.text in _DEGREES and _is_angle(kept):
            kept.append(Token("operator", "°"))
        elif end > position:
            found.append("".join(t.text for t in tokens[position:end]))
        elif (price := _PRICE.fullmatch(token.text)) and price[2] in UNIT_WORDS:
            kept.append(Token("name", price[1]))
            found.append(price[2])
        else:
            kept.append(token)
        position = max(end, position + 1)
    _check(found, kept)
    if found and free & UNIT_WORDS:
        raise PluginError(f"units are not converted: {min(free & UNIT_WORDS)}")
    return kept


def _check(found: Sequence[str], kept: Sequence[Token]) -> None:
    """Raise PluginError if units would have to be converted, or may be no units at all."""
    operators = {t.text for t in kept if t.kind == "operator"}
    is_sum = bool(operators & {"+", "-"})
    if is_sum and len({tuple(_parts(unit)) for unit in found}) > 1:
        raise PluginError(f"different units in a sum: {', '.join(dict.fromkeys(found))[:80]}")
    letter = next((unit for unit in found if unit in _LETTERS), None)
    if letter and (not operators or (is_sum and len(found) < sum(t.kind == "number" for t in kept))):
        raise PluginError(f"unknown name {letter!r}")
    is_product = operators <= set("*^()") and not any("/" in unit for unit in found)  # `30天*24小时`
    sizes: dict[object, object] = {}
    for kind, size in (part for unit in found for part in _parts(unit)):
        if sizes.setdefault(kind, size) != size and not is_product:
            raise PluginError(f"units are not converted: {', '.join(dict.fromkeys(found))[:80]}")


def _parts(unit: str) -> list[tuple[object, object]]:
    """Kind and size of each unit in a compound such as `km/h`."""
    words = re.findall(r"[^\W\d]+|[$€£¥₹]", unit)
    return [_UNITS.get(word) or _UNITS.get(word.lower()) or (word, word) for word in words]


def _unit_end(tokens: Sequence[Token], start: int, free: set[str], loose: bool) -> int:
    """Where the unit at `start` ends, such as `kg`, `cm^3`, `km/h`; `start` if there is none."""
    if tokens[start].kind == "unit":
        return start + 1
    is_call = canonical(tokens[start].text) and tokens[start + 1].text == "("  # `2 min(3, 4)`
    if is_call or not _follows_value(tokens, start) or not _is_unit(tokens[start], free, loose):
        return start
    end = _exponent_end(tokens, start + 1)
    while tokens[end].text == "/" and tokens[end + 1].text.lower() in _UNITS:
        end = _exponent_end(tokens, end + 2)
    return end


def _is_unit(token: Token, free: set[str], loose: bool) -> bool:
    if token.kind != "name" or token.text in free:
        return False
    if token.text in UNIT_WORDS or token.text.lower() in UNIT_WORDS:
        return True
    is_plural = _PLURAL.fullmatch(token.text) and not canonical(token.text)
    return loose and (token.text in _LETTERS or bool(is_plural))


def _follows_value(tokens: Sequence[Token], position: int) -> bool:
    return position > 0 and (tokens[position - 1].kind == "number" or tokens[position - 1].text == ")")


def _is_beside_value(tokens: Sequence[Token], position: int) -> bool:
    """Whether it stands where a unit may stand: after a value, or after the slash of `km/h`."""
    is_below = position > 1 and tokens[position - 1].text == "/" and tokens[position].text in _UNITS
    return _follows_value(tokens, position) or (is_below and tokens[position - 2].text in _UNITS)


def _is_angle(kept: Sequence[Token]) -> bool:
    """Whether the number that ends here is the argument of a trigonometric function."""
    before = [t for t in kept[:-1] if t.text not in ("(", "-")]
    return bool(before) and before[-1].text.lower() in _TRIGONOMETRIC


def _exponent_end(tokens: Sequence[Token], start: int) -> int:
    texts = [t.text for t in tokens[start : start + 4]]
    if texts[:1] == ["^"] and tokens[start + 1].kind == "number":
        return start + 2
    return start + 4 if texts[:2] == ["^", "("] and texts[3:] == [")"] else start
