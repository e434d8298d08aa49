"""A call says how far it is; that renews its time and tells it whether to go on."""

from __future__ import annotations

import threading
import time

import pytest

from moss_agent.errors import Cancelled, PluginTimeout
from moss_agent.plugin_host import Outcome, PluginRunner, Progress, plugin, report

SECONDS = 8  # of a call that reports four times as often: a busy machine may be late by three quarters


@pytest.mark.slow
def test_progress_comes_before_the_outcome_and_renews_the_time() -> None:
    @plugin("Slow", label="Slow", timeout=SECONDS)
    def slow(text: str) -> str:
        for step in range(5):
            time.sleep(SECONDS / 4)
            report(step + 1, 5)
        return text

    calls = PluginRunner([slow]).turn()
    calls.start(0, "Slow", ["done"])
    news = list(calls.finished(wait=True))
    assert news[:-1] == [Progress(0, step, 5) for step in range(1, 6)]
    assert isinstance(news[-1], Outcome) and news[-1].output == "done"


def test_a_call_that_reports_no_more_is_given_up() -> None:
    @plugin("Stuck", label="Stuck", timeout=0.3)
    def stuck(text: str) -> str:
        report(1, 2)
        threading.Event().wait()
        return text

    calls = PluginRunner([stuck]).turn()
    calls.start(0, "Stuck", ["x"])
    *_, outcome = calls.finished(wait=True)
    assert outcome.error == "Stuck took longer than 0.3 s"


@pytest.mark.parametrize("how", ["cancel", "timeout"])
def test_a_call_that_nobody_waits_for_ends_at_its_next_report(how: str) -> None:
    ended = threading.Event()
    go_on = threading.Event()

    @plugin("Long", label="Long", timeout=0.2)
    def long(text: str) -> str:
        try:
            while True:
                go_on.wait()
                report(1, 2)
        except PluginTimeout:
            ended.set()
            raise

    calls = PluginRunner([long]).turn()
    calls.start(0, "Long", ["x"])
    if how == "cancel":
        calls.cancel()
        with pytest.raises(Cancelled):
            list(calls.finished(wait=True))
    else:
        list(calls.finished(wait=True))
    go_on.set()
    assert ended.wait()


def test_reporting_outside_of_a_call_does_nothing() -> None:
    report(1, 2, b"png")


def test_release_asks_every_plugin() -> None:
    asked = []

    def made(name: str, kept: bool):
        def release() -> bool:
            asked.append(name)
            return kept

        return plugin(name, label=name, release=release)(lambda text: text)

    assert PluginRunner([made("One", True), made("Two", False)]).release()
    assert not PluginRunner([made("Three", False)]).release()
    assert asked == ["One", "Two", "Three"]


@pytest.mark.parametrize("arguments", [("one", 2), (1, 2.5), (1, 2, "a picture")])
def test_a_report_of_anything_else_fails_the_call_only(arguments: tuple[object, ...]) -> None:
    @plugin("Odd", label="Odd")
    def odd(text: str) -> str:
        report(*arguments)
        return text

    calls = PluginRunner([odd]).turn()
    calls.start(0, "Odd", ["x"])
    (outcome,) = calls.finished(wait=True)
    assert outcome.error.startswith("Odd failed: TypeError: report takes two whole numbers")
