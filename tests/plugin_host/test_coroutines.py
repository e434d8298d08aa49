"""Plugins with `async def` run like the others and end when nobody waits for them."""

from __future__ import annotations

import asyncio
import threading
from contextlib import closing
from pathlib import Path

import pytest

from moss_agent.cancellation import Cancellation
from moss_agent.errors import PluginError, PluginTimeout
from moss_agent.plugin_host import PluginRunner, Progress, load_folder, plugin, report


@plugin("Greet", label="Greet")
async def greet(name: str, *, word: str = "Hello") -> str:
    await asyncio.sleep(0)
    report(1, 1)
    if name == "nobody":
        raise PluginError("there is nobody")
    if name == "cancel":
        raise asyncio.CancelledError
    return f"{word} {name}"


def test_an_async_plugin_answers_refuses_and_reports():
    runner = PluginRunner([greet], {greet.key: {"word": "Good morning"}})
    assert runner.run("Greet", ["Paris"]) == "Good morning Paris"
    calls = runner.turn()
    for index, name in enumerate(["Paris", "nobody", "cancel"]):
        calls.start(index, "Greet", [name])
    news = list(calls.finished(wait=True))
    assert Progress(0, 1, 1) in news
    errors = {each.index: each.error for each in news if not isinstance(each, Progress)}
    assert errors[0] == "" and errors[1] == "there is nobody" and errors[2].startswith("Greet failed: CancelledError")


def test_an_isolated_plugin_may_be_async(tmp_path: Path):
    (tmp_path / "later.py").write_text(
        "import asyncio\n"
        "from moss_agent import plugin\n"
        "@plugin('Later', label='Later', isolated=True)\n"
        "async def later(text: str, times: int = 1) -> str:\n"
        "    await asyncio.sleep(0)\n"
        "    return text * times\n"
    )
    with closing(PluginRunner(load_folder(tmp_path))) as runner:
        assert runner.run("Later", ["ab", "2"]) == "abab"


def test_a_call_that_is_given_up_is_cancelled():
    begun, cleaned_up = threading.Event(), threading.Event()

    @plugin("Wait", label="Wait")
    async def wait(text: str) -> str:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cleaned_up.set()

    cancellation = Cancellation()
    failures: list[BaseException] = []

    def call() -> None:
        try:
            PluginRunner([wait]).run("Wait", ["x"], cancellation=cancellation)
        except PluginTimeout as error:
            failures.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    assert begun.wait(30)
    cancellation.cancel()
    thread.join(30)
    assert cleaned_up.is_set() and len(failures) == 1


def test_a_call_that_is_abandoned_before_it_begins_does_not_run():
    cancellation = Cancellation()
    cancellation.cancel()
    with pytest.raises(PluginTimeout):
        PluginRunner([greet]).run("Greet", ["Paris"], cancellation=cancellation)
