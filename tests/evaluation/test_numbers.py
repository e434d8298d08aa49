"""Numbers as models and data write them."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moss_agent.evaluation.numbers import concludes, contains, number, numbers, states_all


def values(text: str) -> list[str]:
    return [str(each.value) for each in numbers(text)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("It is 1,234.5, not 12,34.", ["2469/2", "12", "34"]),
        ("x_0 = -12 and x1 = 3", ["-12", "3"]),
        ("35-23=12", ["35", "23", "12"]),
        ("−5 or –5", ["-5", "-5"]),
        ("x = ±4", ["4", "-4"]),
        ("160/3, 100/4, 90/1.5", ["160/3", "100", "4", "90", "3/2"]),
        ("It is -3 or 1/2.", ["-3", "1/2"]),
        ("共３．５万元，12只", ["35000", "12"]),
        ("1.5e3 and 2e-1", ["1500", "1/5"]),
        ("It is 36<sup><|2|></sup>.", ["36"]),
        ("$5 and -$5", ["5", "-5"]),
        ("1/0", ["1", "0"]),
        ("9" * 500 + " 7", ["7"]),
        ("1e999999, 1e9999", ["1"]),
        ("H2O, COVID-19", ["19"]),
        ("答案是-5，温度为-5℃", ["-5", "-5"]),
        ("- 23 rabbits\n- 12 chickens", ["23", "12"]),
        ("Rabbits - 23, Total – 23", ["23", "23"]),
        ("x = - 5, y=- 6, (- 7), - $8", ["-5", "-6", "-7", "8"]),
        ("3至-3, 35 - 12, 10–20", ["3", "-3", "35", "12", "10", "20"]),
        ("1½ cups, ½ cup, 2 3/4, -1 1/2", ["3/2", "1/2", "11/4", "-3/2"]),
        ("5² = 25, 10⁸, 10⁻³, 12 m²", ["5", "25", "10", "10", "12"]),
        ("3⁄4 of 12 5/4, 2 2/4", ["3/4", "12", "5/4", "2", "2", "4"]),
        ("10±2, 3 ± 1/2, 正负4", ["10", "2", "-2", "3", "1/2", "-1/2", "4", "-4"]),
        ("$.50, -.5, 1.2.3, no.5", ["1/2", "-1/2", "6/5"]),
        ("零下5度，负5，胜3负2, It is minus 5. = Minus 6", ["-5", "-5", "3", "2", "-5", "-6"]),
        ("10 minus 5, 10 euros minus 5", ["10", "5", "10", "5"]),
        ("12\u2009345, 12\u202f345\u202f678, 1{,}234.5, 7\\,000", ["12345", "12345678", "2469/2", "7000"]),
        ("12 345, 12\u200934, 5\\,cm", ["12", "345", "12", "34", "5"]),
        (r"\frac{160}{3}, -\dfrac{1}{2}, 2\tfrac{1}{2}, \frac{-1{,}000}{3}", ["160/3", "-1/2", "5/2", "-1000/3"]),
        ("7/2 = 4, 7/2≈$3.50, 1 1/2 = 1.5.", ["4", "7/2", "3/2"]),
        ("1/8 = 12.5%, 5/6 = 10/12, 160/3 = x", ["1/8", "25/2", "5/6", "10", "12", "160/3"]),
    ],
)
def test_numbers_of_a_text(text: str, found: list[str]) -> None:
    assert values(text) == found


@given(st.fractions(max_denominator=1000).filter(lambda value: value.denominator > 1))
def test_a_fraction_in_lowest_terms_is_a_number(value: Fraction) -> None:
    made = number(str(value))
    assert made is not None and made.value == value


@given(st.integers(-(10**30), 10**30), st.integers(0, 6))
def test_grouped_digits_and_decimals_are_read_back(digits: int, places: int) -> None:
    value = Fraction(digits, 10**places)
    written = f"{abs(digits):0{places + 1}d}"
    whole, decimals = written[: len(written) - places], written[len(written) - places :]
    text = f"{'-' if digits < 0 else ''}{int(whole):,}{'.' + decimals if decimals else ''}"
    made = number(text)
    assert made is not None and made.value == value


@given(st.text())
def test_any_text_has_numbers_or_not(text: str) -> None:
    assert all(isinstance(each.value, Fraction) for each in numbers(text))
    number(text)


@pytest.mark.parametrize(
    ("text", "is_one"),
    [("42", True), ("$1,080", True), ("25%", True), ("- 5", True), ("1½", True), ("4 2", False), ("", False)],
)
def test_what_is_a_number_as_a_whole(text: str, is_one: bool) -> None:
    assert (number(text) is not None) == is_one


@pytest.mark.parametrize(
    ("said", "exact", "right"),
    [
        ("78.54", "78.53981633974483", True),
        ("66.7", "66.66666666666667", True),
        ("67", "66.66666666666667", False),
        ("3.3", "10/3", False),
        ("3.33", "10/3", True),
        ("565.49", "565.51", False),
        ("100", "99.5", False),
        ("100.4", "100", False),
        ("270.0", "270", True),
        ("86.08695652", "86.0869565217391", True),
        ("33.5999", "33.6", True),
        ("33.58", "33.6", False),
        ("33.59", "33.6", False),
        ("270001", "270000", False),
        ("12345678902", "12345678901", False),
        ("12,345,678,901", "12345678901", True),
        ("12345678901.0", "12345678901", True),
        ("78.53981633974483", "78.54", True),
        ("0.014", "0.01", False),
        ("0.0245", "0.02", False),
        ("0.254", "0.25", False),
        ("0.2514", "0.251", True),
        ("0.00", "0.004", False),
        ("0.01", "0.005", False),
        ("0.01", "0.01", True),
        ("0.05", "0.0512", False),
        ("0.051", "0.0512", True),
        ("0.33", "1/3", True),
    ],
)
def test_a_rounded_value_counts_if_enough_is_left(said: str, exact: str, right: bool) -> None:
    wanted = number(exact)
    assert wanted is not None
    assert states_all(f"It is {said}.", [wanted]) == right


@given(st.integers(-(10**30), 10**30), st.integers(-(10**30), 10**30))
def test_an_integer_states_no_other_integer(one: int, other: int) -> None:
    wanted = number(str(other))
    assert wanted is not None
    assert states_all(f"({one})", [wanted]) == (one == other)
    assert states_all(f"({other + 1})", [wanted]) is False


@given(st.integers(0, 999), st.integers(1, 99), st.integers(2, 100))
def test_a_mixed_number_is_read_as_one(whole: int, part: int, divisor: int) -> None:
    value = Fraction(part, divisor)
    if 0 < value < 1:
        assert values(f"It is {whole} {value}.") == [str(whole + value)]


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("There are 23 chickens and 12 rabbits.", True),
        ("First, 94-70=24. So there are 12 rabbits.", True),
        ("12 was my first idea. It is 17.", False),
        ("35 heads and 94 legs make 13 rabbits.", False),
        ("There are 12, of 35 heads. So much for the 35.", True),
        ("It is \\boxed{12}, and 99 is not.", True),
        ("Because of 12.\n#### 14", False),
        ("It is 99.\n#### 12", True),
        ("#### Final answer\n12", True),
        ("It is 14.\n##### Step 12", True),
        ("#### 1. Legs\n24/2 = 12", True),
        ("It is 14.\n##### Step 12\nSo it is 14.", False),
        (r"It is 12, \boxed{\text{rabbits}}.", True),
        (r"It is \boxed{\frac{24}{7}}, not 12.", False),
        ("有12只兔。", True),
        ("I do not know.", False),
    ],
)
def test_what_a_text_concludes(text: str, right: bool) -> None:
    wanted = number("12")
    assert wanted is not None
    assert concludes(text, wanted, "35 heads, 94 legs: how many rabbits?") == right


@pytest.mark.parametrize(
    ("text", "wanted", "question", "right"),
    [
        ("100/10 is 10.", "10", "What is 100/10?", True),
        ("100*0.8=80, 80*1.25=100. It is 100.", "100", "A price of 100 falls 20%, then rises 25%.", True),
        ("100*0.8=80. It is 80.", "100", "A price of 100 falls 20%, then rises 25%.", False),
    ],
)
def test_a_value_of_the_question_can_be_the_answer(text: str, wanted: str, question: str, right: bool) -> None:
    value = number(wanted)
    assert value is not None
    assert concludes(text, value, question) == right


@pytest.mark.parametrize(
    ("text", "wanted", "right"),
    [
        ("It is thursday.", "Thursday", True),
        ("It is a Sunday", "sun", False),
        ("是星期四。", "星期四", True),
        ("At 4:15 pm", "4:15", True),
        ("At 14:15", "4:15", False),
        ("(a+b)", "(a+b)", True),
        ("anything", " ", False),
        ("It is not Thursday but Friday.", "Thursday", False),
        ("It is Friday, not Thursday; it isn't Sunday.", "Sunday", False),
        ("Not Friday. It is Thursday.", "Thursday", True),
        ("不是。", "是", False),
        ("不是星期五，是星期四。", "星期五", False),
        ("不是星期五，是星期四。", "星期四", True),
    ],
)
def test_words_of_an_answer(text: str, wanted: str, right: bool) -> None:
    assert contains(text, wanted) == right
