"""Cases from files: conversations, questions, rows of turns; what is faulty is named with its place."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moss_agent.conversation import Conversation
from moss_agent.errors import UsageError
from moss_agent.evaluation.cases import QuestionCase, RecordedCase
from moss_agent.evaluation.reading import read_cases
from moss_agent.events import Call
from moss_agent.json_records import FaultyData
from moss_agent.records import Round, Turn

ROOT = Path(__file__).parents[2]
SUM = Turn("What is 3*4?", (Round("x", 'Calculate("3*4")', """Calculate("3*4") => '12'"""),), "It is 12.")
TALK = Conversation("You are a test.\n", [SUM, Turn("谢谢", answer="不客气。")])
RECORD = TALK.to_training("talk_7", "calculator")


def write(path: Path, *records: object) -> Path:
    lines = [record if isinstance(record, str) else json.dumps(record, ensure_ascii=False) for record in records]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def faults(path: Path) -> list[str]:
    with pytest.raises(FaultyData) as caught:
        read_cases(path)
    assert "\n" not in str(caught.value)
    return caught.value.faults


def test_each_turn_of_a_conversation_is_a_case_after_those_before_it(tmp_path: Path) -> None:
    first, second = read_cases(write(tmp_path / "talk.jsonl", RECORD))
    assert isinstance(first, RecordedCase) and isinstance(second, RecordedCase)
    assert [first.id, first.category, first.language, first.before] == ["talk_7.1", "Calculate", "en", ()]
    assert [second.id, second.category, second.language] == ["talk_7.2", "no plugin", "zh"]
    assert second.before == (first.turn,) and second.question == "谢谢"
    assert first.turn.calls == (Call("Calculate", "3*4", "12", True, 0.0, arguments=("3*4",)),)


def test_one_record_a_list_a_folder_and_our_own_json_are_read(tmp_path: Path) -> None:
    one = write(tmp_path / "one.json", json.dumps(RECORD, indent=1))
    several = write(tmp_path / "list.json", [RECORD, RECORD])
    TALK.save(tmp_path / "own.json")
    assert [case.id for case in read_cases(one)] == ["talk_7.1", "talk_7.2"]
    assert [case.id for case in read_cases(several)] == ["talk_7.1", "talk_7.2", "talk_7.1#2", "talk_7.2#2"]
    assert [case.id for case in read_cases(tmp_path / "own.json")] == ["own.1", "own.2"]
    assert len(read_cases(tmp_path)) == 8


def test_a_stopped_turn_is_no_case(tmp_path: Path) -> None:
    stopped = Turn("And?", answer="So", status="stopped")
    Conversation("", [SUM, stopped]).save(tmp_path / "own.json")
    assert [case.question for case in read_cases(tmp_path / "own.json")] == ["What is 3*4?"]


def test_rows_of_turns_become_conversations(tmp_path: Path) -> None:
    names = {"human": "Human", "inner_thoughts": "Inner Thoughts", "commands_raw": "Commands"}
    names |= {"results_raw": "Tool Responses", "moss_raw": "MOSS"}
    rows = [
        {"conv": "talk_7", "turn": number, **{name: RECORD["chat"][f"turn_{number}"][of] for name, of in names.items()}}
        for number in (1, 2)
    ]
    read = read_cases(write(tmp_path / "rows.jsonl", *rows))
    assert [(case.id, case.question) for case in read] == [("talk_7.1", "What is 3*4?"), ("talk_7.2", "谢谢")]
    assert faults(write(tmp_path / "rows.jsonl", rows[1])) == [
        f"{tmp_path}/rows.jsonl, line 1: the turns of talk_7 are not numbered from 1 on"
    ]


@pytest.mark.parametrize(
    ("answer", "read"),
    [
        ("He has 42 left.\n#### 1,042", (("1,042",),)),
        (42, (("42",),)),
        (0, (("0",),)),
        (2.5, (("2.5",),)),
        ([23, 12], (("23",), ("12",))),
        ([["4:15", "16:15"], "pm"], (("4:15", "16:15"), ("pm",))),
        (None, ()),
    ],
)
def test_answers_of_questions(tmp_path: Path, answer: object, read: object) -> None:
    (case,) = read_cases(write(tmp_path / "q.jsonl", {"question": "How many?", "answer": answer}))
    assert isinstance(case, QuestionCase)
    assert (case.answer, case.plugins) == (read, () if answer is None else None)


def test_questions_have_ids_kinds_and_languages(tmp_path: Path) -> None:
    path = write(
        tmp_path / "q.jsonl",
        {"question": "How many?", "answer": 1},
        "",
        {"question": "几个？", "answer": 1, "kind": "sum", "plugins": ["Solve"]},
        {"question": "Combien ?", "answer": 1, "id": 7, "language": "fr"},
    )
    read = read_cases(path)
    assert [(case.id, case.category, case.language) for case in read] == [
        ("q:1", "q", "en"),
        ("q:3", "sum", "zh"),
        ("7", "q", "fr"),
    ]
    assert isinstance(read[1], QuestionCase) and read[1].plugins == ("Solve",)


def test_every_faulty_record_is_named_with_its_line(tmp_path: Path) -> None:
    path = write(
        tmp_path / "q.jsonl",
        {"question": "How many?", "answer": 1},
        '{"question": ',
        {"question": " ", "answer": 1},
        {"question": "What?"},
        {"question": "What?", "answer": True},
        {"question": "What?", "answer": []},
        {"question": "What?", "answer": "####"},
        {"question": ["What?"], "answer": 1},
        '{"question": "\\ud800", "answer": 1}',
        "[1]",
        {"chat": {"turn_1": {"Human": "Hi"}}, "meta_instruction": ""},
        {"format": "moss_agent.conversation/2", "turns": 1},
        {"function": [], "question": "What?"},
        '{"question": "What?", "answer": NaN}',
        '{"question": "Go<eoh>", "answer": ' + "[" * 100_000 + "]" * 100_000 + "}",
    )
    named = faults(path)
    assert [fault.partition(": ")[0] for fault in named] == [f"{path}, line {n}" for n in (2, 9, 14, 15)] + [
        f"{path}, line {n}" for n in (3, 4, 5, 6, 7, 8, 10, 11, 12, 13)
    ]
    assert all("\n" not in fault and len(fault) < 600 for fault in named)


def test_files_that_cannot_be_read_are_named_too(tmp_path: Path) -> None:
    write(tmp_path / "good.jsonl", RECORD)
    (tmp_path / "bad.json").write_bytes(b'{"chat": "\xff"}')
    (tmp_path / "text.json").write_text("Hello, this is text.\n")
    assert [fault.partition(":")[0] for fault in faults(tmp_path)] == [
        f"{tmp_path}/{name}.json" for name in ("bad", "text")
    ]


@pytest.mark.parametrize("name", ["nothing", "missing.jsonl", "empty.jsonl"])
def test_where_there_is_no_case_the_remedy_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "nothing").mkdir()
    (tmp_path / "empty.jsonl").touch()
    with pytest.raises(UsageError, match="name|has to be"):
        read_cases(tmp_path / name)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["question", "answer", "chat", "format", "kind", "conv"]), inner, max_size=4
            )
        ),
        max_leaves=8,
    )
)
def test_whatever_a_record_is_it_is_a_case_or_a_fault(tmp_path_factory: pytest.TempPathFactory, data: object) -> None:
    path = tmp_path_factory.getbasetemp() / "any.jsonl"
    path.write_text(json.dumps(data) + "\n")
    try:
        assert read_cases(path)
    except UsageError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize(("name", "language"), [("en.jsonl", "en"), ("zh.jsonl", "zh")])
def test_the_everyday_questions_are_cases(name: str, language: str) -> None:
    cases = read_cases(ROOT / "bench" / "everyday" / name)
    assert len({case.question for case in cases}) == len(cases) >= 150
    assert {case.language for case in cases} == {language}
    assert all(isinstance(case, QuestionCase) and bool(case.answer) == (case.plugins is None) for case in cases)
    assert min(Counter(case.category for case in cases).values()) >= 8


def test_how_mini_is_made_has_none_of_the_everyday_questions() -> None:
    files = [
        path for path in (ROOT / "examples" / "mini").rglob("*") if path.suffix in (".py", ".txt", ".toml", ".jsonl")
    ]
    text = "\n".join(path.read_text(encoding="utf-8") for path in files)
    cases = read_cases(ROOT / "bench" / "everyday")
    assert files and not [case.question for case in cases if len(case.question) > 6 and case.question in text]
