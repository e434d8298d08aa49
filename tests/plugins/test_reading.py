"""What a careful person reads in a calculator's argument: units, words, LaTeX, Python, letter runs."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moss_agent.errors import PluginError
from plugins.calculator import calculate
from tests.effort import effort_below


@pytest.mark.parametrize(
    ("argument", "result"),
    [
        ("60 km/h * 2.5 h", "150.0"),
        ("60 mph * 2 hours", "120"),
        ("60kmh*2h", "120"),
        ("100 miles / 50 mph", "2.0"),
        ("60 MPH + 5 MPH", "65"),
        ("60公里/小时*2小时", "120"),
        ("5m/s*10s", "50"),
        ("8,848m - 8,611m", "237"),
        ("220V*5A", "1100"),
        ("50kg*9.8N/kg", "490.00000000000006"),
        ("3人*50元/人", "150"),
        ("8 hours/day * 5 days", "40"),
        ("365 days * 24 hours/day", "8760"),
        ("$15/hour * 8 hours", "120"),
        ("¥50/人*3人", "150"),
        ("3箱*12瓶/箱", "36"),
        ("sin30° + sin^2(30°)", "0.75"),
        ("30 students * 2 pencils", "60"),
        ("5 apples + 3 apples", "8"),
        ("12 months * 3 + 2 months", "38"),
        ("3 baths * 2 cloths", "6"),
        ("5 deaths + 7 deaths", "12"),
        ("2 canteens * 3 parties", "6"),
        ("18℃-(-5℃)", "23"),
        ("sin(30 degrees)", "0.5"),
        ("cos 60度", "0.5"),
        ("360度/6", "60.0"),
        ("180°-60°", "120"),
        ("sin(2*30 degrees)", "0.8660254037844386"),
        ("sin((30) degrees)", "0.5"),
        ("1200/5/4-1000/10/10", "50.0"),
        ("1000-10-10-1000-5-5", "-30"),
        ("1亿2千万/3", "40000000.0"),
        ("3万5千*2", "70000"),
    ],
)
def test_units_and_magnitudes(argument, result):
    assert calculate(argument) == result


@pytest.mark.parametrize(
    ("argument", "reason"),
    [
        ("2小时/30分钟", "not converted"),
        ("3 hours / 20 minutes", "not converted"),
        ("60 km/h * 30 min", "not converted"),
        ("60 mph * 30 min", "not converted: mph, min"),
        ("60 kph * 30 min", "not converted"),
        ("100 km / 50 mph", "not converted"),
        ("1公里=1000米", "not converted"),
        ("1美元=6.9人民币", "not converted"),
        ("100美元=人民币", "not converted"),
        ("1米=几厘米", "unknown name '几厘米'"),
        ("5m+2s", "different units"),
        ("5m+2", "unknown name 'm'"),
        ("3t", "unknown name 't'"),
        ("9A+6B", "different units|unknown name"),
        ("1坦桑尼亚先令等于多少美元", "unknown name"),
        ("5千3万", "after a smaller magnitude"),
        ("2万5", "two ways"),
        ("5cm*2m", "not converted"),
        ("5 km > 3000 m", "may be a unit or an unknown"),
        ("2h^2+1", "unknown name 'h'"),
        ("2 thirds * 9", "unknown name 'thirds'"),
        ("3 sevenths * 7", "unknown name 'sevenths'"),
        ("4 twentieths * 5", "unknown name 'twentieths'"),
        ("5 hundredths * 100", "unknown name 'hundredths'"),
        ("3 tens + 5", "unknown name 'tens'"),
        ("2 gross * 3", "unknown name 'gross'"),
        ("$3 billions", "unknown name 'billions'"),
        ("5 times", "unknown name 'times'"),
        ("asin(0.5) degrees", "degrees are understood"),
        ("sin(30)°", "degrees are understood"),
        ("2 hours * 30 minutes", "not converted"),
    ],
)
def test_units_that_cannot_be_dropped_are_refused(argument, reason):
    with pytest.raises(PluginError, match=reason):
        calculate(argument)


@pytest.mark.parametrize(
    ("argument", "result"),
    [
        ("12 times 3 plus 4", "40"),
        ("12 divided by 4", "3.0"),
        ("17 mod 5", "2"),
        ("15 percent of 80", "12.0"),
        ("20%(500-100)", "80.0"),
        ("square root of 144", "12.0"),
        ("3乘以4加上5", "17"),
        ("100除以4", "25.0"),
        ("5的平方", "25"),
        ("2的10次方", "1024"),
        ("百分之5*80", "4.0"),
        ("4分之3", "0.75"),
        ("根号16", "4.0"),
        ("1 1/2 + 2 1/3", "3.8333333333333335"),
        ("2½ * 4", "10.0"),
        ("1+2+3+...+100", "5050"),
        ("2 + 4 + … + 100", "2550"),
        ("math.sqrt(16) + np.log10(100)", "6.0"),
        ("math.comb(5, 2)", "10"),
        ("1_000_000*3", "3000000"),
        ("int(7/2)", "3"),
        ("average(80, 90, 100)", "90.0"),
        ("median([3, 1, 2])", "2"),
        ("C(7,4) + P(5,2)", "55"),
        ("sin(radians(30))", "0.5"),
        ("degrees(pi)", "180.0"),
        (r"\frac{1}{2} \times \sqrt{9}", "1.5"),
        (r"\frac{\sqrt[3]{8}}{2^{3}}", "0.25"),
        (r"\left(3+4\right) \div 2", "3.5"),
        (r"\sin 30^\circ", "0.5"),
        (r"2\frac{1}{2}", "2.5"),
        (r"3*10^2\frac{1}{2}", "150.0"),
        (r"\binom{5}{2} + \log_{2}(8) + \sqrt4", "15.0"),
        ("100的平方根", "10.0"),
        ("20的15%", "3.0"),
        ("5的阶乘是多少", "120"),
        ("= 5*6", "30"),
        ("(2022-09-01 - 2022-08-22)/5", "2.0"),
    ],
)
def test_words_and_notations(argument, result):
    assert calculate(argument) == result


@pytest.mark.parametrize(
    ("argument", "result"),
    [
        ("a=1;b=-3;c=2;(-b+sqrt(b^2-4ac))/(2a)", "2.0"),
        ("m=5;g=9.8;h=10;mgh", "490.0"),
        ("2min(3, 4)", "6"),
        ("3.14 * r^2, r = 5", "78.5"),
        ("2x+1 where x=3", "7"),
        ("a=b+1; b=2", "3"),
        ("pi=3.14; pi*5^2", "78.5"),
    ],
)
def test_values_of_names_may_stand_anywhere(argument, result):
    assert calculate(argument) == result


@pytest.mark.parametrize("argument", ["1+2+4+...+100", "5+4+...+1", "1+2+...+1"])
def test_an_uneven_series_is_refused(argument):
    with pytest.raises(PluginError, match="series"):
        calculate(argument)


@pytest.mark.parametrize(
    "argument",
    ["100-1+2+...+10", "5*2+4+...+10", "1+2+...+10,000", "1+2+...+10 *2", "1/2 1/2", "2 1 1/2", "0.5½", "2½½",
     "sum(1,000,000)", "2^3 1/2", r"1 \pm 2", "x=3; x+2!=5"],
)  # fmt: skip
def test_what_can_be_read_in_two_ways_is_refused(argument):
    with pytest.raises(PluginError):
        calculate(argument)


@pytest.mark.parametrize("piece", [r"\frac{", r"\frac{1}{", "1 1/2 ", "1+2+...+", "2的", " times ", r"\sqrt[3]{"])
def test_long_nonsense_is_read_fast(piece):
    with effort_below(20), pytest.raises(PluginError):
        calculate("3" + piece * (3990 // len(piece)) + "!")


PIECES = st.sampled_from(
    [r"\frac", "{", "}", "(", ")", r"\sqrt", "^", "1", "2", "x", " ", "+", "...", " times ", "的平方", "%", "½", "km",
     "/", "h", "元", "万", "=", ";", "C", ",", "log_2", "°", "mod", "for", '"', "str", ".format", "2022-01-01", "-"]
)  # fmt: skip


@settings(max_examples=300)
@given(st.lists(PIECES, max_size=12).map("".join))
def test_whatever_is_put_together_gives_a_result_or_a_reason(text):
    try:
        assert calculate(text)
    except PluginError as error:
        assert len(str(error).splitlines()) == 1
