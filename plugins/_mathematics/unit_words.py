"""The units that are known, by all their spellings."""

from __future__ import annotations

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
angle: ° degree degrees deg 度
people: people person persons 人
items: items 个
"""
_COUNTED = "分 只 头 件 次 本 台 辆 张 名 位 户 岁 倍 瓶 箱 组 盒 包 袋 枚 颗 棵 套"
UNITS: dict[str, tuple[str, object]] = {word: (word, 0) for word in _COUNTED.split()}  # kind and size
for _line, _text in enumerate(_TABLE.strip().splitlines()):
    _kind, _, _units = _text.partition(": ")
    for _place, _words in enumerate(_units.split(" | ")):
        UNITS |= dict.fromkeys(_words.split(), (_kind, (_line, _place)))
UNIT_WORDS = frozenset(word for word in UNITS if len(word) > 1 or not word.isascii())
SPEEDS = {"mph": "mile/h", "kmh": "km/h", "kph": "km/h"}
LETTERS = frozenset("mshgltVAWNJL")  # those of one letter that may also be unknowns
