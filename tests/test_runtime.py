"""Many chats on one real model, and chats on servers that fall silent."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from moss_agent import Runtime, plugin
from moss_agent.checkpoints.families import load_family
from moss_agent.dialects.moss import MossDialect
from moss_agent.errors import Cancelled, UsageError
from moss_agent.opening.dialect import checked_preamble
from moss_agent.opening.plugins import open_plugins
from moss_agent.plugin_host import Plugin, PluginRunner
from moss_agent.session import Sampling
from moss_agent.settings import make_settings
from tests.checkpoints.moss.published import write_checkpoint
from tests.engine.backends.remote.raw_server import RawServer, page, serving, stream
from tests.engine.conftest import make_model, make_tokenizer
from tests.engine.test_session import open_model
from tests.scripted import PREAMBLE, ScriptedModel, scripted_runtime
from tests.test_chat import PLAIN, PLUGINS, echo, find

QUESTIONS = [f"Question {number}: {'and so on ' * number}" for number in range(8)]


@pytest.fixture(scope="module")
def runtime() -> Iterator[Runtime]:
    """On a random model, which writes nonsense, the same every time."""
    model = open_model(make_model(), make_tokenizer([]), context_length=1000)
    with Runtime(MossDialect(model, PREAMBLE, Sampling(max_new_tokens=8)), PluginRunner([echo])) as opened:
        yield opened


def converse(runtime: Runtime, question: str) -> list[tuple[str, str]]:
    chat = runtime.chat()
    replies = [chat.ask(question), chat.ask("And?")]
    chat.close()
    return [(reply.thoughts, reply.text) for reply in replies]


def test_eight_threads_get_the_answers_that_they_get_one_after_the_other(runtime):
    want = [converse(runtime, question) for question in QUESTIONS]
    assert len({str(each) for each in want}) > 1
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda question: converse(runtime, question), QUESTIONS)) == want


def test_a_chat_that_was_closed_leaves_no_cache(runtime):
    chat = runtime.chat()
    chat.ask("Hi")
    assert chat._dialect._session._sequence in runtime._dialect.model.scheduler._used
    chat.close()
    assert not runtime._dialect.model.scheduler._used


@pytest.mark.slow
def test_a_chat_whose_cache_was_cancellation_answers_as_before(tmp_path: Path):
    """On the layout of MOSS, with memory for the cache of one conversation."""
    folder = write_checkpoint(tmp_path)
    options = {"family": "mini", "dtype": "fp32", "plugins": [], "max_new_tokens": 12, "context_length": 900}
    with Runtime.open(str(folder), **options) as runtime:
        chat = runtime.chat()
        want = [chat.ask("Who are you?").text, chat.ask("And who am I?").text]
    with Runtime.open(str(folder), cache_memory="1KB", **options) as runtime:
        chat, other = runtime.chat(), runtime.chat()
        got = [chat.ask("Who are you?").text]
        runtime._dialect.model.scheduler._limit = 1
        other.ask("Something else?")
        got.append(chat.ask("And who am I?").text)
    assert got == want


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
    may_end = threading.Event()
    tokens = page(200, b'{"tokens": [1, 2, 3]}')
    answers = {"/v1/models": [LISTED], "/tokenize": [tokens] * 40, "/v1/completions": []}
    with serving(server := RawServer(answers)), Runtime.open(server=server.url, family="mini", plugins=[]) as runtime:
        chat = runtime.chat()
        answers[silent][:] = [stream(may_end.wait)]
        events = chat.stream("A question that was not asked before")
        threading.Timer(0.5, chat.cancel).start()
        with pytest.raises(Cancelled):
            list(events)
        may_end.set()
    assert chat.conversation.turns == []


def test_an_interrupt_between_chats_leaves_the_others():
    runtime = scripted_runtime(ScriptedModel([KeyboardInterrupt(), *PLAIN]), PLUGINS)
    with pytest.raises(KeyboardInterrupt):
        runtime.chat().ask("Hi")
    assert runtime.chat().ask("Hi").text == "Hello."
