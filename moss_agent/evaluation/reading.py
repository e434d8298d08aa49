"""Cases from data: recorded conversations, questions with answers, declared functions, told apart by their form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar

from msgspec import convert

from moss_agent.conversation import Conversation
from moss_agent.errors import MossAgentError, UsageError, one_line
from moss_agent.evaluation.cases import Alternatives, Case, QuestionCase, RecordedCase, language_of
from moss_agent.evaluation.functions import ANSWERS, answers_of, category_of, functions_case
from moss_agent.json_records import FaultyData, Record, files_of, iterate, reason_of
from moss_agent.records import Turn

C = TypeVar("C", bound=Case)
FORMS = "a recorded conversation, a question with its answer, or a line of BFCL's data in its folder"
_SEGMENTS = {  # of rows that are one turn each, and what MOSS's format calls them
    "human": "Human",
    "inner_thoughts": "Inner Thoughts",
    "commands_raw": "Commands",
    "results_raw": "Tool Responses",
    "moss_raw": "MOSS",
}
_MARK = "####"  # what follows it in an answer is the answer


def read_cases(path: Path) -> list[Case]:
    """Read the cases of a file or folder. Raises UsageError, or FaultyData with all that is wrong."""
    faults: list[str] = []
    paths = files_of(path)
    if any(category_of(file.name) for file in paths):
        cases: list[Case] = list(_functions(paths, faults))
    else:
        cases = list(_others(iterate(paths, faults), faults))
    if faults:
        raise FaultyData(faults)
    if not cases:
        raise UsageError(f"{path} has no case: each record has to be {FORMS}")
    return _distinct(cases)


def _others(records: Iterator[Record], faults: list[str]) -> Iterator[Case]:
    """Yield the cases of conversations and questions; rows of turns with the same `conv` are one conversation."""
    for row, group in groupby(records, _conversation_of_row):
        members = list(group)
        for each in _conversations(row, members, faults) if row else members:
            try:
                yield from _cases(each)
            except (MossAgentError, KeyError, TypeError, ValueError, AttributeError) as error:
                faults.append(f"{each.place}: {reason_of(error)}")


def _conversation_of_row(record: Record) -> str:
    data = record.data
    return str(data["conv"]) if isinstance(data, dict) and {"conv", *_SEGMENTS} <= data.keys() else ""


def _conversations(name: str, rows: list[Record], faults: list[str]) -> Iterator[Record]:
    """Yield the conversation of the rows, in MOSS's format."""
    chat = {
        f"turn_{number}": {title: row.data[field] for field, title in _SEGMENTS.items()}
        for number, row in enumerate(rows, 1)
    }
    numbers = [row.data.get("turn") for row in rows]
    if numbers != [*range(1, len(rows) + 1)]:
        faults.append(f"{rows[0].place}: the turns of {one_line(name, 60)} are not numbered from 1 on")
        return
    meta = rows[0].data.get("meta_instruction", "")
    yield replace(rows[0], data={"conversation_id": name, "meta_instruction": meta, "chat": chat})


def _cases(record: Record) -> Iterator[Case]:
    """Yield the cases of a record. Raises an error if it is none."""
    data = record.data
    if not isinstance(data, Mapping):
        raise ValueError(f"it is no JSON object: each record has to be {FORMS}")
    if "chat" in data:
        yield from _recorded(record, Conversation.from_training(data))
    elif "format" in data:
        yield from _recorded(record, Conversation.from_json(data))
    elif "function" in data:
        raise ValueError(f"BFCL's data is read from its folder, which has the folder {ANSWERS} in it: name that")
    elif "question" in data and "answer" in data:
        yield _question(record, data)
    else:
        raise ValueError(f"unknown form: each record has to be {FORMS}")


def _recorded(record: Record, conversation: Conversation) -> Iterator[RecordedCase]:
    """Yield a case for each turn that was not stopped."""
    if not conversation.turns:
        raise ValueError("it has no turns")
    name = record.data.get("conversation_id") or record.data.get("id") or _short_place(record)
    for number, turn in enumerate(conversation.turns, 1):
        if turn.status == "done":
            yield RecordedCase(
                id=f"{one_line(name, 100)}.{number}",
                question=turn.question,
                category=_plugins_of(turn),
                language=language_of(turn.question),
                before=tuple(conversation.turns[: number - 1]),
                turn=turn,
            )


def _plugins_of(turn: Turn) -> str:
    return "+".join(sorted({one_line(call.name, 40) for call in turn.calls})) or "no plugin"


def _question(record: Record, data: Mapping[str, Any]) -> QuestionCase:
    question = convert(data["question"], str)
    if not question.strip():
        raise ValueError("the question is empty")
    answer = _answer(data["answer"])
    plugins = convert(data.get("plugins", None if answer else ()), tuple[str, ...] | None)
    return QuestionCase(
        id=one_line(convert(data.get("id", _short_place(record)), str | int), 100),
        question=question,
        category=one_line(convert(data.get("kind") or data.get("category") or record.path.stem, str), 40),
        language=one_line(convert(data.get("language") or language_of(question), str), 20),
        answer=answer,
        plugins=plugins,
    )


def _answer(data: Any) -> tuple[Alternatives, ...]:
    """Return an answer: text, a number, or a list of what has to be stated, lists in it being alternatives."""
    if data is None:
        return ()
    parts = convert(data if isinstance(data, list) else [data], list[str | int | float | list[str | int | float]])
    answer = tuple(tuple(map(_said, part if isinstance(part, list) else [part])) for part in parts)
    if not answer or not all(part and all(part) for part in answer):
        raise ValueError("the answer is empty: write null for a question that any answer is right for")
    return answer


def _said(part: str | int | float) -> str:
    return str(part).rpartition(_MARK)[2].strip()


def _functions(paths: list[Path], faults: list[str]) -> Iterator[Case]:
    """Yield the cases of BFCL's files; other files of the folder are left alone."""
    for file in (each for each in paths if category_of(each.name) and each.parent.name != ANSWERS):
        category = category_of(file.name)
        known = file.parent / ANSWERS / file.name
        answers = dict(answers_of([each.data for each in iterate([known], faults)])) if known.exists() else {}
        for record in iterate([file], faults):
            try:
                yield functions_case(record.data, answers, category)
            except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
                faults.append(f"{record.place}: {reason_of(error)}")


def _distinct(cases: list[C]) -> list[C]:
    """Return the cases with ids that are different, by numbers behind those that come again."""
    seen: dict[str, int] = {}
    result = []
    for case in cases:
        times = seen[case.id] = seen.get(case.id, 0) + 1
        result.append(case if times == 1 else replace(case, id=f"{case.id}#{times}"))
    return result


def _short_place(record: Record) -> str:
    return f"{record.path.stem}:{record.line}" if record.line else record.path.stem
