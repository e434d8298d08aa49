"""Calls that need approval: what a person is shown and may answer, and what happens where there is none."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable

import pytest

from moss_agent.calls import Approval
from moss_agent.cli.approval import EDIT, QUESTION, asking, refusing
from moss_agent.cli.printing import Printer, drain
from moss_agent.events import ApprovalRequested, CallStarted
from moss_agent.plugin_host import plugin
from tests.cli.scenes import POST, THINK, make_chat, post

PLUGINS = {"Post": post}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def typing(*lines: str | type[BaseException], shown: list[tuple[str, str]]) -> Callable[[str, str], str]:
    """Lines as a person types them behind prompts; an exception among them is raised."""
    rest = iter(lines)

    def read(prompt: str, begun: str) -> str:
        shown.append((prompt, begun))
        line = next(rest)
        if isinstance(line, str):
            return line
        raise line

    return read


def decide(*lines: str | type[BaseException]) -> tuple[Approval, str, list[tuple[str, str]]]:
    out, shown = io.StringIO(), []
    request = ApprovalRequested(0, "Post", ("a\x1b[2J\u202eb\n", 3), {"place": "x"}, ("network",))
    return asking(lambda: PLUGINS, Printer(out, out), typing(*lines, shown=shown))(request), out.getvalue(), shown


@pytest.mark.parametrize(
    ("typed", "decision"),
    [
        ("y", Approval(True)),
        (" YES ", Approval(True)),
        ("n", Approval(False)),
        ("", Approval(False)),
        ("yess", Approval(False)),
        ("y please", Approval(False)),
        ("what?", Approval(False)),
        (EOFError, Approval(False)),
        ("n not today", Approval(False, reason="not today")),
        ("No  never ", Approval(False, reason="never")),
    ],
)
def test_only_a_yes_runs_a_call(typed: str | type[BaseException], decision: Approval) -> None:
    assert decide(typed)[0] == decision


def test_exactly_what_would_run_is_shown() -> None:
    _, said, shown = decide("n")
    assert said == '? Post("a\\u001b[2J\\u202eb\\u000a", 3, place="x") needs approval (touches network)\n'
    assert shown == [(QUESTION, "")]


@pytest.mark.parametrize("typed", ["", 'Other("x")', 'Post("a")x', 'Post("a"), Post("b")', "Post(Other())", EOFError])
def test_what_is_no_call_of_the_plugin_does_not_run(typed: str | type[BaseException]) -> None:
    assert decide("e", typed)[0] == Approval(False)


def test_an_edited_call_runs_as_it_was_typed() -> None:
    decision, _, shown = decide("edit", 'Post("new", place="there")')
    assert decision == Approval(True, ("new",), named={"place": "there"})
    assert shown[1] == (EDIT, 'Post("a\\u001b[2J\\u202eb\\u000a", 3, place="x")')


HIDDEN = [
    *("\u00ad", "\u034f", "\u115f", "\u1160", "\u17b4", "\u180b", "\u180e", "\u200b", "\u200c", "\u200d", "\u2060"),
    *("\u2064", "\u3000", "\u3164", "\ufe00", "\ufe0f", "\ufeff", "\uffa0", "\U000e0001", "\U000e0041", "\U000e0100"),
]


def test_what_cannot_be_seen_is_shown_as_numbers() -> None:
    out = io.StringIO()
    Printer(out, out).confirm(ApprovalRequested(0, "Post", ("https://evil.example/?d=" + "".join(HIDDEN),)))
    assert (
        out.getvalue().isascii() and "\\u00ad\\u034f" in out.getvalue() and "\\U000e0041\\U000e0100" in out.getvalue()
    )


def test_a_call_in_any_language_is_shown_as_it_is() -> None:
    out = io.StringIO()
    Printer(out, out).confirm(ApprovalRequested(0, "Post", ("苔藓 é 👩 عربي \\U000e0041",)))
    assert out.getvalue() == '? Post("苔藓 é 👩 عربي \\\\U000e0041") needs approval\n'


@pytest.mark.parametrize(
    "text",
    ["a\x1b[2J\u202eb\n", "\\u202e", "\\\u202e\\", '\\n\n"\x00', "\u2028\\\\u000a\u2029"]
    + ["\\U000e0041", "\\\U000e0041\\", "\U00100000\\U00100000", "".join(HIDDEN)],
)
def test_a_call_that_is_sent_off_unchanged_runs_as_it_was_asked_for(text: str) -> None:
    request = ApprovalRequested(0, "Post", (text, 3), {"place": text}, ("network",))
    out = io.StringIO()
    decision = asking(lambda: PLUGINS, Printer(out, out), lambda question, begun: begun or "e")(request)
    assert decision == Approval(True, (text, 3), named={"place": text})


def test_a_call_that_runs_meanwhile_moves_nothing_while_a_question_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    out, before = Terminal(), set(threading.enumerate())
    printer = Printer(out, out)
    printer.show(CallStarted(0, "Find", "moss", ("moss",)))
    (moving,) = set(threading.enumerate()) - before
    asked: list[tuple[bool, int]] = []

    def ask(question: str, begun: str) -> str:
        asked.append((moving.is_alive(), len(out.getvalue())))
        return "n"

    asking(lambda: PLUGINS, printer, ask)(ApprovalRequested(1, "Post", ("x",)))
    ((is_moving, written),) = asked
    while not is_moving and "Find" not in out.getvalue()[written:]:
        time.sleep(0.05)
    printer.settle()
    assert not is_moving


def test_an_interrupt_is_no_answer() -> None:
    with pytest.raises(KeyboardInterrupt):
        decide(KeyboardInterrupt)


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (["y"], "'hi' posted there"),
        (["e", 'Post("ho", place="here")'], "'ho' posted here"),
        (["n too early"], "Refused: too early"),
    ],
)
def test_the_decision_is_what_happens(typed: list[str], told: str) -> None:
    out, shown = Terminal(), []
    printer = Printer(out, out)
    chat = make_chat(POST, asking(lambda: PLUGINS, printer, typing(*typed, shown=shown)))
    drain(chat.stream("Well?"), printer.show)
    assert chat.conversation.turns[0].calls[0].result == told
    assert out.getvalue().count("needs approval") == 1


def test_each_of_several_calls_is_shown_before_its_question() -> None:
    out, shown = io.StringIO(), []
    printer = Printer(out, out)
    calls = ' Post("one"), Post("two")<eoc>'
    chat = make_chat([THINK, calls, " Done.<eom>"], asking(lambda: PLUGINS, printer, typing("y", "n", shown=shown)))
    drain(chat.stream("Well?"), printer.show)
    lines = [line for line in out.getvalue().splitlines() if line[:1] in "?→"]
    assert [line.partition(" needs")[0] for line in lines] == ['? Post("one")', '→ Post("one")', '? Post("two")']


def test_a_call_that_the_session_allows_is_not_asked_about_again() -> None:
    out, shown = Terminal(), []
    printer = Printer(out, out)
    chat = make_chat([*POST, *POST], asking(lambda: PLUGINS, printer, typing("s", shown=shown)))
    for _ in range(2):
        drain(chat.stream("Well?"), printer.show)
    assert out.getvalue().count("needs approval") == 1
    assert out.getvalue().count('→ Post("hi", place="there")') == 2


def test_where_nobody_can_answer_the_setting_is_named_once() -> None:
    @plugin("Post", label="Board", key="board", approval="ask")
    def other(message: str) -> str:
        return message

    out = io.StringIO()
    decide = refusing(lambda: {"Post": other}, Printer(out, out))
    for index in range(2):
        assert decide(ApprovalRequested(index, "Post", ("x",))) == Approval(False)
    assert out.getvalue().count('? Post("x") needs approval') == 2
    assert out.getvalue().count("a terminal only") == 1
    assert 'board = "allow" under [approval]' in out.getvalue()
