"""The grammar: what is read as what, and that nothing makes the parser do anything but answer or refuse."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moss_agent.errors import PluginError
from plugins._mathematics.grammar import MAX_DEPTH, parse
from plugins._mathematics.tokens import MAX_LENGTH
from plugins._mathematics.tree import PI, Call, Chain, Name, Negative, Number, Power, Relation, names, replaced
from tests.effort import effort_below

TWO, THREE = Number(2), Number(3)
X, Y = Name("x"), Name("y")


def product(*factors):
    return Chain(factors[0], tuple(("*", factor) for factor in factors[1:]))


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("2+3-x", Chain(TWO, (("+", THREE), ("-", X)))),
        ("2/3x", Chain(TWO, (("/", THREE), ("*", X)))),
        ("2x", product(TWO, X)),
        ("2(3)", product(TWO, THREE)),
        ("x y", product(X, Y)),
        ("2x^3", product(TWO, Power(X, THREE))),
        ("-2^2", Negative(Power(TWO, TWO))),
        ("--2", TWO),
        ("2^-3", Power(TWO, Negative(THREE))),
        ("2^3^x", Power(TWO, Power(THREE, X))),
        ("2**3", Power(TWO, THREE)),
        ("3!", Call("factorial", (THREE,))),
        ("3%", Chain(THREE, (("/", Number(100)),))),
        ("3 % 2", Chain(THREE, (("%", TWO),))),
        ("3%-2", Chain(Chain(THREE, (("/", Number(100)),)), (("-", TWO),))),
        ("2°", Call("radians", (TWO,))),
        ("3%x", product(Chain(THREE, (("/", Number(100)),)), X)),
        ("3%(x)", product(Chain(THREE, (("/", Number(100)),)), X)),
        ("3 % (x)", Chain(THREE, (("%", X),))),
        ("x % 2", Chain(X, (("%", TWO),))),
        ("C(3, 2)", Call("binomial", (THREE, TWO))),
        ("C(3)", product(Name("C"), THREE)),
        ("log_2(x)", Call("log", (X, TWO))),
        ("mean(2, 3)", Chain(Call("sum", (TWO, THREE)), (("/", TWO),))),
        ("degrees(x)", Chain(X, (("*", Number(180)), ("/", PI)))),
        ("|x|", Call("abs", (X,))),
        ("ln(x)", Call("log", (X,))),
        ("√2", Call("sqrt", (TWO,))),
        ("sin x", Call("sin", (X,))),
        ("max([2, 3])", Call("max", (TWO, THREE))),
        ("pow(2, x)", Power(TWO, X)),
        ("[2]", TWO),
        ("2 x 3", product(TWO, THREE)),
        ("sqrt", Name("sqrt")),
    ],
)
def test_tree(text, tree):
    assert parse(text) == (tree,)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", 12),
        ("12.", Fraction(12)),
        (".5", Fraction(1, 2)),
        ("6e8", Fraction(6 * 10**8)),
        ("0x1F", 31),
        ("0b101", 5),
        ("1,234,567", 1234567),
        ("1,234.5", Fraction(2469, 2)),
        ("１２．５", Fraction(25, 2)),
        ("3万", 30_000),
        ("2.5亿", Fraction(250_000_000)),
        ("4 million", 4_000_000),
        ("\u200f7\ufeff", 7),
        ("7=", 7),
        ("7 = ?", 7),
        ("7等于多少？", 7),
    ],
)
def test_number(text, value):
    (tree,) = parse(text)
    assert tree == Number(value)
    assert type(tree.value) is type(value)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2×x÷3−y", "2*x/3-y"),
        ("x²+x⁻¹⁰", "x^2+x^(-10)"),
        ("２（ｘ＋３）", "2(x+3)"),
        ("x₁+π", "x1+pi"),
        ("x≤2", "x<=2"),
        ("x=2，y=3", "x=2;y=3"),
        ("x=2\ny=3 and x<y", "x=2;y=3;x<y"),
        ("{x=2, y=3}", "x=2;y=3"),
        ("{x=2, y=3", "x=2;y=3"),
        ("[x=2, y=3]", "x=2;y=3"),
        ("(x=2, y=3)", "x=2;y=3"),
        ("x=2 & y=3", "x=2;y=3"),
        ("x=2;;", "x=2"),
        ("x==2", "x=2"),
        ("1<x<3", "1<x;x<3"),
        ("50% of 80", "50% * 80"),
        ("x!=3", "x≠3"),
    ],
)
def test_same_meaning(one, other):
    assert parse(one) == parse(other)


def test_commas_separate_the_arguments_of_a_function():
    assert parse("max(1,234)") == (Call("max", (Number(1), Number(234))),)
    assert parse("(1,234)") == (Number(1234),)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("1..2", "unexpected character '1'"),
        ("1 2", "unexpected '2'"),
        ("(1", r"expected '\)' before 'the end'"),
        ("(1]", r"expected '\)' before '\]'"),
        ("1+", "unexpected 'the end'"),
        ("*1", "unexpected '*'"),
        ("1\0", r"unexpected character '\\x00'"),
        ("\ud800", r"unexpected character '\\ud800'"),
        ("①", r"unexpected character '\\u2460'"),
        ("٣", r"unexpected character '\\u0663'"),
        ("'a'", "unexpected character"),
        ("a.b", r"unexpected character '\.'"),
        ("__class__", "unexpected character '_'"),
        ("eval(1)", "unknown function eval"),
        ("f(2)", "unknown function f"),
        ("sqrt(1, 2)", "sqrt cannot take 2 arguments"),
        ("sin 2x", "sin needs its argument in parentheses"),
        ("3!!", "two ways"),
        ("08:30", "begins with 0"),
        ("1e401", "exponent of 1e401"),
        ("1e99999999999", "exponent of 1e99999999999"),
        ("1" * (MAX_LENGTH + 1), "4001 characters"),
        ("9" * 1_000_000, "1000000 characters"),
        ("(" * 10_000 + "1" + ")" * 10_000, "20001 characters"),
        ("(" * (MAX_DEPTH + 1), "levels deep"),
        ("2^" * (MAX_DEPTH + 1) + "2", "levels deep"),
        ("sin(" * (MAX_DEPTH + 1), "levels deep"),
    ],
)
def test_refusal_names_the_culprit(text, reason):
    with pytest.raises(PluginError, match=reason) as caught:
        parse(text)
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    "text", ["1" + "+1" * 1999, "-" * 3999 + "1", "x" + "*y" * 1000, "(1)" * 1000, "1" * MAX_LENGTH]
)
def test_long_is_not_deep(text):
    with effort_below(25):
        assert parse(text)


@given(st.text(max_size=60) | st.text("0123456789.,+-*/^%!()[]{}|<>=xe°√²πsin ;\n万", max_size=60))
def test_any_text_is_parsed_or_refused(text):
    try:
        assert parse(text)
    except PluginError as error:
        assert len(str(error).splitlines()) == 1


def test_names_and_replacement():
    (tree,) = parse("x*sin(y)^-x+|x|+2")
    assert names(tree) == {"x", "y"}
    assert names(replaced(tree, {"x": TWO})) == {"y"}
    assert names(Relation("=", X, Y)) == {"x", "y"}
