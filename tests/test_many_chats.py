"""Many chats on one real model."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from moss_agent import Runtime
from moss_agent.dialects.moss import MossDialect
from moss_agent.plugin_host import PluginRunner
from moss_agent.session import Sampling
from tests.chat_scene import echo
from tests.checkpoints.moss.published import write_checkpoint
from tests.engine.test_session import open_model
from tests.engine.tiny import make_model, make_tokenizer
from tests.scripted import PREAMBLE

QUESTIONS = [f"Question {number}: {'and so on ' * number}" for number in range(8)]
pytestmark = pytest.mark.slow


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
    assert chat._dialect._session._sequence in runtime._dialect.model.scheduler._budget.sequences
    chat.close()
    assert not runtime._dialect.model.scheduler._budget.sequences


def test_a_chat_whose_cache_was_given_up_answers_as_before(tmp_path: Path):
    """On the layout of MOSS, with memory for the cache of one conversation."""
    folder = write_checkpoint(tmp_path)
    options = {"family": "mini", "dtype": "fp32", "plugins": [], "max_new_tokens": 12, "context_length": 900}
    with Runtime.open(str(folder), **options) as runtime:
        chat = runtime.chat()
        want = [chat.ask("Who are you?").text, chat.ask("And who am I?").text]
    with Runtime.open(str(folder), cache_memory="1KB", **options) as runtime:
        chat, other = runtime.chat(), runtime.chat()
        got = [chat.ask("Who are you?").text]
        runtime._dialect.model.scheduler._budget._limit = 1
        other.ask("Something else?")
        got.append(chat.ask("And who am I?").text)
    assert got == want
