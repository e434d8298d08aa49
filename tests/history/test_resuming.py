"""A conversation that goes on in another process is the one that went on here, token for token."""

from __future__ import annotations

import json

import pytest

from moss_agent import Conversation, Runtime
from moss_agent.dialects.moss import MossDialect
from moss_agent.plugin_host import PluginRunner
from moss_agent.protocol import END_MARKERS
from moss_agent.session import Sampling
from tests.chat_scene import echo
from tests.engine.test_session import open_model
from tests.engine.tiny import make_model, make_tokenizer
from tests.scripted import PREAMBLE

pytestmark = pytest.mark.slow
QUESTIONS = [f"Question {number}: {'and so on ' * (number % 3)}" for number in range(9)]


def open_runtime(markers: list[str], context_length: int) -> Runtime:
    """On a random model, whose text the tokenizer would seldom cut into the tokens that it wrote."""
    model = open_model(make_model(), make_tokenizer(markers), context_length=context_length)
    return Runtime(MossDialect(model, PREAMBLE, Sampling(max_new_tokens=24)), PluginRunner([echo]))


@pytest.mark.parametrize("markers", [[], list(END_MARKERS)])
@pytest.mark.parametrize("context_length", [4000, 700])
def test_a_conversation_goes_on_elsewhere_with_the_same_tokens(markers: list[str], context_length: int) -> None:
    with open_runtime(markers, context_length) as runtime:
        unbroken, resumed = runtime.chat(), runtime.chat()
        for question in QUESTIONS:
            saved = json.dumps(unbroken.conversation.to_json())
            resumed.conversation = Conversation.from_json(json.loads(saved))
            first, second = unbroken.ask(question), resumed.ask(question)
            assert second.text == first.text and second.thoughts == first.thoughts
            assert ids(resumed) == ids(unbroken)
        untold = unbroken.conversation.turns[-1].untold
        assert untold == resumed.conversation.turns[-1].untold
        assert bool(untold) == (context_length < 4000)


def ids(chat: object) -> list[int]:
    return chat._dialect._session._sequence.ids
