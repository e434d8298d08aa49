"""Judgements of turns, by the calculator and the solver themselves."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moss_agent.errors import MossAgentError
from moss_agent.evaluation.cases import ExpectedCall, FunctionsCase, QuestionCase, RecordedCase
from moss_agent.evaluation.judging import Judgement, end_results, is_same_call, judge, values_of
from moss_agent.events import Call, Citation
from moss_agent.plugin_host import Parameter, Plugin
from moss_agent.records import Round, Turn
from plugins.calculator import calculate
from plugins.equation_solver import solve
from plugins.web_search import web_search

PLUGINS = [calculate, solve, web_search]


def compute(call: Call) -> str | None:
    try:
        result = {"Calculate": calculate, "Solve": solve}[call.name](*call.arguments)
    except (MossAgentError, KeyError):
        return None
    return result if isinstance(result, str) else "\n".join(map(str, result or ()))


def call(name: str, argument: str, result: str | None = None, ok: bool = True) -> Call:
    made = Call(name, argument, "", ok, 0.0, arguments=(argument,))
    return replace(made, result=result if result is not None else compute(made) or "No result.")


def turn(answer: str, *calls: Call, question: str = "?", **more: object) -> Turn:
    commands = ", ".join(f'{each.name}("{each.argument}")' for each in calls) or "None"
    return Turn(question, (Round("", commands, calls=calls, **more),), answer)  # type: ignore[arg-type]


def judged(recorded: Turn, made: Turn) -> Judgement:
    case = RecordedCase(id="1", question="?", category="", language="en", before=(), turn=recorded)
    return judge(case, made, PLUGINS, compute)


def answered(answer: object, made: Turn, plugins: tuple[str, ...] | None = None, question: str = "?") -> Judgement:
    parts = tuple(tuple(part) for part in answer)  # type: ignore[attr-defined]
    case = QuestionCase(id="1", question=question, category="", language="en", answer=parts, plugins=plugins)
    return judge(case, made, PLUGINS, compute)


def end_values(recorded: Turn) -> list[list[Fraction]]:
    return [[each.value for each in end] for end in end_results(recorded, compute)]


RABBITS = turn("There are 23 chickens and 12 rabbits.", call("Solve", "x+y=35;2*x+4*y=94"))


def test_equal_equations_in_other_words_are_the_same() -> None:
    made = turn("23 chickens, 12 rabbits.", call("Solve", "a+b=35; 4b+2a=94"))
    assert judged(RABBITS, made) == Judgement(
        True, {"choice": True, "arguments": True, "result": True, "answer": True}, ()
    )


def test_a_wrong_equation_is_seen_in_arguments_result_and_answer() -> None:
    made = turn("鸡129/2，兔-59/2。", call("Solve", "x+y=35;x-y=94"))
    assert judged(RABBITS, made).checks == {"choice": True, "arguments": False, "result": False, "answer": False}


TWINS = turn("Both are 2.", call("Solve", "x+y=4;x-y=0"))


def test_equal_values_of_a_call_are_wanted_as_often() -> None:
    wrong = turn("x is 2 and y is 3.", call("Solve", "x+y=5;y-x=1"))
    assert judged(TWINS, wrong).checks == {"choice": True, "arguments": False, "result": False, "answer": True}
    for calls in ([call("Solve", "a=b;a+b=4")], [call("Calculate", "4/2"), call("Calculate", "4-2")]):
        assert judged(TWINS, turn("They are 2.", *calls)).checks["result"]
    assert judged(TWINS, turn("Both are 2.")).checks["result"]


def test_a_value_of_several_solutions_is_wanted_once() -> None:
    recorded = turn("They are 3 and 4.", call("Solve", "x+y=7;x*y=12"))
    assert judged(recorded, turn("They are 3 and 4.", call("Solve", "x*(7-x)=12"))).checks["result"]


def test_a_value_of_two_calls_is_wanted_once() -> None:
    recorded = turn("It is 2.", call("Calculate", "1+1"), call("Calculate", "4-2"))
    assert judged(recorded, turn("It is 2.", call("Calculate", "4/2"))).checks["result"]


def test_another_plugin_may_come_to_the_right_end() -> None:
    recorded = turn("So it is 4.", call("Solve", "2*x+3=11"))
    made = turn("It is 4.", call("Calculate", "(11-3)/2"))
    judgement = judged(recorded, made)
    assert judgement.checks == {"choice": False, "arguments": False, "result": True, "answer": True}
    assert judgement.right


def test_a_right_result_may_be_told_wrongly() -> None:
    recorded = turn("It is 3293.", call("Calculate", "37*89"))
    made = turn("It is 3239.", call("Calculate", "89*37"))
    assert judged(recorded, made).checks == {"choice": True, "arguments": True, "result": True, "answer": False}


def test_without_calls_the_answer_is_the_result() -> None:
    recorded = turn("It is 3293.", call("Calculate", "37*89"))
    assert judged(recorded, turn("It is 3293.")).checks["result"]
    assert not judged(recorded, turn("It is 3239.")).checks["result"]


def test_what_the_recorded_answer_states_is_the_end_result() -> None:
    several = turn("Together 30.", call("Calculate", "5*4+10"), call("Calculate", "5*4"))
    assert end_values(several) == [[30]]
    both = turn("20 and 30.", call("Calculate", "5*4"), call("Calculate", "5*6"))
    assert end_values(both) == [[20], [30]]
    silent = turn("Here you are.", call("Calculate", "5*4"), call("Calculate", "5*5"))
    assert end_values(silent) == [[25]]
    assert end_values(RABBITS) == [[23, 12]]


def test_what_the_plugin_gives_counts_rather_than_what_is_recorded() -> None:
    wrong = turn("It is 4.", call("Calculate", "2+3", result="4"))
    assert judged(wrong, turn("It is 5.", call("Calculate", "3+2"))).checks["result"]
    unknown = turn("It is 17 degrees.", call("Weather", "Paris", result="17"))
    assert end_values(unknown) == [[17]]


def test_where_no_plugin_was_used_none_should_be() -> None:
    assert judged(turn("Hi!"), turn("Hello!")).right
    assert not judged(turn("Hi!"), turn("Hello!", call("Calculate", "1+1"))).right


@pytest.mark.parametrize(
    ("name", "first", "second", "same"),
    [
        ("Calculate", "3×4", "3 * 4", True),
        ("Calculate", "12", "3*4", True),
        ("Calculate", "12", "3*5", False),
        ("Search", "Moss  plant", "moss plant", True),
        ("Search", "moss", "fern", False),
        ("Solve", "x^2=4", "y^2-4=0", True),
        ("Solve", "x^2=4", "x=2", False),
        ("Solve", "x+y=4;x-y=0", "x+y=5;y-x=1", False),
        ("Solve", "x+y=5;y-x=1", "x+y=4;x-y=0", False),
        ("Solve", "x+y=5;y-x=1", "a+b=5;a-b=1", True),
        ("Calculate", "200/3", "66.7", False),
        ("Calculate", "200/3", "200*(1/3)", True),
        ("Calculate", "1/0", "2/0", False),
    ],
)
def test_which_calls_are_the_same(name: str, first: str, second: str, same: bool) -> None:
    assert is_same_call(call(name, first), call(name, second), compute) == same


@given(st.integers(-999, 999), st.integers(-999, 999))
def test_swapped_summands_are_the_same_and_another_sum_is_not(a: int, b: int) -> None:
    first = call("Calculate", f"({a})+({b})")
    assert is_same_call(first, call("Calculate", f"({b})+({a})"), compute)
    assert not is_same_call(first, call("Calculate", f"({b})+({a})+1"), compute)


def test_values_of_results() -> None:
    assert [str(each.value) for each in values_of("x_0 = -12\nx_1 = 160/3")] == ["-12", "160/3"]
    assert values_of("x = sqrt(2)") == values_of("<|1|>: 'moss'") == []


@pytest.mark.parametrize(
    ("answer", "said", "right"),
    [
        ([["23"], ["12"]], "12 rabbits and 23 chickens", True),
        ([["23"], ["12"]], "23 chickens", False),
        ([["2.5", "150"]], "It takes 150 minutes.", True),
        ([["Thursday"]], "Thursday", True),
        ([["42"]], "First 41. Then 42.", True),
        ([["42"]], "42 is wrong. It is 41.", False),
    ],
)
def test_answers_of_questions(answer: list[list[str]], said: str, right: bool) -> None:
    assert answered(answer, turn(said)).right == right


def test_a_question_for_no_plugin_is_right_with_any_answer_and_no_call() -> None:
    assert answered([], turn("Hello!"), plugins=()).right
    assert not answered([], turn("Hello!", call("Search", "hi")), plugins=()).right
    assert not answered([], turn(" "), plugins=()).right


@pytest.mark.parametrize("name", ["Calculate", "calculator"])
def test_a_question_names_the_plugin_to_call_as_the_model_does_or_as_people_do(name: str) -> None:
    plugins = (replace(calculate, key="calculator"),)
    made = turn("It is 12.", call("Calculate", "3*4"))
    case = QuestionCase(id="1", question="?", category="", language="en", answer=(("12",),), plugins=(name,))
    assert judge(case, made, plugins, compute).checks["choice"]
    assert not judge(case, turn("It is 12."), plugins, compute).checks["choice"]


def test_where_a_right_value_was_computed_it_is_seen() -> None:
    made = turn("It is 13.", call("Calculate", "3*4"))
    assert answered([["12"]], made).checks == {"result": True, "answer": False}


def declared(name: str, *parameters: str) -> Plugin:
    return Plugin(
        name, name, name, lambda: None, tuple(Parameter(each, solve.parameters[0].kind) for each in parameters)
    )


PLAY = ExpectedCall("play", {"artist": ("Maroon 5",), "minutes": (20, "")})
STOP = ExpectedCall("play", {"artist": ("Adele", "adele"), "minutes": (15,)})


@pytest.mark.parametrize(
    ("expected", "made", "checks"),
    [
        ([PLAY], [{"artist": "maroon-5"}], {"choice": True, "arguments": True}),
        ([PLAY], [{"artist": "Maroon 5", "minutes": 21}], {"choice": True, "arguments": False}),
        ([PLAY], [{"artist": "Maroon 5", "loud": True}], {"choice": True, "arguments": False}),
        (
            [PLAY, STOP],
            [{"artist": "Adele", "minutes": 15.0}, {"artist": "Maroon 5"}],
            {"choice": True, "arguments": True},
        ),
        ([PLAY, PLAY], [{"artist": "Maroon 5"}], {"choice": False, "arguments": False}),
        ([STOP], [{"artist": "Adele"}], {"choice": True, "arguments": False}),
        ([], [], {"choice": True}),
        ([], [{"artist": "Adele"}], {"choice": False}),
    ],
)
def test_calls_of_declared_functions(
    expected: list[ExpectedCall], made: list[dict[str, object]], checks: dict[str, bool]
) -> None:
    functions = (declared("play", "artist", "minutes"),)
    case = FunctionsCase(
        id="1", question="?", category="", language="en", functions=functions, expected=tuple(expected)
    )
    calls = [Call("play", "", "Done.", True, 0.0, named=values) for values in made]  # type: ignore[arg-type]
    judgement = judge(case, turn("Done.", *calls), functions, compute)
    assert judgement.checks == checks and judgement.right == all(checks.values())


def test_citations_hold_if_they_are_there_and_say_so() -> None:
    source = Citation(1, "Moss is a small plant.")
    search = call("Search", "moss", result="<|1|>: 'Moss is a small plant.'")
    good = turn("A plant<sup><|1|></sup>.", search, sources=(source,))
    dangling = turn("A plant<sup><|2|></sup>.", search, sources=(source,))
    weak = replace(good, citations=(replace(source, weak=True),))
    assert [judged(good, each).checks.get("citations") for each in (good, dangling, weak)] == [True, False, False]
    assert "citations" not in judged(good, turn("A plant.", search)).checks


@pytest.mark.parametrize(
    ("made", "fault"),
    [
        (replace(turn("It"), finish="length"), "cut off"),
        (replace(turn("It"), notices=("Commands cut off: max_new_tokens was reached",)), "cut off"),
        (Turn("?", (Round("", "Calculate 37*89"),), "It"), "unreadable commands"),
        (turn("It", call("Count", "3", ok=False)), "unknown plugin"),
        (turn("It", Call("Calculate", "", "No result.", False, 0.0)), "wrong arguments"),
        (turn(" "), "no answer"),
    ],
)
def test_faults_of_form(made: Turn, fault: str) -> None:
    assert judged(turn("Hi!"), made).faults == (fault,)


def test_a_turn_without_faults_has_none() -> None:
    assert judged(RABBITS, RABBITS).faults == ()
    assert judged(turn("Hi!"), Turn("?", (Round("", "None."),), "It")).faults == ()
