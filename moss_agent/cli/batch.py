"""Many questions from a file, several at a time, each answered by one line of JSON; goes on where it stopped."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from moss_agent.cli.json_lines import print_json, snake_case
from moss_agent.cli.screen import Screen
from moss_agent.concurrently import results
from moss_agent.errors import MossAgentError, UsageError
from moss_agent.events import to_json
from moss_agent.resources import read_bytes, read_text

if TYPE_CHECKING:
    from moss_agent.runtime import Runtime

LONGEST = 256_000_000  # bytes of a file


@dataclass(frozen=True)
class Question:
    """id: what its answer is told by: the number of its line, unless the file gives one."""

    id: str
    text: str


def read_questions(path: Path) -> list[Question]:
    """Read a question from each line: plain text, or a JSON object with `question` and perhaps `id`.

    Raises UsageError for a line that is neither, and for an id that comes twice.
    """
    questions: dict[str, Question] = {}
    for number, line in enumerate(read_text(path, LONGEST).split("\n"), 1):
        if not line.strip():
            continue
        question = _question(line.strip(), str(number), f"{path}, line {number}")
        if question.id in questions:
            raise UsageError(f"{path}, line {number}: the id {question.id} comes twice")
        questions[question.id] = question
    if not questions:
        raise UsageError(f"{path} has no question: put one in each line")
    return list(questions.values())


def answered(path: Path) -> set[Question]:
    """Return the questions that an earlier run has answered there, leaving out those that failed."""
    if not path.exists():
        return set()
    questions = set()
    for line in read_bytes(path, LONGEST).split(b"\n"):
        # A line may be cut off, or another program's.
        with suppress(ValueError, AttributeError, TypeError, RecursionError):
            data = json.loads(line)
            if data.get("type") == "answer":
                questions.add(Question(data.get("id"), data.get("question")))
    return questions


@contextmanager
def appending(path: Path | None, out: TextIO) -> Iterator[TextIO]:
    """Yield the file to append lines to, or standard output. Raises UsageError if it cannot be written."""
    if path is None:
        yield out
        return
    try:
        file = open(path, "a", encoding="utf-8")  # noqa: SIM115
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot write to {path}: {getattr(error, 'strerror', None) or error}") from None
    with file:
        if file.tell() and not path.read_bytes().endswith(b"\n"):  # the last line of a run that was killed
            file.write("\n")
        yield file


@contextmanager
def needing_room(path: Path | None) -> Iterator[None]:
    """Raise UsageError, which says what to do, where a file that is written becomes full."""
    try:
        yield
    except OSError as error:
        if path is None or error.filename is not None:  # not of this file
            raise
        problem = f"cannot write to {path}: {error.strerror or error}"
        raise UsageError(f"{problem}: make room there, and the same command goes on") from None


def run(runtime: Runtime, questions: list[Question], out: TextIO, at_once: int, *, plain: bool = False) -> int:
    """Answer the questions and return how many failed. Lines are written as answers come, each at once.

    plain: show no progress, which moves.
    """
    screen = Screen(sys.stderr, plain=plain)
    failed = 0
    try:
        for done, answer in enumerate(_answers(runtime, questions, at_once), 1):
            print_json(answer, out)
            failed += answer["type"] == "error"
            screen.pass_by(f"{done} of {len(questions)} questions" + (f", {failed} failed" if failed else ""))
    finally:
        screen.end_passing()
    return failed


def _answers(runtime: Runtime, questions: list[Question], at_once: int) -> Iterator[dict[str, Any]]:
    """Yield answers as they come. An interrupt ends those that are being written."""
    return results(lambda question: _answer(runtime, question), questions, at_once, runtime.close)


def _answer(runtime: Runtime, question: Question) -> dict[str, Any]:
    """Return the answer as JSON data, or the error."""
    asked = {"id": question.id, "question": question.text}
    try:
        with closing(runtime.chat()) as chat:
            return {**asked, **to_json(chat.ask(question.text))}
    except MossAgentError as error:
        return {**asked, "type": "error", "error": snake_case(type(error).__name__), "message": str(error)}


def _question(line: str, number: str, place: str) -> Question:
    if not line.startswith("{"):
        return Question(number, line)
    try:
        data = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{place}: no JSON: {error}") from None
    text, name = data.get("question"), data.get("id", number)
    if not isinstance(text, str) or not text.strip() or not isinstance(name, (str, int)):
        raise UsageError(f'{place}: write {{"id": "...", "question": "..."}}')
    return Question(str(name), text)
