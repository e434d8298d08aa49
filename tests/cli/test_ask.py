"""`ask`: where the question comes from, what a pipe, a terminal and a program get to see."""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import pytest
from PIL import Image

from moss_agent.cli import running
from moss_agent.cli.approval import refusing
from moss_agent.cli.ask import answer, read_question
from moss_agent.cli.printing import Printer
from moss_agent.cli.text import columns as width
from moss_agent.errors import EngineError, UsageError
from moss_agent.events import Call, CallFinished, CallStarted, Reply
from tests.cli.conftest import Program
from tests.cli.scenes import HELLO, NONE, POST, SUM, THINK, make_chat, post

SECONDS = r"\(\d+\.\d\d s\)"  # of a call
HITS = [THINK, ' Find("moss")<eoc>', " Green<sup><|1|></sup>, not red<sup><|7|></sup>.<eom>"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Typed(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


def piped(text: str, kind: type[io.TextIOWrapper] = io.TextIOWrapper) -> io.TextIOWrapper:
    """Standard input with that text in it."""
    return kind(io.BytesIO(text.encode()), encoding="utf-8")


def ask(
    replies: Sequence[str | BaseException], out: io.StringIO | None = None, as_json: bool = False
) -> tuple[str, str]:
    """What stands on standard output and standard error afterwards."""
    out, err = out or io.StringIO(), io.StringIO()
    answer(make_chat(replies), "Well?", Printer(out, err), json=out if as_json else None)
    return out.getvalue(), err.getvalue()


@pytest.fixture(autouse=True)
def a_coloured_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """On which no line passes by, however long a call takes."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(running, "QUICK", 3600)


def test_the_words_are_the_question() -> None:
    assert read_question(["What", "is", "moss?"], piped("not read", Typed)) == "What is moss?"


def test_standard_input_is_the_question() -> None:
    assert read_question([], piped("\ufeffWhat is\nmoss?\n")) == "What is\nmoss?"
    assert read_question(["-"], piped("What is moss?\n", Typed)) == "What is moss?"


def test_what_is_piped_in_follows_the_question() -> None:
    letter = "Dear Ann,\n\nbye. Tom\n"
    assert read_question(["Who wrote", "this?"], piped(letter)) == f"Who wrote this?\n\n{letter.strip()}"
    assert read_question(["moss?"], piped("\n")) == "moss?"
    assert read_question(["Who wrote this?", "-"], piped("Tom", Typed)) == "Who wrote this?\n\nTom"


def test_a_pipe_that_nobody_uses_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("moss_agent.cli.ask.PATIENCE", 0.01)
    reading, writing = os.pipe()
    with open(reading, encoding="utf-8") as stdin:
        assert read_question(["moss?"], stdin) == "moss?"
        assert "nothing came on standard input" in capsys.readouterr().err
        os.write(writing, b"green")
        os.close(writing)
        assert read_question(["moss?"], stdin) == "moss?\n\ngreen"
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("stdin", [piped("not read", Typed), piped(" \n")])
def test_no_question_is_an_error(stdin: io.TextIOWrapper) -> None:
    with pytest.raises(UsageError, match="what is the question"):
        read_question([], stdin)


@pytest.mark.parametrize("option", [("--out", "answer.txt"), ("--at-once", "2")])
def test_options_of_a_batch_want_one(command: Program, tmp_path: Path, option: tuple[str, str]) -> None:
    done = command("ask", "Well?", *option, "--server", "http://127.0.0.1:1")
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert option[0] in done.stderr and "--batch FILE" in done.stderr and "> FILE" in done.stderr
    assert not (tmp_path / "answer.txt").exists()


def test_a_pipe_gets_the_answer_alone() -> None:
    out, err = ask(SUM)
    assert out == "It is 3[1].\n"
    assert re.match(rf'Let me think\.\n→ Add\("1,2"\)\n  = 3 {SECONDS}\n', err)
    assert err.endswith('[1] Add("1,2") => 3\n')
    assert "\x1b" not in out + err


def test_a_terminal_gets_everything_as_it_happens() -> None:
    out, err = ask(SUM, Terminal())
    assert err == ""
    assert "\x1b[2mLe\x1b[0m\x1b[2mt m\x1b[0m" in out
    assert re.search(rf'\x1b\[0m\n→ Add\("1,2"\)\n  = 3 {SECONDS}\n', out)
    assert "\nIt is 3[1].\n" in out


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_colours_can_be_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    out, _ = ask(SUM, Terminal())
    assert "\x1b" not in out


def test_nothing_hostile_reaches_the_terminal() -> None:
    out, _ = ask(
        [" \x1b[2Jhm<eot>", ' Find("a\x1b[31mb")<eoc>', " Red\x1b]0;x\x07\u202e<sup><|1|></sup>.<eom>"], Terminal()
    )
    rest = out.replace("\x1b[2m", "").replace("\x1b[0m", "")
    assert not {"\x1b", "\u202e", "\x07"} & set(rest)
    assert "[1] A page — https://example.org/page" in rest


def test_hits_are_footnotes_and_false_citations_are_noticed() -> None:
    out, err = ask(HITS)
    assert out == "Green[1], not red.\n"
    assert "  = About moss.\n      A page — https://example.org/page (" in err
    assert "note: the answer cites what was not found: 7" in err


def test_a_footnote_says_that_its_passage_does_not_fit() -> None:
    find = ' Find("moss")<eoc>'
    out, err = ask([" x<eot>", find, " About moss<sup><|1|></sup>.<eom>"])
    assert "(weak" not in err
    out, err = ask([" x<eot>", find, " Elephants live in Africa<sup><|1|></sup>.<eom>"])
    assert "page — https://example.org/page (weak: " in err


def test_pictures_are_named() -> None:
    _, err = ask([THINK, ' Draw("/tmp/moss.png")<eoc>', " Here.<eom>"])
    assert err.endswith("picture: /tmp/moss.png\n")


def test_pictures_are_shown_on_a_terminal_that_can(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMUX", "")
    monkeypatch.setenv("COLORTERM", "truecolor")
    Image.new("RGB", (8, 8), "red").save(tmp_path / "moss.png")
    out, _ = ask([THINK, f' Draw("{tmp_path}/moss.png")<eoc>', " Here.<eom>"], Terminal())
    assert "▀" in out.partition("Here.")[2]


def test_a_failing_plugin_is_told_in_one_yellow_line() -> None:
    out, _ = ask([THINK, ' Fail("x")<eoc>', " Sorry.<eom>"], Terminal())
    assert re.search(rf"\x1b\[33m  failed: the machine is out of coffee {SECONDS}\x1b\[0m\n", out)


def test_results_that_come_in_another_order_name_their_commands() -> None:
    out = io.StringIO()
    printer = Printer(out, out)
    arguments = [(f"{n},{n}",) for n in (1, 2)]
    calls = [Call("Add", given[0], given[0], True, 0.5, arguments=given) for given in arguments]
    started = [CallStarted(index, call.name, call.argument, call.arguments) for index, call in enumerate(calls)]
    for event in (*started, CallFinished(1, calls[1]), CallFinished(0, calls[0])):
        printer.show(event)
    assert out.getvalue().splitlines()[1:] == ['→ Add("2,2")', "  = 2,2 (0.50 s)", '  Add("1,1") = 1,1 (0.50 s)']


def test_json_is_one_object_per_event_and_the_answer_last() -> None:
    out, err = ask(SUM, as_json=True)
    events = [json.loads(line) for line in out.splitlines()]
    assert {event["type"] for event in events} == {"thoughts", "call", "result", "text", "answer"}
    assert events[-1]["text"] == "It is 3<sup><|1|></sup>."
    assert events[-1]["calls"][0].keys() == {field.name for field in fields(Call)}
    assert events[-1].keys() == {"type", *(field.name for field in fields(Reply))}
    assert err == ""


def test_json_events_name_their_turn_and_call() -> None:
    out, _ = ask(POST, as_json=True)
    events = [json.loads(line) for line in out.splitlines()]
    assert len({event["turn_id"] for event in events}) == 1
    asked, result = [next(event for event in events if event["type"] == kind) for kind in ("approval", "result")]
    assert asked["call_id"] == result["call_id"] == result["id"] == events[-1]["calls"][0]["id"] != ""
    assert asked["arguments"] == ["hi"] and result["named"] == {"place": "there"} and "call" not in result


def test_json_cannot_steer_a_terminal() -> None:
    said = "a\x1b\x9b\x7f\x85\u061c\u200e\u2028\u202e\u2066\ud83db"
    for out in (io.StringIO(), Terminal()):
        ask([THINK, NONE, f" {said}<eom>"], out, as_json=True)
        text = out.getvalue()
        assert not set(text) & set(said[1:-1])
        assert "\\u009b\\u007f\\u0085\\u061c\\u200e\\u2028\\u202e\\u2066" in text
        assert json.loads(text.splitlines()[-1])["text"] == said


def test_json_keeps_chinese_readable() -> None:
    out, _ = ask([" 想<eot>", NONE, " 你好。<eom>"], as_json=True)
    assert '"text": "你好。"' in out


def test_a_failing_model_leaves_whole_lines_and_no_answer() -> None:
    out, err = io.StringIO(), io.StringIO()
    with pytest.raises(EngineError):
        answer(make_chat([HELLO[0], EngineError("no memory")]), "Well?", Printer(out, err))
    assert (out.getvalue(), err.getvalue()) == ("", "Let me think.\n")


def test_a_call_is_shown_with_all_its_arguments() -> None:
    out = Terminal()
    printer = Printer(out, out)
    answer(make_chat(POST, refusing(lambda: {"Post": post}, printer)), "Well?", printer)
    assert '? Post("hi", place="there") needs approval (touches network)\n' in out.getvalue()
    assert "failed: refused: it was not approved (0.00 s)" in out.getvalue()


@pytest.mark.parametrize("columns", [60, 120])
def test_lines_beside_the_answer_fit_a_terminal(columns: int) -> None:
    pty = pytest.importorskip("pty")
    termios = pytest.importorskip("termios")
    ours, theirs = pty.openpty()
    with open(ours, "rb", closefd=True) as shown, open(theirs, "w", encoding="utf-8") as out:
        termios.tcsetwinsize(out, (24, columns))
        answer(make_chat([THINK, f' Find("{"电池 " * 90}")<eoc>', " Yes.<eom>"]), "Well?", Printer(out, out))
        written = b""
        while b"Yes.\r\n" not in written:
            written += os.read(shown.fileno(), 100_000)
    call, result, link = (line.rstrip("\r") for line in written.decode().split("\n")[1:4])
    assert call.startswith('→ Find("电池') and call.endswith("…")
    assert result.startswith("  = About 电池") and "… " not in result
    assert columns - 4 <= width(call) <= columns
    assert "https://example.org/" in link


def test_what_is_loaded_is_said_on_a_terminal_only() -> None:
    for out, said in ((Terminal(), "Loading x...\n"), (io.StringIO(), "")):
        Printer(out, out).passing("Loading x...")
        assert out.getvalue().replace("\x1b[2m", "").replace("\x1b[0m", "") == said
