"""Equations and systems that the user writes out."""

from __future__ import annotations

import re
from random import Random

from .expressions import Number, rounded, tidy
from .templates import draw_numbers
from .unknowns import Task
from .wording import roughen

# (numbers, equation in x); x is the solution, the rest are coefficients
ONE_UNKNOWN: tuple[tuple[str, str], ...] = (
    ("a=2..15 b=1..60 x=-20..40 c=[a*x+b]", "{a}*x+{b}={c}"),
    ("a=2..15 b=1..60 x=2..40 c=[a*x-b]", "{a}*x-{b}={c}"),
    ("a=2..15 b=1..60 x=1..40 c=[b-a*x]", "{b}-{a}*x={c}"),
    ("a=5..15 d=2..4 b=1..60 x=-10..40 c=[(a-d)*x+b]", "{a}*x+{b}={d}*x+{c}"),
    ("a=2..12 b=1..20 x=1..40 c=[a*(x+b)]", "{a}*(x+{b})={c}"),
    ("a=2..12 b=1..20 x=21..60 c=[a*(x-b)]", "{a}*(x-{b})={c}"),
    ("a=2..12 b=1..20 y=1..40 x=[a*y] c=[y+b]", "x/{a}+{b}={c}"),
    ("a=2..9 b=2..60 x=[b/a]", "{a}*x={b}"),
    ("a=3..9 b=2..30 c=31..90 x=[(c-b)/a]", "{a}*x+{b}={c}"),
    ("a=0.5..4.5:0.5 b=1..30 x=2..60:2 c=[a*x+b] ?a!=1 ?a!=2 ?a!=3 ?a!=4", "{a}*x+{b}={c}"),
    ("a=1.2..9.8:0.2 x=5..90:5 c=[a*x] ?a!=a//1", "{a}*x={c}"),
    ("a=3..20 x=1..60 b=[x-a]", "x-{a}={b}"),
    ("a=2..9 c=10..19 b=2..5 x=2..20 d=[a*x+b*(x-1)]", "{a}*x+{b}*(x-1)={d}"),
)
# (numbers, equation); x and w are the roots
QUADRATIC: tuple[tuple[str, str], ...] = (
    ("x=1..15 w=1..15 b=[x+w] c=[x*w]", "x^2-{b}*x+{c}=0"),
    ("x=-15..-1 w=-15..-1 b=[0-x-w] c=[x*w]", "x^2+{b}*x+{c}=0"),
    ("x=2..15 w=-14..-1 b=[x+w] c=[0-x*w] ?b>0", "x^2-{b}*x-{c}=0"),
    ("x=1..12 w=-20..-2 b=[0-x-w] c=[0-x*w] ?b>0", "x^2+{b}*x-{c}=0"),
    ("x=2..30 w=[0-x] c=[x*x]", "x^2={c}"),
    ("a=2..6 x=1..9 w=1..9 b=[a*(x+w)] c=[a*x*w] ?x!=w", "{a}*x^2-{b}*x+{c}=0"),
    ("a=1..20 b=2..12 x=[a+b] w=[a-b] c=[b*b]", "(x-{a})^2={c}"),
    ("a=1..20 x=2..20 w=[0-x-a] c=[x*(x+a)]", "x*(x+{a})={c}"),
)
TWO_UNKNOWNS: tuple[tuple[str, str], ...] = (
    ("x=-9..30 y=-9..30 s=[x+y] d=[x-y]", "x+y={s};x-y={d}"),
    ("x=-9..20 y=-9..20 a=2..9 b=2..9 s=[a*x+y] d=[x-b*y]", "{a}*x+y={s};x-{b}*y={d}"),
    ("x=1..20 y=1..20 a=2..9 b=2..9 c=2..9 d=2..9 s=[a*x+b*y] t=[c*x-d*y]", "{a}*x+{b}*y={s};{c}*x-{d}*y={t}"),
    ("x=1..30 y=1..30 a=2..9 b=2..9 s=[x+y] t=[a*x+b*y] ?a!=b", "x+y={s};{a}*x+{b}*y={t}"),
    ("y=1..20 a=2..6 b=1..15 x=[a*y+b] s=[x+y]", "x={a}*y+{b};x+y={s}"),
    ("x=1..30 y=1..30 a=2..9 b=2..9 s=[a*x+b*y] t=[x-y]", "{a}*x+{b}*y={s};x-y={t}"),
)
THREE_UNKNOWNS: tuple[tuple[str, str], ...] = (
    ("x=-5..20 y=-5..20 z=-5..20 a=[x+y+z] b=[x-y] c=[x+2*y-z]", "x+y+z={a};x-y={b};x+2*y-z={c}"),
    ("x=1..20 y=1..20 z=1..20 a=[x+y] b=[y+z] c=[x+z]", "x+y={a};y+z={b};x+z={c}"),
    ("x=1..9 y=1..9 z=1..9 a=[x+y+z] b=[2*x+y-z] c=[x+3*y+2*z]", "x+y+z={a};2*x+y-z={b};x+3*y+2*z={c}"),
    ("x=1..9 y=1..9 z=1..9 a=[x+2*y] b=[y+2*z] c=[x+y+z]", "x+2*y={a};y+2*z={b};x+y+z={c}"),
)
ASKS = {
    "en": (
        "Solve {q}",
        "Solve the equation {q}.",
        "What is {u} if {q}?",
        "Find {u}: {q}",
        "{q}, what is {u}?",
        "Can you solve {q} for me?",
        "solve for {u}: {q}",
        "{q}. Find {u}.",
        "What are the solutions of {q}?",
        "Given {q}, find {u}.",
        "I need {u} from {q}",
        "Please determine {u} in {q}.",
        "How do I solve {q}?",
    ),
    "zh": (
        "解方程{q}",
        "解方程：{q}",
        "求解{q}",
        "方程{q}的解是什么？",
        "已知{q}，求{u}。",
        "{q}，{u}等于多少？",
        "请帮我解{q}",
        "如果{q}，那么{u}是多少？",
        "{q}，求{u}的值",
        "怎么解{q}？",
        "求方程{q}的根。",
    ),
}
SYSTEM_ASKS = {
    "en": (
        "Solve the system {q}.",
        "Solve {q}",
        "Find {u} if {q}.",
        "What are {u} in {q}?",
        "{q}: find {u}",
        "Please solve these equations: {q}",
        "Determine {u} from {q}.",
        "simultaneous equations {q}",
    ),
    "zh": (
        "解方程组{q}",
        "求方程组{q}的解",
        "已知{q}，求{u}。",
        "{q}，{u}各是多少？",
        "请解方程组：{q}",
        "联立{q}，求{u}",
    ),
}


def draw_equations(random: Random, language: str) -> Task:
    """An equation or a system to be solved as it stands."""
    kinds = (ONE_UNKNOWN, QUADRATIC, TWO_UNKNOWNS, THREE_UNKNOWNS)
    (kind,) = random.choices(kinds, (35, 25, 28, 12))
    numbers, pattern = random.choice(kind)
    values = draw_numbers(random, numbers)
    equations = re.sub(r"\+-", "-", pattern.format(**values))
    letters = "xyz"[: 1 + (kind is TWO_UNKNOWNS) + 2 * (kind is THREE_UNKNOWNS)]
    found = [(letter, _roots(values, letter, kind is QUADRATIC)) for letter in letters]
    renamed = random.choice(
        ("xyz", "xyz", "xyz", "abc", "mnp", "uvw") if kind is not QUADRATIC else ("xyz", "tuv", "nop")
    )
    table = str.maketrans("xyz", renamed)
    named = tuple((letter.translate(table), values) for letter, values in found)
    return _task(random, language, equations.translate(table), named)


def _roots(values: dict[str, Number], letter: str, quadratic: bool) -> tuple[Number, ...]:
    return tuple(sorted({values["x"], values["w"]})) if quadratic else (tidy(values[letter]),)


def _task(random: Random, language: str, equations: str, named: tuple[tuple[str, tuple[Number, ...]], ...]) -> Task:
    joiner = {"en": " and ", "zh": "和"}[language]
    unknowns = joiner.join(letter for letter, _ in named)
    asks = ASKS if len(named) == 1 else SYSTEM_ASKS
    text = random.choice(asks[language]).format(q=_shown(random, language, equations), u=unknowns)
    result = ", ".join(
        (" or " if language == "en" else "或").join(f"{letter} = {rounded(value)}" for value in values)
        for letter, values in named
    )
    answer = random.choice(
        {"en": ("The solution is {r}.", "{r}.", "We get {r}."), "zh": ("解得{r}。", "{r}。", "方程的解是{r}。")}[
            language
        ]
    ).format(r=result)
    return Task(roughen(random, text, language), unknowns, equations, named, answer, plain=True)


def _shown(random: Random, language: str, equations: str) -> str:
    """The equations as a person would type them."""
    text = re.sub(r"(\d)\*([a-z(])", r"\1\2", equations)
    if random.random() < 0.3:
        text = text.replace("^2", "²")
    if random.random() < 0.4:
        text = re.sub(r"(?<=[\w)²])([-+=])", r" \1 ", text)
    joiners = {"en": (", ", " and ", "; "), "zh": ("，", ", ", "；", "和")}[language]
    return text.replace(";", random.choice(joiners))
