"""Bare calculations: "What is 37*89?" and its relatives."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from .expressions import evaluate, rounded
from .templates import draw_numbers
from .wording import roughen


@dataclass(frozen=True)
class Sum:
    """A question whose answer is the value of ``expression``; ``idea`` says how to compute it."""

    text: str
    expression: str
    answer: str
    idea: str


# (numbers, as shown in the question, expression, idea in English, idea in Chinese)
PLAIN: tuple[tuple[str, str, str, str, str], ...] = (
    ("a=11..999 b=3..99", "{a}*{b}", "{a}*{b}", "a multiplication", "乘法"),
    ("a=11..999 b=3..99", "{a} × {b}", "{a}*{b}", "a multiplication", "乘法"),
    ("a=1000..99999 b=100..9999", "{a} x {b}", "{a}*{b}", "a multiplication of large numbers", "大数乘法"),
    ("a=100..9999 b=3..60", "{a}/{b}", "{a}/{b}", "a division", "除法"),
    ("a=100..9999 b=3..60", "{a} ÷ {b}", "{a}/{b}", "a division", "除法"),
    ("a=1000..99999999 b=1000..9999999", "{a}+{b}", "{a}+{b}", "an addition of large numbers", "大数加法"),
    ("a=1000..99999 b=100..9999", "{a}-{b}", "{a}-{b}", "a subtraction", "减法"),
    ("a=1.5..99.5:0.5 b=1.1..9.9:0.1", "{a}*{b}", "{a}*{b}", "a multiplication with decimals", "小数乘法"),
    ("a=1.25..99:0.25 b=2..40", "{a}×{b}", "{a}*{b}", "a multiplication with decimals", "小数乘法"),
    ("a=2..40 b=2..9", "{a}^{b}", "{a}^{b}", "a power", "乘方"),
    ("a=2..99 b=2..6", "{a} to the power of {b}|{a}的{b}次方", "{a}^{b}", "a power", "乘方"),
    ("a=2..9999", "the square root of {a}|{a}的平方根", "sqrt({a})", "a square root", "开平方"),
    ("a=2..9999", "sqrt({a})", "sqrt({a})", "a square root", "开平方"),
    ("a=2..9999", "√{a}", "sqrt({a})", "a square root", "开平方"),
    ("a=2..999", "the cube root of {a}|{a}的立方根", "{a}^(1/3)", "a cube root", "开立方"),
    ("a=5..85:5", "sin({a}°)", "sin({a}*pi/180)", "a sine of an angle in degrees", "角度的正弦"),
    ("a=5..85:5", "cos {a} degrees|{a}度的余弦", "cos({a}*pi/180)", "a cosine of an angle in degrees", "角度的余弦"),
    ("a=5..85:5", "tan {a}°", "tan({a}*pi/180)", "a tangent of an angle in degrees", "角度的正切"),
    ("a=0.1..6:0.1", "sin({a})", "sin({a})", "a sine in radians", "弧度的正弦"),
    ("a=2..999", "log10 of {a}|log10({a})", "log10({a})", "a logarithm", "对数"),
    ("a=2..999", "ln({a})", "log({a})", "a natural logarithm", "自然对数"),
    ("a=4..18", "{a}!", "factorial({a})", "a factorial", "阶乘"),
    ("a=4..18", "the factorial of {a}|{a}的阶乘", "factorial({a})", "a factorial", "阶乘"),
    ("a=2..95 b=20..5000", "{a}% of {b}|{b}的{a}%", "{b}*{a}/100", "a percentage", "求百分数"),
    ("a=2..30 b=2..30 c=2..30", "({a}+{b})*{c}", "({a}+{b})*{c}", "a bracket times a number", "先算括号再乘"),
    ("a=2..300 b=2..30 c=2..90", "{a}+{b}*{c}", "{a}+{b}*{c}", "a product and an addition", "先乘后加"),
    ("a=20..300 b=2..30 c=2..9 d=2..40", "({a}-{b})/{c}+{d}", "({a}-{b})/{c}+{d}", "a longer sum", "混合运算"),
    ("a=2..60 b=2..60 c=2..60 d=2..60", "{a}*{b}-{c}*{d}", "{a}*{b}-{c}*{d}", "a difference of products", "积之差"),
    ("a=2..30 b=2..30", "{a}^2+{b}^2", "{a}^2+{b}^2", "a sum of squares", "平方和"),
    ("a=1..9 b=2..9 c=1..9 d=2..9", "{a}/{b}+{c}/{d}", "{a}/{b}+{c}/{d}", "a sum of fractions", "分数相加"),
    ("a=100..999 b=100..999 c=100..999", "{a}+{b}+{c}", "{a}+{b}+{c}", "a sum of three numbers", "三数相加"),
    ("a=2..40 b=2..5", "e^{b}+{a}", "exp({b})+{a}", "an exponential", "指数运算"),
    ("a=3..19 b=2..9 c=2..9", "{a}*{b} divided by {c}|{a}乘以{b}再除以{c}", "{a}*{b}/{c}", "two steps", "先乘后除"),
    ("a=300|400|500|600|700|800|900 b=7..90", "{a} divided by {b}|{a}除以{b}", "{a}/{b}", "a division", "除法"),
    ("a=12..99 b=12..99", "the product of {a} and {b}|{a}与{b}的积", "{a}*{b}", "a product", "乘法"),
    ("a=200..999 b=12..99", "the difference between {a} and {b}|{a}与{b}的差", "{a}-{b}", "a difference", "减法"),
    ("a=12..999 b=12..999", "{a} plus {b}|{a}加{b}", "{a}+{b}", "an addition", "加法"),
    ("a=200..999 b=12..99", "{a} minus {b}|{a}减{b}", "{a}-{b}", "a subtraction", "减法"),
    ("a=2..99", "the square of {a}|{a}的平方", "{a}^2", "a square", "平方"),
    ("a=2..99", "{a} cubed|{a}的立方", "{a}^3", "a cube", "立方"),
)  # fmt: skip
ASKS = {
    "en": (
        "What is {q}?",
        "Calculate {q}.",
        "How much is {q}?",
        "Compute {q}",
        "{q} = ?",
        "{q}=",
        "Please work out {q}.",
        "What's {q}?",
        "Can you calculate {q} for me?",
        "I need the value of {q}.",
        "Evaluate {q}.",
        "Tell me {q}.",
        "What do you get for {q}?",
        "result of {q}",
        "Give me the exact value of {q}.",
        "Find {q}.",
    ),
    "zh": (
        "{q}等于多少？",
        "计算{q}。",
        "帮我算一下{q}",
        "请计算{q}",
        "{q}=？",
        "{q}是多少？",
        "{q}=",
        "求{q}的值。",
        "{q}的结果是多少",
        "算算{q}",
        "请问{q}等于几？",
        "能帮我算{q}吗？",
        "我想知道{q}的得数。",
    ),
}
ANSWERS = {
    "en": ("The result is {r}.", "{q} = {r}.", "It is {r}.", "That is {r}.", "The answer is {r}."),
    "zh": ("结果是{r}。", "{q}={r}。", "等于{r}。", "答案是{r}。"),
}
_WORDS = {
    2: "two", 3: "three", 4: "four", 5: "five", 6: "six", 7: "seven", 8: "eight", 9: "nine", 10: "ten", 11: "eleven",
    12: "twelve", 13: "thirteen", 14: "fourteen", 15: "fifteen", 16: "sixteen", 17: "seventeen", 18: "eighteen",
    19: "nineteen", 20: "twenty", 30: "thirty", 40: "forty", 50: "fifty", 60: "sixty", 70: "seventy", 80: "eighty",
    90: "ninety", 100: "one hundred", 200: "two hundred", 300: "three hundred", 500: "five hundred",
    1000: "one thousand", 5000: "five thousand", 1000000: "one million",
}  # fmt: skip
_CHINESE_WORDS = {
    2: "二", 3: "三", 4: "四", 5: "五", 6: "六", 7: "七", 8: "八", 9: "九", 10: "十", 12: "十二", 15: "十五",
    18: "十八", 20: "二十", 25: "二十五", 36: "三十六", 40: "四十", 50: "五十", 60: "六十", 80: "八十", 100: "一百",
    120: "一百二十", 200: "两百", 300: "三百", 500: "五百", 1000: "一千", 3000: "三千", 10000: "一万",
}  # fmt: skip


def draw_sum(random: Random, language: str) -> Sum:
    """A bare calculation in figures or words."""
    if random.random() < 0.12:
        shown, expression, idea = _in_words(random, language)
    else:
        numbers, both, formula, english, chinese = random.choice(PLAIN)
        values = draw_numbers(random, numbers)
        shown = both.partition("|")[0] if language == "en" else both.rpartition("|")[2]
        shown, expression = shown.format(**values), formula.format(**values)
        idea = english if language == "en" else chinese
    text = roughen(random, random.choice(ASKS[language]).format(q=shown), language)
    answer = random.choice(ANSWERS[language]).format(q=shown, r=rounded(evaluate(expression)))
    return Sum(text, expression, answer[0].upper() + answer[1:], idea)


def _in_words(random: Random, language: str) -> tuple[str, str, str]:
    names = _WORDS if language == "en" else _CHINESE_WORDS
    sign, english, chinese = random.choice(
        (("+", "plus", "加"), ("-", "minus", "减"), ("*", "times", "乘以"), ("/", "divided by", "除以"))
    )
    small, large = sorted((random.choice(tuple(names)), random.choice(tuple(names))))
    idea = "write the words as figures and compute" if language == "en" else "写成数字再算"
    middle = f" {english} " if language == "en" else chinese
    return f"{names[large]}{middle}{names[small]}", f"{large}{sign}{small}", idea
