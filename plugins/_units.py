"""Units and currencies around numbers, for the calculator: read, checked, and dropped.

A unit stands right after a number or a closing parenthesis: `18 kg`, `9.8 m/s^2` only with a first
unit of two letters or more (`5m` may be an unknown), `40 cm^3`, `328.2万人`; a currency sign stands
anywhere. Nothing is converted, so a sum or difference that mixes two units is refused.
"""

from __future__ import annotations

from moss_agent.errors import PluginError

from ._tokens import Token

_WORDS = """
kg mg lb lbs oz ton tons gram grams kilogram kilograms pound pounds ounce ounces
km cm mm nm mile miles meter meters metre metres kilometer kilometers inch inches foot feet ft yard yards
ml liter liters litre litres gallon gallons cup cups mph kmh kph kwh kw hz mb gb tb acre acres hectare hectares
second seconds sec minute minutes min mins hour hours hr hrs day days week weeks month months year years
usd eur cny rmb gbp jpy dollar dollars euro euros yuan yen cent cents people person persons items degrees
元 块 角 分 美元 欧元 日元 英镑 人民币 港元 人 个 只 头 件 次 本 台 辆 张 名 位 户 岁 倍
公斤 千克 克 斤 吨 毫克 公里 千米 米 厘米 毫米 里 平方米 平方公里 平方千米 立方米 亩 公顷 升 毫升
秒 分钟 小时 天 日 周 月 年 度 瓦 千瓦 千瓦时 帕
"""
_AFTER_NUMBER = frozenset(_WORDS.split())
_AFTER_UNIT = _AFTER_NUMBER | frozenset("mshglt")


def without_units(tokens: list[Token]) -> list[Token]:
    """The tokens without units. Raises PluginError if units would have to be converted."""
    kept: list[Token] = []
    units: set[str] = set()
    position = 0
    while position < len(tokens):
        end = _unit_end(tokens, position) if kept and _is_value_end(kept[-1]) else position
        if tokens[position].kind == "unit":
            end = position + 1
        if end == position:
            kept.append(tokens[position])
            end += 1
        else:
            units.add("".join(t.text.lower() for t in tokens[position:end]).removesuffix("s"))
        position = end
    if len(units) > 1 and any(t.text in ("+", "-") for t in kept):
        raise PluginError(f"different units in a sum: {', '.join(sorted(units))[:80]}")
    return kept


def _is_value_end(token: Token) -> bool:
    return token.kind == "number" or token.text == ")"


def _unit_end(tokens: list[Token], start: int) -> int:
    """Where the unit at `start` ends, such as `kg`, `cm^3`, `km/h`; `start` if there is none."""
    if tokens[start].text.lower() not in _AFTER_NUMBER:
        return start
    end = _exponent_end(tokens, start + 1)
    while tokens[end].text == "/" and tokens[end + 1].text.lower() in _AFTER_UNIT:
        end = _exponent_end(tokens, end + 2)
    return end


def _exponent_end(tokens: list[Token], start: int) -> int:
    texts = [t.text for t in tokens[start : start + 4]]
    if texts[:1] == ["^"] and tokens[start + 1].kind == "number":
        return start + 2
    return start + 4 if texts[:2] == ["^", "("] and texts[3:] == [")"] else start
