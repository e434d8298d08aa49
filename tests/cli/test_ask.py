"""`ask`: where the question comes from, what a pipe, a terminal and a program get to see."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

from moss_agent.cli.ask import answer, read_question
from moss_agent.cli.printing import Printer
from moss_agent.errors import EngineError, UsageError
from moss_agent.events import Call, CallFinished, CallStarted
from tests.cli.scenes import HELLO, NONE, SUM, THINK, make_agent

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
    answer(make_agent(replies), "Well?", out, err, as_json=as_json)
    return out.getvalue(), err.getvalue()


@pytest.fixture(autouse=True)
def a_coloured_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)


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


def test_a_pipe_gets_the_answer_alone() -> None:
    out, err = ask(SUM)
    assert out == "It is 3[1].\n"
    assert err.startswith('Let me think.\n→ Add("1,2")\n  = 3 (0.0')
    assert err.endswith('[1] Add("1,2") => 3\n')
    assert "\x1b" not in out + err


def test_a_terminal_gets_everything_as_it_happens() -> None:
    out, err = ask(SUM, Terminal())
    assert err == ""
    assert "\x1b[2mLe\x1b[0m\x1b[2mt m\x1b[0m" in out
    assert '\x1b[0m\n→ Add("1,2")\n  = 3 (0.0' in out
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
    assert "  = 'About moss.\\x1b[2J'\n      A page — https://example.org/page (" in err
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
    assert "\x1b[33m  failed: the machine is out of coffee (0.0" in out


def test_results_that_come_in_another_order_name_their_commands() -> None:
    out = io.StringIO()
    printer = Printer(out, out)
    calls = [Call("Add", f"{n},{n}", str(2 * n), True, 0.5) for n in (1, 2)]
    started = [CallStarted(index, call.name, call.argument) for index, call in enumerate(calls)]
    for event in (*started, CallFinished(1, calls[1]), CallFinished(0, calls[0])):
        printer.show(event)
    assert out.getvalue().splitlines()[1:] == ['→ Add("2,2")', "  = 4 (0.50 s)", '  Add("1,1") = 2 (0.50 s)']


def test_json_is_one_object_per_event_and_the_answer_last() -> None:
    out, err = ask(SUM, as_json=True)
    events = [json.loads(line) for line in out.splitlines()]
    assert {event["type"] for event in events} == {"thoughts", "call", "result", "text", "answer"}
    assert events[-1]["text"] == "It is 3<sup><|1|></sup>."
    assert events[-1]["calls"][0].keys() == {"name", "argument", "result", "ok", "seconds"}
    assert err == ""


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
        answer(make_agent([HELLO[0], EngineError("no memory")]), "Well?", out, err)
    assert (out.getvalue(), err.getvalue()) == ("", "Let me think.\n")
