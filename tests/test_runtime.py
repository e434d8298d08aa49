"""A runtime: the preamble that it makes of its plugins, servers that fall silent, interrupts between chats."""

from __future__ import annotations

import json
import threading
from dataclasses import replace

import pytest

from moss_agent import Runtime, plugin
from moss_agent.checkpoints.families import load_family
from moss_agent.errors import Cancelled, UsageError
from moss_agent.opening import opened
from moss_agent.opening.dialect import checked_preamble
from moss_agent.opening.opened import release
from moss_agent.opening.plugins import open_plugins
from moss_agent.opening.served import find_served
from moss_agent.plugin_host import Plugin, PluginRunner
from moss_agent.settings import Settings, make_settings
from tests.chat_scene import PLAIN, PLUGINS, echo, find
from tests.engine.backends.remote.raw_server import RawServer, page, serving, stream
from tests.scripted import ScriptedModel, opened_runtime, scripted_runtime


@pytest.mark.parametrize(
    ("context_length", "message"),
    [
        (1200, ""),
        (
            500,
            r"8 plugins make the preamble \d+ tokens long, and the context has 500: enable fewer .*: paint \(\d+ tok",
        ),
        (200, r"the preamble takes \d+ tokens: set a context_length of"),
    ],
)
def test_a_preamble_that_leaves_no_room_is_refused_by_name_and_size(context_length, message):
    family, model = load_family("mini"), ScriptedModel([], context_length)
    if not message:
        assert "Repeat(text)" in checked_preamble(model, family, PLUGINS)
        return
    with pytest.raises(UsageError, match=message):
        checked_preamble(model, family, PLUGINS)


def weather_of(city: str) -> Plugin:
    @plugin(city, label=f"Weather of {city}")
    def weather(day: str) -> str:
        return f"{city} {day}: sunny"

    return weather


def test_the_model_is_told_of_every_plugin_although_their_keys_are_the_same():
    plugins = [weather_of("Rome"), weather_of("Paris")]
    assert len({each.key for each in plugins}) == 1
    preamble = checked_preamble(ScriptedModel([]), load_family("mini"), plugins)
    assert all(f"- Weather of {city}: enabled. API: {city}(day)\n" in preamble for city in ("Rome", "Paris"))


def test_a_plugin_that_is_denied_is_disabled_for_the_model():
    family = load_family("moss")
    settings = make_settings({"approval": {"files": "deny", "find": "deny"}, "plugins": ["text_to_image", find, echo]})
    plugins = open_plugins(settings, family).plugins
    preamble = checked_preamble(ScriptedModel([]), family, list(plugins.values()))
    assert list(plugins) == ["Echo"] and "- Find" not in preamble
    assert "- Text-to-image: disabled.\n" in preamble and "- Echo: enabled. API: Echo(text)\n" in preamble


LISTED = page(200, json.dumps({"data": [{"id": "a", "owned_by": "vllm", "max_model_len": 900}]}).encode())


@pytest.mark.parametrize("silent", ["/tokenize", "/v1/completions"])
def test_cancelling_ends_a_turn_on_a_server_that_has_fallen_silent(silent):
    reached, may_end = threading.Event(), threading.Event()
    tokens = page(200, b'{"tokens": [1, 2, 3]}')
    answers = {"/v1/models": [LISTED], "/tokenize": [tokens] * 40, "/v1/completions": []}
    with serving(server := RawServer(answers)), Runtime.open(server=server.url, family="mini", plugins=[]) as runtime:
        chat = runtime.chat()
        answers[silent][:] = [stream(reached.set, may_end.wait)]
        canceller = threading.Thread(target=lambda: reached.wait(60) and chat.cancel())
        canceller.start()
        with pytest.raises(Cancelled):
            list(chat.stream("A question that was not asked before"))
        canceller.join()
        may_end.set()
    assert chat.conversation.turns == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"dialect": "tools"}, "leave out one of the two"),
        ({"plugins": ["nothing"]}, "no plugin 'nothing'"),
        ({"plugins": [], "temperature": -1.0}, "temperature"),
        ({"plugins": []}, "the preamble takes"),
    ],
)
def test_what_is_refused_leaves_no_connection_open(monkeypatch, settings, message):
    listed = page(200, json.dumps({"data": [{"id": "a", "max_model_len": 100}]}).encode())
    with serving(server := RawServer({"/v1/models": [listed]})):
        served = find_served(Settings(server=server.url))
        monkeypatch.setattr(opened, "find_served", lambda _: served)
        with pytest.raises(UsageError, match=message):
            Runtime.open(server=server.url, family="mini", **settings)
        with pytest.raises(RuntimeError, match="closed"):
            served.connection.get("/v1/models")


def test_closing_does_not_wait_for_a_server_that_a_chat_waits_for():
    asked, answered = threading.Event(), threading.Event()

    class SlowModel(ScriptedModel):
        def session(self, preamble):
            asked.set()
            answered.wait()
            return super().session(preamble)

    def open_chat():
        with pytest.raises(UsageError, match="closed"):
            runtime.chat()
        refused.set()

    runtime, refused = scripted_runtime(SlowModel(PLAIN), PLUGINS), threading.Event()
    opening = threading.Thread(target=open_chat)
    opening.start()
    asked.wait()
    runtime.close()
    answered.set()
    opening.join()
    assert refused.is_set()


def test_an_interrupt_between_chats_leaves_the_others():
    runtime = scripted_runtime(ScriptedModel([KeyboardInterrupt(), *PLAIN]), PLUGINS)
    with pytest.raises(KeyboardInterrupt):
        runtime.chat().ask("Hi")
    assert runtime.chat().ask("Hi").text == "Hello."


def test_other_plugins_use_the_same_model_which_stays_with_the_first_runtime():
    model = ScriptedModel([*PLAIN, *PLAIN])
    with opened_runtime(model, Settings(plugins=(echo, find))) as runtime:
        with runtime.with_plugins([echo]) as other:
            assert list(other.plugins) == ["Echo"] and other.model == runtime.model
            assert other.chat().ask("Hi").text == "Hello."
            assert "- Find" not in other.chat().conversation.preamble
        assert not model.closed
        assert runtime.chat().ask("Hi").text == "Hello."
        assert "- Find" in runtime.chat().conversation.preamble
    assert model.closed


def test_plugins_that_cannot_be_had_leave_the_runtime_as_it_was():
    with opened_runtime(ScriptedModel([*PLAIN]), Settings(plugins=(echo,))) as runtime:
        with pytest.raises(UsageError, match="no plugin 'nothing'"):
            runtime.with_plugins(["nothing"])
        assert runtime.chat().ask("Hi").text == "Hello."
    with pytest.raises(UsageError, match="opened from settings"):
        scripted_runtime(ScriptedModel([]), PLUGINS).with_plugins([])


def test_the_plugins_of_all_runtimes_of_a_model_give_back_memory():
    released = []

    def made(name: str, has_some: bool) -> PluginRunner:
        return PluginRunner([replace(weather_of(name), release=lambda: bool(released.append(name)) or has_some)])

    assert release([made("Rome", True), made("Paris", False)])
    assert released == ["Rome", "Paris"]
    assert not release([made("Oslo", False)])
