"""Solve: the trained format, solutions checked by substitution, refusals, hostile input."""

import builtins
import importlib
from fractions import Fraction

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from moss_agent.errors import PluginError
from plugins.equation_solver import solve
from tests.effort import effort_below

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def _sympy_is_imported():
    """The first import takes a second, which would count as the time of the first test."""
    importlib.import_module("sympy")


def test_contract():
    assert solve.api == "Solve(equation)"
    assert (solve.key, solve.timeout, solve.isolated) == ("equation_solver", 5, True)


@pytest.mark.parametrize(
    ("equation", "lines"),
    [
        ("x+y=50; 2x+4y=160", ["x = 20", "y = 30"]),
        ("x+y=50, 2x+4y=160", ["x = 20", "y = 30"]),
        ("{x+y=50\n2x+4y=160}", ["x = 20", "y = 30"]),
        ("x+y=50 and 2x+4y=160", ["x = 20", "y = 30"]),
        ("３x＝８", ["x = 8/3"]),
        ("0.5x=65", ["x = 130.000000000000"]),
        ("2/5*x=4", ["x = 10.0000000000000"]),
        ("x/5*2=4", ["x = 10"]),
        ("x²=81", ["x_0 = -9", "x_1 = 9"]),
        ("x^2=7", ["x_0 = -sqrt(7)", "x_1 = sqrt(7)"]),
        ("x^2+4=0", ["x_0 = -2*I", "x_1 = 2*I"]),
        ("pi*r^2=12", ["r_0 = -1.95441004761168", "r_1 = 1.95441004761168"]),
        ("x^2+y^2=25; x+y=7", ["x_0 = 3", "y_0 = 4", "x_1 = 4", "y_1 = 3"]),
        ("x+y=9; xy=20", ["x_0 = 4", "y_0 = 5", "x_1 = 5", "y_1 = 4"]),
        ("xyz=6; x=1; y=2", ["x = 1", "y = 2", "z = 3"]),
        ("|x-3|=5", ["x_0 = -2", "x_1 = 8"]),
        ("log(x)=2", ["x = exp(2)"]),
        ("2^x=32", ["x = 5"]),
        ("2*sin(x)=1", ["x_0 = pi/6", "x_1 = 5*pi/6"]),
        ("sqrt(x+3)=x-3", ["x = 6"]),
        ("(x^2-1)/(x-1)=0", ["x = -1"]),
        ("x+y=1e-20; x-y=0", ["x = 5.00000000000000E-21", "y = 5.00000000000000E-21"]),
        ("价格*2=10", ["价格 = 5"]),
        ("苹果+香蕉=12，苹果-香蕉=2", ["苹果 = 7", "香蕉 = 5"]),
        ("price+2cost=10; price-cost=1", ["cost = 3", "price = 4"]),
        ("S+N=5; S-N=1", ["N = 2", "S = 3"]),
        ("Q*E=6; Q=2", ["E = 3", "Q = 2"]),
        ("lambda+beta=3; lambda-beta=1", ["beta = 1", "lambda = 2"]),
        ("d+e=5; d-e=1", ["d = 3", "e = 2"]),
        ("e^x=1", ["x = 0"]),
    ],
)
def test_solution(equation, lines):
    assert solve(equation) == lines


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        (("x+y=25",), ["x = 25 - y"]),
        (("l*w*h=12; w",), ["w = 12/(h*l)"]),
        (("l*w*h=12", "w"), ["w = 12/(h*l)"]),
        (("x+y=9; x-y=1; y",), ["y = 4"]),
        (("x^2=49; x^3",), ["x_0 = -7", "x_1 = 7"]),
        (("a*x+b=0", "x"), ["x = -b/a"]),
    ],
)
def test_asked_unknown(arguments, lines):
    assert solve(*arguments) == lines


@pytest.mark.parametrize(
    ("equation", "lines"),
    [
        ("2x+3<7", ["x < 2"]),
        ("1<x<3", ["1 < x < 3"]),
        ("x^2>=4", ["x <= -2 or x >= 2"]),
        ("x^2>-1", ["x is any real number"]),
        ("x^2=4; x>0", ["x = 2"]),
        ("x=1; x+y>3", ["x = 1", "y > 2"]),
        ("y=2x; x>3; x", ["x = y/2", "y > 6"]),
    ],
)
def test_inequality(equation, lines):
    assert solve(equation) == lines


@pytest.mark.parametrize(
    ("equation", "lines"),
    [
        ("x=cos(x)", ["x ≈ 0.739085133215161"]),
        ("x=2^9000", ["x ≈ 1.86191982360245E+2709"]),
        ("x^3-3x+1=0", ["x_0 ≈ -1.87938524157182", "x_1 ≈ 0.347296355333861", "x_2 ≈ 1.53208888623796"]),
        ("x^2=2^x", ["x_0 ≈ -0.766664695962123", "x_1 = 2", "x_2 = 4"]),
        ("x^1.5+x^0.7=10", ["x ≈ 3.81369327024876"]),
        ("exp(x)+y=3; x*y=-1", ["x_0 ≈ -0.426086685043865", "y_0 ≈ 2.34694027084431",
                                "x_1 ≈ 1.32327491646784", "y_1 ≈ -0.755700865749994"]),
    ],
)  # fmt: skip
def test_numeric_solutions_are_marked(equation, lines):
    assert solve(equation) == lines


@pytest.mark.parametrize(
    ("equation", "begin", "count"),
    [
        ("x^5-x+1=0", ["x_0 ≈ -1.16730397826142"], 5),
        ("x^6-7x+6=0", ["x_0 = 1", "x_1 ≈ 1.06140241153653"], 6),
        ("(x^2-1)*(x^5-x-1)=0", ["x_0 = -1", "x_1 = 1", "x_2 ≈ 1.16730397826142"], 7),
        ("x^3*(x^5-x+1)=0", ["x_0 ≈ -1.16730397826142", "x_1 = 0"], 6),
        ("pi*x^3+x=5", ["x_0 ≈ 1.07686469311687"], 3),
    ],
)
def test_a_polynomial_has_all_its_roots(equation, begin, count):
    lines = solve(equation)
    assert lines[: len(begin)] == begin
    assert len(lines) == count


@pytest.mark.parametrize(
    ("equation", "begin", "count"),
    [
        ("y=x^6-3x+2; y=0", ["x_0 ≈ 0.709011195150870", "y_0 = 0", "x_1 = 1", "y_1 = 0"], 12),
        ("x^2+y^2=10; y=x^3-2", ["x_0 = -1", "y_0 = -3", "x_1 ≈ 1.67309676783573", "y_1 ≈ 2.68342080290394"], 12),
        ("x^2+y^2=10; y=x^3-2; x>0", ["x ≈ 1.67309676783573", "y ≈ 2.68342080290394"], 2),
        ("x^6+y=1; y^6+x=1", ["x_0 ≈ -1.13472413840152", "y_0 ≈ -1.13472413840152", "x_1 = 0", "y_1 = 1"], 72),
        ("(x^7-2)(x-1)=0; y=x+1", ["x_0 = 1", "y_0 = 2", "x_1 ≈ 1.10408951367381", "y_1 ≈ 2.10408951367381"], 16),
        ("x^5-x-1=0; y=x^5-x; z=sin(y)", ["x_0 ≈ 1.16730397826142", "y_0 = 1", "z_0 ≈ 0.841470984807897"], 15),
        ("x+y=100000000; x^5-y=3; x>0", ["x ≈ 39.8107141244274", "y ≈ 99999960.1892859"], 2),
        ("x^5+y=3; y=1/x", ["x_0 ≈ 0.333794388543193", "y_0 ≈ 2.99585623462510"], 12),
        ("x^6-3x+2=0; y=|x|", ["x_0 ≈ 0.709011195150870", "y_0 ≈ 0.709011195150870", "x_1 = 1", "y_1 = 1"], 4),
        ("x^5-x-1=0; a+b=5", ["a_0 = 5 - b", "x_0 ≈ 1.16730397826142"], 10),
    ],
)
def test_a_system_has_all_roots_of_the_polynomial_that_substitution_leaves(equation, begin, count):
    lines = solve(equation)
    assert lines[: len(begin)] == begin
    assert len(lines) == count


@pytest.mark.parametrize(
    ("equation", "lines"),
    [
        ("y=x^5-2; y=-2", ["x = 0", "y = -2"]),
        ("y=x^5-32; y=0; x>0", ["x = 2", "y = 0"]),
        (
            "y=x^4-5x^2+4; y=0",
            ["x_0 = -2", "y_0 = 0", "x_1 = -1", "y_1 = 0", "x_2 = 1", "y_2 = 0", "x_3 = 2", "y_3 = 0"],
        ),
        ("x^2+y^2=25; x+y=7", ["x_0 = 3", "y_0 = 4", "x_1 = 4", "y_1 = 3"]),
    ],
)
def test_a_system_with_closed_forms_keeps_them(equation, lines):
    assert solve(equation) == lines


@pytest.mark.parametrize(
    ("equation", "lines"),
    [
        ("y=cbrt(x); x=-8", ["x = -8", "y = -2"]),
        ("x=-8; y=∛x+1", ["x = -8", "y = -1"]),
        ("cbrt(x)=-2", ["x = -8"]),
        ("cbrt(x)=2", ["x = 8"]),
        ("cbrt(x)=20", ["x = 8000"]),
        ("cbrt(x)=x", ["x_0 = -1", "x_1 = 0", "x_2 = 1"]),
        ("cbrt(x)^2-cbrt(x)-2=0", ["x_0 = -1", "x_1 = 8"]),
        ("cbrt(x^3+x)=2", ["x ≈ 1.83375095772140"]),
        ("y=2cbrt(x)+1; y=-5", ["x = -27", "y = -5"]),
        ("cbrt(x+y)=-2; x-y=2", ["x = -3", "y = -5"]),
        ("s=cbrt(V); V", ["V = s**3"]),
        ("y=cbrt(8a)", ["y = cbrt(8*a)"]),
        ("cbrt(x)>-2", ["x > -8"]),
        ("cbrt(x-1)<=-2", ["x <= -7"]),
        ("x^2+cbrt(8)=0", ["x_0 = -1.4142135623731*I", "x_1 = 1.4142135623731*I"]),
    ],
)
def test_a_cube_root_is_real(equation, lines):
    assert solve(equation) == lines


@pytest.mark.parametrize(
    ("equation", "lines"),
    [
        ("x+y=35,100=2x+4y", ["x = 20", "y = 15"]),
        ("x+y=30,100-2x=y", ["x = 70", "y = -40"]),
        ("x+y+z=35,100=2x+4y,z=3", ["x = 14", "y = 18", "z = 3"]),
        ("苹果+香蕉=35，100=2苹果+4香蕉", ["苹果 = 20", "香蕉 = 15"]),
        ("x+y=1,200", ["x = 1200 - y"]),
        ("x=1,200; y=2x", ["x = 1200", "y = 2400"]),
        ("x=1,200,y=2x", ["x = 1200", "y = 2400"]),
        ("x+y=1,200 2x-y=2", ["x = 1202/3", "y = 2398/3"]),
        ("1<x<=1,200", ["1 < x <= 1200"]),
    ],
)
def test_a_comma_between_two_equations_separates_them(equation, lines):
    assert solve(equation) == lines


@pytest.mark.parametrize(
    ("equation", "lines"),
    [
        ("9^x=81", ["x = 2"]),
        ("10^(2x)=1000", ["x = 3/2"]),
        ("4^x-6*2^x+8=0", ["x_0 = 1", "x_1 = 2"]),
        ("0.5^(t/5730)=0.3", ["t = 9952.81285457236"]),
        ("1000*1.05^t=2000", ["t = 14.2066990828905"]),
        ("100*2^(-t/5)=10", ["t = 5 + 5*log(5)/log(2)"]),
        ("log_3(x)=4", ["x = 81"]),
    ],
)
def test_exponentials_have_their_real_solution(equation, lines):
    assert solve(equation) == lines


@pytest.mark.parametrize(
    ("equation", "lines"),
    [
        ("F=ma", ["F = a*m"]),
        ("xy=36", ["x = 36/y"]),
        ("V=lwh", ["V = h*l*w"]),
        ("xy=6; yz=12; x=1", ["x = 1", "y = 6", "z = 2"]),
        ("tax=3", ["tax = 3"]),
        ("cost=3qty; qty=2", ["cost = 6", "qty = 2"]),
        ("ax+b=0; x", ["x = -b/a"]),
        ("20%x=50", ["x = 250.000000000000"]),
        ("3x+5=20元", ["x = 5"]),
        ("x元+5元=12元", ["x = 7"]),
        ("60km/h*t=180km", ["t = 3"]),
        ("x+y=10 x-y=2", ["x = 6", "y = 4"]),
        ("x+y=10 和 x-y=2", ["x = 6", "y = 4"]),
        ("x:y=3:4; x+y=70", ["x = 30.0000000000000", "y = 40.0000000000000"]),
        ("x/2=y/3=z/4; x+y+z=18", ["x = 4", "y = 6", "z = 8"]),
        ("Solve for x: 3x+2=11", ["x = 3"]),
        ("3x+2y=11 for y", ["y = 11/2 - 3*x/2"]),
        ("x=?, 2x=10", ["x = 5"]),
        ("设x+5=12", ["x = 7"]),
        ("U=IR", ["I = U/R"]),
        ("rA+rB=10; rA-rB=2", ["rA = 6", "rB = 4"]),
        ("dB=10", ["dB = 10"]),
        ("d=2; B=3; x=dB", ["B = 3", "d = 2", "x = 6"]),
        ("x=sqrt[4]+CubeRoot{8}", ["x = 4.00000000000000"]),
        ("PE=m*g*h", ["PE = g*h*m"]),
        ("GDP=100", ["GDP = 100"]),
        ("CP=100; SP=CP*2", ["CP = 100", "SP = 200"]),
        ("lnx=2", ["x = exp(2)"]),
        ("2pir=10", ["r = 1.59154943091895"]),
        ("F=ma; m=5kg; a=2", ["F = 10", "a = 2", "m = 5"]),
        ("sin²x=0", ["x_0 = 0", "x_1 = pi"]),
        ("x km + 5 km = 20 km", ["x = 15"]),
        ("已知3x+2=11，求x", ["x = 3"]),
        ("如果x+y=5，x-y=1", ["x = 3", "y = 2"]),
        ("x+y=25; a=3; b=4", ["a = 3", "b = 4", "x = 25 - y"]),
        ("y=ax+b; 2=a+b; 5=2a+b", ["a = 3", "b = -1", "x = (y + 1)/3"]),
        ("7y=3x; y=cos(x)", ["x ≈ 1.08645650374197", "y ≈ 0.465624215889414"]),
        ("1/f=1/do+1/di; d=2; i=1; o=1", ["d = 2", "f = 1", "i = 1", "o = 1"]),
        ("x1+x2=5; x1x2=6", ["x1_0 = 2", "x2_0 = 3", "x1_1 = 3", "x2_1 = 2"]),
        ("x加2=5", ["x = 3"]),
        ("x=3和y=4", ["x = 3", "y = 4"]),
        ("计算机=5", ["计算机 = 5"]),
        ("10元x=30元", ["x = 3"]),
        ("x+60°=180°", ["x = 120"]),
        ("y=1 1/2x, x=2", ["x = 2.00000000000000", "y = 3.00000000000000"]),
        ("x+2! = 5", ["x = 3.00000000000000"]),
        ("C=5!/3!=20", ["C = 20.0000000000000"]),
        ("x^2=9; x !=3", ["x = -3"]),
        ("3:2x=1:4", ["x = 6.00000000000000"]),
        (r"\begin{cases} x+y=5 \\ x-y=1 \end{cases}", ["x = 3", "y = 2"]),
        ("P=e^2; P=16; P", ["P_0 = 16", "P_1 = 16"]),
        ("x=e^2", ["x = 7.38905609893065"]),
        ("x=cbrt(-27)", ["x = -3.00000000000000"]),
        ("4^x=8", ["x = 3/2"]),
        ("2^(x^2)=1", ["x = 0"]),
        ("1.6e-19*V=3.2e-19", ["V = 2.00000000000000"]),
        ("x^3=8; x>0", ["x = 2"]),
        (r"\frac{x}{2} = 5", ["x = 10"]),
        (r"x^{2} \cdot 2 = 8", ["x_0 = -2", "x_1 = 2"]),
    ],
)
def test_what_a_careful_person_reads(equation, lines):
    assert solve(equation) == lines


@pytest.mark.parametrize(
    ("equation", "lines"),
    [
        ("x+2^x=11", ["x = 3"]),
        ("x*2^x=8", ["x = 2"]),
        ("2^x+3^x=5", ["x = 1"]),
        ("x^x=27", ["x = 3"]),
        ("e^x=x+1", ["x = 0"]),  # touches zero without crossing it
        ("x^100=1", ["x_0 = -1", "x_1 = 1"]),
    ],
)
def test_a_numeric_root_that_is_a_short_fraction_is_exact(equation, lines):
    assert solve(equation) == lines


@pytest.mark.parametrize(
    "equation",
    [
        "x*exp(x)+sin(x)=2",
        "x^x^x=2",
        "sqrt(x+1)+sqrt(x+5)+sqrt(x+12)=9",
        "x^(1/3)+x^(1/5)=3",
        "sin(x)^3+cos(x)^5=0.3",
        "|x^2-4|+|x-1|=x^3",
        "1000*(1-(1+r)^-12)/r=10000",
        "tan(x)=x",
    ],
)
def test_what_has_no_closed_form_takes_no_long_search_for_one(equation):
    with effort_below(40):
        assert any("≈" in line for line in solve(equation))


def test_an_equation_that_holds_for_a_sample_is_no_identity():
    """With a = 7/3, b = 3, c = 11/3 the second equation happens to hold."""
    lines = solve("a/(b+c)=1; b/(a+c)=1/2; a+b+c=10")
    assert lines == ["a = 5.00000000000000", "b = 3.33333333333333", "c = 1.66666666666667"]


@pytest.mark.parametrize(
    ("equation", "reason"),
    [
        ("3x+280", "no equation"),
        ("5=6", "no unknown"),
        ("dy/dx=2x", "derivatives"),
        ("x=5 or x=3", "word 'or'"),
        ("a:b:c=1:2:3", "unexpected ':'"),
        ("x=2小时/30分钟", "units are not converted"),
        ("1美元=x人民币", "units are not converted"),
        ("x = 5 km + 300 m", "unit or an unknown"),
        ("10m/s*t=50m", "m/s may be"),
        ("2^3 1/2=x", "unexpected"),
        ("|x|=x; x=-3", "no solution"),
        ("|x-3|+|x+1|=4; x=10", "no solution"),
        ("I=PRT; R", "R does not occur"),
        ("sin2x=1", "two ways"),
        ("x=5,100-x", "two ways"),
        ("5km=x m", "unit or an unknown"),
        ("10%3x=6", "two ways"),
        ("x squared=9", "'squared'"),
        ("half x=5", "'half'"),
        ("sum of x and y=5", "sum of"),
        ("x的平方根=3", "'x的平方根'"),
        ("x+y=5 (1) x-y=1 (2)", "number of an equation"),
        ("x+y=1,100x=200", "two ways"),
        ("a = 1,200 = b", "two ways"),
        ("x+y=1,234,567=2x", "two ways"),
        ("x^2=-I^2; x", "I is an unknown"),
        ("x+y=2; x-y=0; x=5", "contradict"),
        ("x=1; x=2", "contradict"),
        ("y=2x+1; 3y-6x=0", "contradict"),
        ("x+y=10 1/2x+y=7", "10 1/2 can be read in two ways"),
        ("x+y=10 1/2 * (x-y)=1", "10 1/2 can be read in two ways"),
        ("x+2!=5", "!= can be read in two ways"),
        ("x^2=9; 2(x)!=6", "!= can be read in two ways"),
        ("x=x", "every value"),
        ("x/0=1", "division by zero"),
        ("x=log(0)", "undefined"),
        ("2(x+1)=2x", "contradict"),
        ("(x+1)^2=x^2+2x+1", "every value"),
        ("x+log(-1)>y", "one unknown"),
        ("x+log(-1)>0", "no way is known"),
        ("1/x=0", "no solution"),
        ("sqrt(x)=-1", "no solution"),
        ("x^2<-1", "no solution"),
        ("x^2=4; x>5", "inequalities"),
        ("x>1; y>1", "one unknown"),
        ("sin(x)>0", "periodic"),
        ("floor(x)=3", "floor of an unknown"),
        ("f(x)=2x", "unknown function f"),
        ("x+log(8, 0)=3", "no base 0"),
        ("x=log(8, 3-2)", "no base 1"),
        ("x=nan", "no number"),
        ("x+inf=3", "no number"),
        ("x^100000=1", "exponent 100000"),
        ("9^9^9^9=x", "bits"),
        ("x=factorial(10^9)", "factorial"),
        ("x=2^9000*y", "cannot be written down"),
        (";".join(f"x{i}=1" for i in range(101)), "101 unknowns"),
    ],
)
def test_refusal_says_why(equation, reason):
    with pytest.raises(PluginError, match=reason):
        solve(equation)


@pytest.mark.parametrize(
    "equation",
    [
        "__import__('os').system('id')=x",
        'x=sin("__import__")',
        "x.__class__=1",
        "x=eval(1)",
        "x=lambda y: y",
        "x\0=1",
        "\ud800=1",
        "(" * 10_000 + "x" + ")" * 10_000 + "=1",
        "x=" + "9" * 1_000_000,
    ],
)
def test_hostile_input_is_refused_fast(equation):
    with effort_below(25), pytest.raises(PluginError):
        solve(equation)


def test_sympy_evaluates_no_text(monkeypatch):
    def forbidden(*_):
        raise AssertionError("text was evaluated")

    for other in ("y=cos(y)", "y^3-4y+1=0", "a+b=5; a-b=1", "3y+2<9", "ab=6; a+b=5", "a*b=7"):
        solve(other)  # for the imports that sympy puts off
    monkeypatch.setattr(builtins, "eval", forbidden)
    monkeypatch.setattr(builtins, "exec", forbidden)
    for equation in ("x=cos(x)", "x^3-3x+1=0", "exec+eval=3; exec-eval=1", "2x+3<7", "xy=12; x+y=7", "os*x=3"):
        assert solve(equation)


def test_sixty_equations():
    equations = ["x0=1", *(f"x{i}=x{i - 1}+1" for i in range(1, 60))]
    assert "x59 = 60" in solve(";".join(equations))


coefficients = st.integers(-20, 20)


def values(lines):
    """The solutions as one dict of exact numbers per index."""
    solutions = {}
    for line in lines:
        name, _, value = line.partition(" = ")
        letter, _, index = name.partition("_")
        solutions.setdefault(index, {})[letter] = Fraction(value)
    return list(solutions.values())


@settings(max_examples=20)
@given(*[coefficients] * 6)
def test_linear_systems_hold_by_substitution(a, b, c, d, e, f):
    assume(a * e != b * d)
    assume((a or d) and (b or e))
    (solution,) = values(solve(f"{a}x+({b})y={c}; {d}x+({e})y={f}"))
    x, y = solution["x"], solution["y"]
    assert a * x + b * y == c
    assert d * x + e * y == f


@settings(max_examples=20)
@given(st.integers(-30, 30), st.integers(-30, 30), st.integers(1, 9))
def test_every_root_of_a_quadratic(first, second, factor):
    lines = solve(f"{factor}x^2 + ({-factor * (first + second)})x + ({factor * first * second}) = 0")
    assert sorted(s["x"] for s in values(lines)) == sorted({first, second})


@settings(max_examples=20)
@given(st.decimals(-100, 100, places=2), st.decimals(1, 100, places=2), st.decimals(-100, 100, places=2))
def test_decimal_equations_give_fifteen_digits(shift, factor, value):
    (line,) = solve(f"{factor}*x + ({shift}) = {value}")
    expected = (Fraction(value) - Fraction(shift)) / Fraction(factor)
    assert abs(Fraction(line.removeprefix("x = ")) - expected) <= abs(expected) * Fraction(1, 10**14)


@settings(max_examples=60)
@given(st.text("0123456789.+-*/()=xy ", max_size=16))
def test_any_text_gives_lines_or_a_reason(text):
    try:
        lines = solve(text)
    except PluginError as error:
        assert len(str(error).splitlines()) == 1
    else:
        assert lines
        assert all(" = " in line or " ≈ " in line for line in lines)
