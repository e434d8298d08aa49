"""Calls run at once, within their time, and their output is bounded."""

from __future__ import annotations

import os
import queue
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from moss_agent.errors import Cancelled, PluginContractError, UsageError
from moss_agent.events import Hit, Picture
from moss_agent.plugin_host import Outcome, PluginRunner, load_folder, plugin

pytestmark = pytest.mark.slow


def test_details_of_a_picture_are_what_json_has():
    @plugin("Paint", label="Paint")
    def paint(text: str) -> Picture:
        return Picture("x.png", text, {"score": float("nan"), "path": Path("x")})

    (picture,) = PluginRunner([paint]).run("Paint", ["fox"])
    assert picture.details == {"score": "NaN", "path": "x"}


def test_an_error_that_cannot_be_said_fails_the_call_only():
    class Silent(Exception):
        def __str__(self) -> str:
            raise self

    @plugin("Fail", label="Fail")
    def fail(text: str) -> str:
        raise Silent

    calls = PluginRunner([fail]).turn()
    calls.start(0, "Fail", ["x"])
    (outcome,) = calls.finished(wait=True)
    assert outcome.error == "Fail failed: Silent: it cannot say why"


def test_a_call_that_leaves_the_working_folder_changes_it_for_nobody_else(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    left = {name: threading.Event() for name in ("ends", "is late", "is cancelled")}
    may_end, others = threading.Event(), set(threading.enumerate())

    @plugin("Leave", label="Leave", timeout=60)
    def leave(name: str) -> str:
        os.chdir("/")
        left[name].set()
        if name != "ends":
            may_end.wait()
        return name

    def started(name: str):
        calls = PluginRunner([leave]).turn()
        calls.start(0, "Leave", [name])
        assert left[name].wait(60)
        return calls

    (outcome,) = started("ends").finished(wait=True)
    assert Path.cwd() == tmp_path and outcome.output == "ends"
    calls = started("is late")
    calls._limits[0].begin = time.monotonic() - 60
    (outcome,) = calls.finished(wait=True)
    assert Path.cwd() == tmp_path and outcome.error == "Leave took longer than 60 s"
    started("is cancelled").cancel()
    assert Path.cwd() == tmp_path
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    may_end.set()
    for thread in set(threading.enumerate()) - others:
        thread.join(60)
    assert Path.cwd() == tmp_path / "elsewhere", "a call that nobody waits for any more has ended"


@pytest.mark.parametrize("how", ["cancel", "timeout"])
def test_a_call_that_is_given_up_before_its_thread_begins_does_not_run(how, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given_up, others = threading.Event(), set(threading.enumerate())

    @plugin("Leave", label="Leave", timeout=60)
    def leave(text: str) -> str:
        os.chdir("/")
        return text

    calls = PluginRunner([leave]).turn()
    run = calls._run
    monkeypatch.setattr(calls, "_run", lambda *call: (given_up.wait(60), run(*call)))
    calls.start(0, "Leave", ["x"])
    if how == "cancel":
        calls.cancel()
        with pytest.raises(Cancelled):
            list(calls.finished(wait=True))
    else:
        calls._limits[0].begin = time.monotonic() - 60
        (outcome,) = calls.finished(wait=True)
        assert outcome.error == "Leave took longer than 60 s"
    given_up.set()
    for thread in set(threading.enumerate()) - others:
        thread.join(60)
    assert Path.cwd() == tmp_path


def test_calls_that_end_while_the_program_stands_still_are_in_time(monkeypatch):
    monkeypatch.setattr("moss_agent.plugin_host.runner._LATE", 60.0)
    may_end = threading.Event()

    class News(queue.SimpleQueue):
        """Lets the calls end once it was looked at in vain, when their time is long over."""

        def get(self, **options):
            try:
                return super().get(**options)
            except queue.Empty:
                may_end.set()
                raise

    @plugin("Wait", label="Wait", timeout=60)
    def wait(text: str) -> str:
        may_end.wait()
        return text

    calls = PluginRunner([wait]).turn()
    monkeypatch.setattr(calls, "_done", News())
    for index in range(3):
        calls.start(index, "Wait", [str(index)])
        calls._limits[index].begin -= 3600
    assert sorted(outcome.output for outcome in calls.finished(wait=True)) == ["0", "1", "2"]


def test_a_call_of_an_unknown_plugin_has_failed_at_once(monkeypatch):
    monkeypatch.setattr(threading.Thread, "start", None)  # it needs none
    calls = PluginRunner([]).turn()
    calls.start(0, "Count", ["x"])
    error = "no plugin Count is enabled; enabled: none"
    assert list(calls.finished(wait=False)) == [Outcome(0, None, error, 0.0, is_usage=True)]


def test_calls_of_a_turn_run_at_the_same_time_and_come_as_they_finish():
    together = threading.Barrier(3)
    ends = [threading.Event() for _ in range(3)]

    @plugin("Wait", label="Wait", timeout=3600)
    def wait(number: str) -> str:
        together.wait()
        ends[int(number)].wait()
        return number

    calls = PluginRunner([wait]).turn()
    for index in range(3):
        calls.start(index, "Wait", [str(index)])
    assert list(calls.finished(wait=False)) == []
    finished, order = calls.finished(wait=True), []
    for index in (1, 2, 0):
        ends[index].set()
        order.append(next(finished).index)
    assert order == [1, 2, 0]


def test_surplus_arguments_are_ignored():
    @plugin("One", label="One")
    def one(text: str) -> str:
        return text

    assert PluginRunner([one]).run("One", ["a", "b", "c"]) == "a"


def test_two_plugins_with_one_label_are_refused():
    def make(name: str):
        return plugin(name, label="Web search")(lambda text: text)

    with pytest.raises(UsageError, match="have the same label 'Web search'"):
        PluginRunner([make("One"), make("Two")])


def test_unknown_plugins_are_named_with_the_known_ones():
    with pytest.raises(UsageError, match="no plugin Count is enabled; enabled: none"):
        PluginRunner([]).run("Count", ["x"])


@pytest.mark.parametrize(
    ("value", "limited"),
    [
        ("x" * 50, "x" * 9 + "…"),
        ("", None),
        (None, None),
        ([], None),
        (["one", "two\nthree", "four"], ("one", "two", "t…")),
        ([Hit("y" * 20, "t", "u")], (Hit("y" * 9 + "…", "t", "u"),)),
        ([Hit("y", "t" * 20, "u" * 20)], (Hit("y", "t" * 9 + "…", "u" * 9 + "…"),)),
    ],
)
def test_output_is_cut_and_emptiness_is_no_result(value, limited):
    @plugin("Give", label="Give", max_characters=10)
    def give(text: str):
        return value

    assert PluginRunner([give]).run("Give", ["x"]) == limited


def test_pictures_and_hits_hold_nothing_but_text_and_json():
    @plugin("Give", label="Give")
    def give(text: str):
        return Picture(Path("x.png"), "fox", {"where": Path("y")}) if text == "picture" else [Hit("a", None, 3)]

    runner = PluginRunner([give])
    assert runner.run("Give", ["picture"]) == (Picture("x.png", "fox", {"where": "y"}),)
    assert runner.run("Give", ["hits"]) == (Hit("a", "None", "3"),)


@pytest.mark.parametrize("value", [7, {"a": 1}, [1, 2], b"bytes"])
def test_output_of_another_type_breaks_the_contract(value):
    @plugin("Give", label="Give")
    def give(text: str):
        return value

    with pytest.raises(PluginContractError, match="returned"):
        PluginRunner([give]).run("Give", ["x"])


def test_a_wrong_setting_is_told_apart_by_its_type_and_not_by_words(tmp_path):
    (tmp_path / "picky.py").write_text(
        "from moss_agent import PluginError, plugin\n"
        "from moss_agent.errors import UsageError\n"
        "@plugin('Picky', label='Picky', isolated=True)\n"
        "def picky(kind: str) -> str:\n"
        "    raise {'usage': UsageError, 'plugin': PluginError, 'other': ValueError}[kind]('no size under [x]')\n"
    )
    with closing(PluginRunner(load_folder(tmp_path))) as runner:
        turn = runner.turn()
        for index, kind in enumerate(("usage", "plugin", "other")):
            turn.start(index, "Picky", [kind])
        outcomes = sorted(turn.finished(wait=True), key=lambda outcome: outcome.index)
    assert [outcome.is_usage for outcome in outcomes] == [True, False, False]
    assert all("no size under [x]" in outcome.error for outcome in outcomes)
