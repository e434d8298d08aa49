"""Cases asked in real chats: what runs, what is replayed, what stands in the file."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from moss_agent.errors import EngineError, UsageError
from moss_agent.evaluation.cases import Case, QuestionCase, RecordedCase
from moss_agent.evaluation.functions import functions_case
from moss_agent.evaluation.outcomes import Outcome, Run, outcomes, read_outcomes, to_json
from moss_agent.evaluation.subject import Subject
from moss_agent.events import Call, Hit
from moss_agent.plugin_host import plugin
from moss_agent.records import Round, Turn
from plugins.text_to_image import text_to_image
from tests.evaluation.subjects import PLUGINS, Written, chat_subject, moss_subject
from tests.evaluation.test_functions import question as function_question
from tests.scripted_chat import call

SEARCHED = Turn(
    "What is moss?",
    (
        Round(
            "x",
            'Search("moss")',
            "Search(\"moss\") =>\n<|1|>: 'Moss is a small plant.'\n<|2|>: 'It grows in shade.'",
            (Call("Search", "moss", "<|1|>: 'Moss is a small plant.'\n<|2|>: 'It grows in shade.'", True, 0.0),),
        ),
    ),
    "A small plant<sup><|1|></sup>.",
)


def recorded(turn: Turn, *before: Turn) -> RecordedCase:
    return RecordedCase(id=turn.question, question=turn.question, category="x", language="en", before=before, turn=turn)


def asked(text: str, answer: str) -> QuestionCase:
    return QuestionCase(id=text, question=text, category="sum", language="en", answer=((answer,),))


def made(subject: Subject, *cases: Case, at_once: int = 3) -> dict[str, Outcome]:
    with subject:
        return {outcome.id: outcome for outcome in outcomes(subject, cases, at_once)}


def test_calculator_and_solver_run_and_the_file_has_all_of_it(tmp_path: Path) -> None:
    written: Written = {"3*4?": ('Calculate("3*4")', "It is 12."), "x+1=3?": ('Solve("x+1=3")', "x is 3.")}
    found = made(moss_subject(written), asked("3*4?", "12"), asked("x+1=3?", "2"))
    twelve, two = found["3*4?"], found["x+1=3?"]
    assert (twelve.right, twelve.checks) == (True, {"result": True, "answer": True})
    assert (two.right, two.checks) == (False, {"result": True, "answer": False})
    assert [(each.text, each.result, each.ok) for each in two.calls] == [('Solve("x+1=3")', "x = 2", True)]
    assert twelve.generated_tokens > 20 and twelve.thoughts == "x" and twelve.answer == "It is 12."
    path = tmp_path / "out.jsonl"
    items = [Run(data="q", model="m"), *found.values()]
    lines = "".join(json.dumps(to_json(item)) + "\n" for item in items)
    path.write_bytes((lines + '{"type": "case", "id": "多').encode()[:-1])  # cut off within a character
    assert read_outcomes(path) == (items[0], [*found.values()])


def test_a_search_gives_what_is_recorded_whatever_is_searched_for() -> None:
    written = {"What is moss?": ('Search("moss plant")', "Moss is a small plant<sup><|1|></sup>.")}
    outcome = made(moss_subject(written), recorded(SEARCHED))["What is moss?"]
    assert outcome.calls[0].result == "<|1|>: 'Moss is a small plant.'\n<|2|>: 'It grows in shade.'"
    assert outcome.checks == {"choice": True, "arguments": False, "citations": True}


def test_a_citation_of_another_passage_does_not_hold() -> None:
    written = {"What is moss?": ('Search("moss")', "Sugar beets are refined in factories<sup><|2|></sup>.")}
    assert made(moss_subject(written), recorded(SEARCHED))["What is moss?"].checks["citations"] is False


def test_stored_hits_are_found_again() -> None:
    stored = replace(
        SEARCHED,
        rounds=(
            replace(
                SEARCHED.rounds[0], results="None", calls=(Call("Search", "m", "", True, 0.0, hits=(Hit("A fern."),)),)
            ),
        ),
    )
    written = {"What is moss?": ('Search("moss")', "A fern.")}
    assert made(moss_subject(written), recorded(stored))["What is moss?"].calls[0].result == "<|1|>: 'A fern.'"


def test_nothing_is_searched_for_or_drawn_for_a_question() -> None:
    written = {"1?": ('Search("one")', "1"), "2?": ('Text2Image("two")', "2")}
    found = made(moss_subject(written, [*PLUGINS, text_to_image]), asked("1?", "1"), asked("2?", "2"))
    assert [call.ok for outcome in found.values() for call in outcome.calls] == [False, False]


def test_a_recorded_picture_is_drawn_without_drawing() -> None:
    drawn = Turn(
        "Draw a fox",
        (
            Round(
                "",
                'Text2Image("fox")',
                "Image generated successfully.",
                (Call("Text2Image", "fox", "Image generated successfully.", True, 0.0, arguments=("fox",)),),
            ),
        ),
        "Here.",
    )
    written = {"Draw a fox": ('Text2Image("a fox")', "Here it is.")}
    outcome = made(moss_subject(written, [text_to_image]), recorded(drawn))["Draw a fox"]
    assert outcome.calls[0].ok and outcome.checks["choice"] and outcome.right


def test_a_plugin_that_needs_approval_does_not_run() -> None:
    @plugin("Pay", label="Pay", key="pay", approval="ask")
    def pay(amount: str) -> str:
        raise AssertionError

    outcome = made(moss_subject({"Pay!": ('Pay("5")', "Done 1")}, [pay]), asked("Pay!", "1"))["Pay!"]
    assert (outcome.calls[0].ok, outcome.right) == (False, True)


def test_the_model_is_told_the_recorded_turns_before() -> None:
    written = {"And?": ("None", "Green.")}
    subject = moss_subject(written)
    seen: list[str] = []
    model = subject._dialect([]).model  # type: ignore[attr-defined]
    model.before_writing = lambda question: seen.append(model.text)
    made(subject, recorded(Turn("And?", answer="Green."), SEARCHED))
    assert "What is moss?<eoh>" in seen[0] and "A small plant<sup><|1|></sup>.<eom>" in seen[0]


def test_without_plugins_none_is_there() -> None:
    case = replace(asked("3*4?", "12"), without_plugins=True)
    outcome = made(moss_subject({"3*4?": ('Calculate("3*4")', "It is 12.")}), case)["3*4?"]
    assert (outcome.mode, outcome.calls[0].ok, outcome.faults) == ("without plugins", False, ("unknown plugin",))


@pytest.mark.parametrize("error", [EngineError("out of ink"), OSError("out of ink")])
def test_a_failure_is_told_and_not_judged(error: Exception) -> None:
    written: Written = {"1?": error, "2?": ("None", "2")}
    found = made(moss_subject(written), asked("1?", "1"), asked("2?", "2"))
    assert (found["1?"].error, found["1?"].right, found["2?"].right) == ("out of ink", False, True)


def test_several_are_asked_at_the_same_time() -> None:
    everybody = threading.Barrier(3)

    def meet(question: str) -> None:
        if question not in met:
            met.add(question)
            everybody.wait(60)

    met: set[str] = set()
    written = {f"{n}?": ("None", str(n)) for n in range(3)}
    found = made(moss_subject(written, before_writing=meet), *(asked(f"{n}?", str(n)) for n in range(3)))
    assert all(outcome.right for outcome in found.values()) and len(found) == 3


def test_an_interrupt_ends_what_is_being_asked() -> None:
    written = {f"{n}?": ("None", str(n)) for n in range(9)}
    subject = moss_subject(written)
    coming = outcomes(subject, [asked(f"{n}?", str(n)) for n in range(9)], 2)
    next(coming)
    with pytest.raises(KeyboardInterrupt):
        coming.throw(KeyboardInterrupt)  # type: ignore[attr-defined]
    with pytest.raises(Exception, match="stopped"):
        subject.ask(asked("1?", "1"))


def test_functions_are_declared_called_and_judged() -> None:
    name, calls = "simple_0", [{"geometry.triangle_area": {"base": [10], "height": [5], "sides": [""]}}]
    case = functions_case(function_question(name, "Area?"), {name: calls}, "simple")
    right, wrong = '{"base": 10, "height": 5.0}', '{"base": 10, "height": 6}'
    for arguments, is_right in ((right, True), (wrong, False)):
        subject = chat_subject([[call("geometry_triangle_area", arguments)], ["It is 25."]])
        outcome = made(subject, case)[name]
        assert (outcome.right, outcome.checks["choice"], outcome.answer) == (is_right, True, "It is 25.")
        assert outcome.calls[0].result == "Done."
    refused = chat_subject([[call("geometry_triangle_area", '{"base": {"x": 1}}')], ["?"]])
    assert made(refused, case)[name].checks == {"choice": True, "arguments": False}


@pytest.mark.parametrize("content", ["", "{}\n", '{"type": "case"}\n', "[" * 100_000])
def test_another_file_is_none_of_results(tmp_path: Path, content: str) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text(content)
    with pytest.raises(UsageError, match="name a file that it has written"):
        read_outcomes(path)


def test_of_a_case_that_stands_there_twice_the_last_counts(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    one = Outcome(id="1", category="", language="en", question="?", error="no")
    items = [Run(data="q", model="m"), one, replace(one, error="", right=True), replace(one, mode="without plugins")]
    path.write_text("".join(json.dumps(to_json(item)) + "\n" for item in items))
    assert [outcome.error for outcome in read_outcomes(path)[1]] == ["", "no"]
