"""A model that is opened behind the prompt: it comes, or its error does, and one sees that it takes time."""

from __future__ import annotations

import io
import threading

import pytest

from moss_agent.cli.loading import Loading
from moss_agent.cli.screen import Screen
from moss_agent.errors import CheckpointError


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Screen:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return Screen(Terminal())


def test_it_is_made_once_and_there_for_every_question(screen: Screen) -> None:
    made: list[int] = []
    loading = Loading(lambda: made.append(1) or "model", "mini")
    loading.start()
    assert [loading.wait(screen), loading.wait(screen)] == ["model"] * 2
    assert made == [1] and loading.done == "model"


@pytest.mark.parametrize("error", [CheckpointError("no such model"), TimeoutError("too slow")])
def test_what_goes_wrong_is_raised_where_somebody_waits(screen: Screen, error: Exception) -> None:
    def fail() -> None:
        raise error

    loading = Loading(fail, "mini")
    for _ in range(2):
        with pytest.raises(type(error), match=str(error)):
            loading.wait(screen)
    assert loading.done is None


@pytest.mark.parametrize("plain", [False, True])
def test_who_waits_sees_what_is_loaded(monkeypatch: pytest.MonkeyPatch, plain: bool) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    shown = threading.Event()

    class Watched(Terminal):
        def write(self, text: str) -> int:
            if "Loading mini" in text:
                shown.set()
            return super().write(text)

    assert Loading(lambda: shown.wait(60), "mini").wait(Screen(Watched(), plain=plain))
