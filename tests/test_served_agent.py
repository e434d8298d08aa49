"""Agents on served models: the same answers and events as on the model itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from moss_agent import Agent, Runtime, plugin
from moss_agent.checkpoints.mini import prepare
from moss_agent.dialects.moss import MossDialect
from moss_agent.engine.backends.remote.connection import Connection
from moss_agent.engine.backends.remote.served import connect
from moss_agent.engine.backends.remote.session import RemoteModel
from moss_agent.events import Reply
from moss_agent.plugin_host import PluginRunner
from moss_agent.session import Sampling
from tests.engine.backends.remote.model_server import ModelServer
from tests.engine.backends.remote.raw_server import serving
from tests.engine.backends.remote.transformers_server import transformers_server
from tests.engine.tiny import make_model, make_tokenizer

MARKERS = ["<eoh>", "<eot>", "<eoc>", "<eor>", "<eom>"]
QUESTION = "What is 37*89?"
pytestmark = pytest.mark.slow


@plugin("Add", label="Adder")
def add(numbers: str) -> str:
    return str(sum(map(int, numbers.split(","))))


@pytest.mark.parametrize("kind", ["vllm", "llama.cpp"])
@pytest.mark.parametrize("last", ["<eom>", "<|endoftext|>"])
def test_a_turn_in_which_the_markers_are_special_tokens(kind, last):
    """As with MOSS, whose `<eom>` is also its end token."""
    tokenizer = make_tokenizer(MARKERS)
    tokenizer.eos_token = last
    said = [" It is a sum.<eot>", ' Add("1,2")<eoc>', f" It is 3<sup><|1|></sup>.{last}"]
    with serving(server := ModelServer(make_model(), tokenizer, kind, [tokenizer.encode(text) for text in said])):
        model = RemoteModel(connect(Connection(server.url)), context_length=512, markers=MARKERS)
        sampling = Sampling(max_new_tokens=99)
        with Runtime(MossDialect(model, "Be kind.\n", sampling), PluginRunner([add])) as runtime:
            reply = runtime.chat().ask("1+2?")
    assert (reply.thoughts, reply.text) == ("It is a sum.", "It is 3<sup><|1|></sup>.")
    assert [(call.name, call.result) for call in reply.calls] == [("Add", "3")]
    assert reply.usage.cached_tokens == 0 and reply.usage.prefilled_tokens > reply.usage.generated_tokens > 20
    assert [len(server.requests), server.scripts] == [3, []]


@pytest.fixture(scope="module")
def served_mini(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The mini model in a process of its own, served by transformers."""
    with transformers_server(prepare(), tmp_path_factory.mktemp("served")) as url:
        yield url


@pytest.fixture
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.timeout(1200)
def test_the_served_mini_answers_as_the_local_one(served_mini, one_thread):
    plugins = ["calculator", "equation_solver"]

    def ask(agent: Agent) -> list[object]:
        events = list(agent.stream(QUESTION))
        agent.close()
        replies = [event for event in events if isinstance(event, Reply)]
        calls = [[(call.name, call.argument, call.result) for call in reply.calls] for reply in replies]
        return [[(reply.thoughts, reply.text) for reply in replies], calls, {type(event) for event in events}]

    local = ask(Agent.from_pretrained("mini", dtype="fp32", plugins=plugins))
    remote = ask(Agent.from_pretrained(server=served_mini, family="mini", plugins=plugins))
    assert remote == local
    assert "3293" in remote[0][0][1]
