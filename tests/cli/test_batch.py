"""Many questions from a file: read, answered several at a time, gone on with."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest

from moss_agent import cli
from moss_agent.cli.batch import Question, answered, read_questions, run
from moss_agent.errors import EngineError, UsageError
from tests.scripted import ScriptedModel, ScriptedSession, scripted_runtime


class AnsweringSession(ScriptedSession):
    """Answers each question with the number that stands in it; fails where there is none."""

    def reply(self) -> str | BaseException:
        if self.text.endswith("<|MOSS|>:"):
            number = re.findall(r"\d+", self.text)
            return f" {number[-1]}<eom>" if number else EngineError("no number")
        return " x<eot>" if self.text.endswith("<|Inner Thoughts|>:") else " None<eoc>"


class AnsweringModel(ScriptedModel):
    session_type = AnsweringSession


def answers(questions: list[Question]) -> tuple[int, dict[str, dict]]:
    out = io.StringIO()
    with scripted_runtime(AnsweringModel([]), []) as runtime:
        failed = run(runtime, questions, out, at_once=3)
    return failed, {line["id"]: line for line in map(json.loads, out.getvalue().splitlines())}


def test_questions_are_lines_or_objects(tmp_path: Path) -> None:
    path = tmp_path / "questions.txt"
    path.write_text('\ufeffWhat is 1?\n\n{"id": "b", "question": "多少?"}\r\n{"question": "3?"}\n', encoding="utf-8")
    assert read_questions(path) == [Question("1", "What is 1?"), Question("b", "多少?"), Question("4", "3?")]


@pytest.mark.parametrize("content", ["", "\n", "{", '{"id": 1}', '{"question": ""}', '{"id": "2", "question": "a"}\nb'])
def test_what_is_no_question_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "questions.txt"
    path.write_text(content)
    with pytest.raises(UsageError, match="questions.txt"):
        read_questions(path)


def test_each_answer_is_a_line_and_a_failure_is_one_too() -> None:
    failed, lines = answers([Question(str(n), f"What is {n}?") for n in range(8)] + [Question("x", "What?")])
    assert failed == 1 and len(lines) == 9
    assert all(lines[str(n)]["text"] == str(n) and lines[str(n)]["type"] == "answer" for n in range(8))
    assert [lines["x"][name] for name in ("type", "error", "message")] == ["error", "engine_error", "no number"]


def test_what_was_answered_is_known_and_what_failed_is_asked_again(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    assert answered(path) == set()
    path.write_text('{"type": "answer", "id": "1"}\n{"type": "error", "id": "2"}\n{"type": "answ')
    assert answered(path) == {"1"}


def test_answers_do_not_go_into_the_file_of_the_questions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "questions.txt"
    path.write_text("What is 1?\n")
    nobody = "http://127.0.0.1:1"
    assert cli.main(["ask", "--batch", str(path), "--out", f"{tmp_path}/./questions.txt", "--server", nobody]) == 2
    assert "name another one" in capsys.readouterr().err
    assert path.read_text() == "What is 1?\n"


def test_an_interrupt_leaves_no_progress_on_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    class Interrupted(io.StringIO):
        def write(self, text: str) -> int:
            if self.getvalue():
                raise KeyboardInterrupt
            return super().write(text)

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr("sys.stderr", terminal := Terminal())
    with scripted_runtime(AnsweringModel([]), []) as runtime, pytest.raises(KeyboardInterrupt):
        run(runtime, [Question(str(n), f"What is {n}?") for n in range(3)], Interrupted(), at_once=1)
    assert "1 of 3 questions" in terminal.getvalue() and terminal.getvalue().endswith("\r\x1b[K")
