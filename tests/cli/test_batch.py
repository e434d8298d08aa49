"""Many questions from a file: read, answered several at a time, gone on with."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from moss_agent import Runtime, cli
from moss_agent.cli.batch import Question, answered, appending, needing_room, read_questions, run
from moss_agent.errors import EngineError, ServerError, UsageError
from tests.cli.conftest import Program
from tests.cli.test_eval import QuestionServer
from tests.engine.backends.remote.raw_server import serving
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


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def server() -> Iterator[QuestionServer]:
    with serving(made := QuestionServer()):
        yield made


def on_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Standard output and standard error, on a terminal that shows colours."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    monkeypatch.setattr("sys.stderr", terminal)
    return terminal


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
    others = ["3", '{"type": "answer", "id": "3", "question": ["c"]}', '{"type": "answ']
    others.append("[" * 200_000)
    own = [{"type": kind, "id": name, "question": "a"} for kind, name in (("answer", "1"), ("error", "2"))]
    path.write_text("\n".join([*map(json.dumps, own), *others]))
    assert answered(path) == {Question("1", "a")}


def test_a_line_that_was_cut_off_within_a_character_is_no_answer(tmp_path: Path) -> None:
    path, out = tmp_path / "answers.jsonl", io.StringIO()
    whole = [json.dumps({"type": "answer", "id": name, "question": "多少"}, ensure_ascii=False) for name in "12"]
    path.write_bytes("\n".join(whole).encode()[:-3])
    assert answered(path) == {Question("1", "多少")}
    with appending(path, out) as lines:
        lines.write(whole[1] + "\n")
    assert answered(path) == {Question("1", "多少"), Question("2", "多少")} and out.getvalue() == ""


def test_a_full_disk_is_one_line_and_the_same_command_goes_on(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    path, questions = tmp_path / "answers.jsonl", [Question(str(n), f"{'多' * 500} {n}?") for n in range(8)]
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with scripted_runtime(AnsweringModel([]), []) as runtime:
        resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, before[1]))
        try:
            with (
                pytest.raises(UsageError, match="make room there"),
                needing_room(path),
                appending(path, io.StringIO()) as lines,
            ):
                run(runtime, questions, lines, at_once=1)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    known = answered(path)
    assert 0 < len(known) < 8
    with scripted_runtime(AnsweringModel([]), []) as runtime, appending(path, io.StringIO()) as lines:
        run(runtime, [each for each in questions if each not in known], lines, at_once=1)
    assert answered(path) == set(questions)


def test_a_chat_that_cannot_be_opened_is_one_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Runtime) -> None:
        raise ServerError("no tokens")

    monkeypatch.setattr(Runtime, "chat", refuse)
    failed, lines = answers([Question("1", "1?"), Question("2", "2?")])
    assert failed == 2 and {line["message"] for line in lines.values()} == {"no tokens"}


def test_what_was_answered_is_asked_again_if_its_text_or_id_has_changed(
    command: Program, server: QuestionServer, tmp_path: Path
) -> None:
    path, out = tmp_path / "questions.txt", tmp_path / "answers.jsonl"
    asked = ["ask", "--batch", str(path), "--out", str(out), "--server", server.url, "--plugins", "calculator"]
    path.write_text('{"id": "a", "question": "Say 1"}\n{"id": "b", "question": "Say\\u2028 2"}\nSay 3\n')
    assert command(*asked).returncode == 0 and sorted(server.asked) == ["Say 1", "Say 3", "Say\u2028 2"]
    done = command(*asked[:-3], "http://127.0.0.1:1")
    assert (done.returncode, done.stderr) == (0, "all 3 questions are answered there already\n")
    path.write_text('Say 0\n{"id": "a", "question": "Say 4"}\n{"id": "b", "question": "Say\\u2028 2"}\nSay 3\n')
    assert command(*asked).returncode == 0 and sorted(server.asked[3:]) == ["Say 0", "Say 3", "Say 4"]
    lines = [json.loads(line) for line in out.read_text().split("\n")[:-1]]
    assert [line["id"] for line in lines].count("a") == 2 and len(lines) == 6


@pytest.mark.parametrize("option", ["-p", "-t", "-f", "--save", "--id"])
def test_what_a_batch_would_leave_out_of_account_is_refused(command: Program, tmp_path: Path, option: str) -> None:
    (tmp_path / "questions.txt").write_text("What is 1?\n")
    done = command("ask", "--batch", "questions.txt", option, "x=y", "--server", "http://127.0.0.1:1")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert option in done.stderr.partition("leave out ")[2]


def test_at_least_one_question_is_asked_at_a_time(command: Program) -> None:
    done = command("ask", "--batch", "questions.txt", "--at-once", "0")
    assert (done.returncode, done.stderr) == (2, "moss-agent: --at-once 0: must be 1 or more\n")


def test_progress_is_shown_unless_it_is_to_be_plain(
    command: Program, server: QuestionServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "questions.txt").write_text("Say 1\n")
    asked = ["ask", "--batch", "questions.txt", "--server", server.url, "--plugins", "calculator", "--out"]
    terminal = on_terminal(monkeypatch)
    assert command(*asked, "plain.jsonl", "--plain").returncode == 0 and terminal.getvalue() == ""
    assert command(*asked, "moving.jsonl").returncode == 0 and "1 of 1 questions" in terminal.getvalue()


def test_answers_do_not_go_into_the_file_of_the_questions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "questions.txt"
    path.write_text("What is 1?\n")
    nobody = "http://127.0.0.1:1"
    assert cli.main(["ask", "--batch", str(path), "--out", f"{tmp_path}/./questions.txt", "--server", nobody]) == 2
    assert "name another one" in capsys.readouterr().err
    assert path.read_text() == "What is 1?\n"


def test_an_interrupt_leaves_no_progress_on_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted(io.StringIO):
        def write(self, text: str) -> int:
            if self.getvalue():
                raise KeyboardInterrupt
            return super().write(text)

    terminal = on_terminal(monkeypatch)
    with scripted_runtime(AnsweringModel([]), []) as runtime, pytest.raises(KeyboardInterrupt):
        run(runtime, [Question(str(n), f"What is {n}?") for n in range(3)], Interrupted(), at_once=1)
    assert "1 of 3 questions" in terminal.getvalue() and terminal.getvalue().endswith("\r\x1b[K")
