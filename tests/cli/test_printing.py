"""What a chat on a terminal shows besides the answer: folded thoughts, running calls, links, counts; and plainly."""

from __future__ import annotations

import io
import os
import re
import threading
import time
from collections.abc import Callable

import pytest

from moss_agent.cli.printing import Printer
from moss_agent.cli.screen import Screen, ticking
from moss_agent.events import Call, CallFinished, CallProgress, CallStarted, Citation, Hit, Reply, Text, Thoughts, Usage


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def a_coloured_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)


def lines(out: io.StringIO) -> list[str]:
    """What stands on the terminal in the end: lines that were replaced are gone, colours and links too."""
    text = re.sub(r"\x1b\[[0-9;]*m|\x1b\]8;;.*?\x1b\\", "", out.getvalue())
    return [line.rpartition("\r\x1b[K")[2] for line in text.split("\n")]


def reply(**fields: object) -> Reply:
    given = {"text": "", "thoughts": "", "calls": (), "citations": (), "images": (), "usage": Usage(), "seconds": 2.0}
    return Reply(**{**given, **fields})  # type: ignore[arg-type]


def test_long_thoughts_become_one_line_and_are_kept() -> None:
    out = Terminal()
    printer = Printer(out, out, folds=True)
    for _ in range(100):
        printer.show(Thoughts("thinking on, "))
    printer.show(Text("Hi"))
    printer.settle()
    shown = lines(out)
    assert len(shown) == 3 and shown[0].startswith("thinking on, ") and shown[0].endswith("… (/thoughts)")
    assert shown[1] == "Hi" and printer.thoughts.count("thinking on") == 100


def test_what_is_being_thought_is_seen_meanwhile() -> None:
    out = Terminal()
    printer = Printer(out, out, folds=True)
    printer.show(Thoughts("first " * 100))
    printer.show(Thoughts("and last"))
    assert lines(out)[-1].endswith("first first and last")


class Window(Terminal):
    """A terminal with a size."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, columns: int, lines: int) -> None:
        super().__init__()
        self.size = os.terminal_size((columns, lines))
        monkeypatch.setattr(os, "get_terminal_size", lambda _: self.size)

    def fileno(self) -> int:
        return 1


def test_a_passing_picture_is_left_out_where_the_window_is_too_low(monkeypatch: pytest.MonkeyPatch) -> None:
    out = Window(monkeypatch, 80, 11)
    screen, picture = Screen(out), "\n\x1b[38;2;1;2;3m▀▀\x1b[0m" * 10
    screen.pass_by("fits", picture)
    screen.end_passing()
    assert out.getvalue().count("▀▀") == 10 and out.getvalue().endswith("\r\x1b[10A\x1b[J")
    out.size = os.terminal_size((80, 10))
    screen.pass_by("does not", picture)
    screen.end_passing()
    assert out.getvalue().count("▀▀") == 10 and out.getvalue().endswith("\r\x1b[K")


def test_a_passing_line_is_removed_in_a_window_that_was_made_narrower(monkeypatch: pytest.MonkeyPatch) -> None:
    out = Window(monkeypatch, 80, 24)
    screen = Screen(out)
    screen.pass_by("x" * 79)
    out.size = os.terminal_size((30, 24))
    screen.end_passing()
    assert out.getvalue().endswith("\r\x1b[2A\x1b[J")


def test_notes_are_broken_between_words(monkeypatch: pytest.MonkeyPatch) -> None:
    out = Window(monkeypatch, 40, 24)
    Printer(out, out).note("What was written is kept: /continue goes on with it")
    assert lines(out)[:2] == ["What was written is kept: /continue goes", "on with it"]


def test_short_thoughts_stand_as_they_are() -> None:
    out = Terminal()
    printer = Printer(out, out, folds=True)
    printer.show(Thoughts("A sum."))
    printer.settle()
    assert lines(out) == ["A sum.", ""]


@pytest.fixture
def moving() -> Callable[[], set[threading.Thread]]:
    """The threads that have begun since the test has and have not ended."""
    before = set(threading.enumerate())
    return lambda: set(threading.enumerate()) - before


def test_a_running_call_shows_its_time_and_progress(moving: Callable[[], set[threading.Thread]]) -> None:
    out = Terminal()
    printer = Printer(out, out, folds=True)
    printer.show(CallStarted(0, "Draw", "moss", ("moss",)))
    printer.show(CallProgress(0, 3, 16))
    while "Draw 3 of 16 steps" not in out.getvalue():
        time.sleep(0.05)
    printer.show(CallFinished(0, Call("Draw", "moss", "Done.", True, 1.0, arguments=("moss",))))
    printer.settle()
    assert lines(out) == ['→ Draw("moss")', "  = Done. (1.00 s)", ""]
    assert not moving()


def test_a_turn_that_is_stopped_waits_for_no_call(moving: Callable[[], set[threading.Thread]]) -> None:
    out = Terminal()
    printer = Printer(out, out, folds=True)
    printer.show(CallStarted(0, "Draw", "moss", ("moss",)))
    assert moving()
    printer.settle()
    assert not moving()


def test_a_result_that_was_cut_can_be_shown() -> None:
    out = Terminal()
    printer = Printer(out, out, folds=True)
    printer.show(CallFinished(0, Call("Lines", "x", "\n".join("abcdefghijkl"), True, 1.0, arguments=("x",))))
    assert "and 4 more lines (/show 1)" in out.getvalue()
    assert printer.calls[0].result.endswith("l")


def test_sources_are_links_where_the_address_is_one() -> None:
    out = Terminal()
    printer = Printer(out, out)
    cited = [Citation(1, "text", "Moss", "https://example.org/moss"), Citation(2, "text", "Bad", "javascript:alert(1)")]
    printer.show(CallFinished(0, Call("Find", "x", "", True, 1.0, hits=(Hit("text", "Moss", "https://a.org/\x1b]"),))))
    printer.show(reply(citations=tuple(cited)))
    links = re.findall(r"\x1b\]8;;([^\x1b]*)\x1b\\", out.getvalue())
    assert links == ["https://example.org/moss", ""]


def test_the_last_line_counts() -> None:
    out = Terminal()
    printer = Printer(out, out, folds=True)
    printer.show(reply(usage=Usage(120, 20, 100, 50)))
    assert lines(out)[-2] == "120 tokens read (100 cached), 50 written, 2.0 s, 25 tokens/s"


def test_plainly_nothing_moves_and_markdown_stays() -> None:
    out = Terminal()
    printer = Printer(out, out, plain=True, folds=True)
    printer.show(Thoughts("thinking " * 50))
    printer.show(CallStarted(0, "Draw", "moss", ("moss",)))
    printer.show(Text("**bold**\n- item"))
    printer.settle()
    assert "\x1b" not in out.getvalue() and "\r" not in out.getvalue()
    assert out.getvalue().endswith("\n**bold**\n- item\n") and "thinking " * 50 in out.getvalue()


def test_a_passing_line_waits_and_leaves_nothing() -> None:
    out = Terminal()
    screen = Screen(out)
    with ticking(screen, lambda seconds: f"Loading {seconds:.0f} s", after=0.1):
        while "Loading" not in out.getvalue():
            time.sleep(0.05)
    assert lines(out) == [""]
    with ticking(screen, lambda seconds: "never", after=60):
        pass
    assert "never" not in out.getvalue()


def test_a_passing_picture_is_drawn_over_and_leaves_nothing() -> None:
    out = Terminal()
    screen = Screen(out)
    screen.line("Before.")
    begin = len(out.getvalue())
    screen.pass_by("drawing", "\n##\n##")
    screen.pass_by("drawing on", "\n####")
    screen.line("After.")
    shown = re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue()[begin:])
    assert shown == "\r\x1b[Kdrawing\n##\n##" + "\r\x1b[2A\x1b[Jdrawing on\n####" + "\r\x1b[1A\x1b[JAfter.\n"


def test_thoughts_of_one_turn_stand_together_and_those_of_the_last_one_go() -> None:
    out = Terminal()
    printer = Printer(out, out, folds=True)
    for question in range(2):
        printer.show(Thoughts(f"First {question}."))
        printer.show(CallStarted(0, "Add", "1", ("1",)))
        printer.show(CallFinished(0, Call("Add", "1", "2", True, 0.0, arguments=("1",))))
        printer.show(Thoughts("Then."))
        printer.show(reply())
    assert printer.thoughts == "First 1.\n\nThen."
    assert [line for line in lines(out) if line.startswith("Then")] == ["Then.", "Then."]
