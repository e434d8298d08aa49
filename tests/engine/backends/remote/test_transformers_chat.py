"""Chats with a real `transformers serve`, whose small model writes thoughts and a call, one token after the other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import transformers
from transformers import GenerationConfig, Qwen2Config, Qwen2ForCausalLM

from moss_agent.engine.backends.remote.chat import RemoteChatModel
from moss_agent.engine.backends.remote.connection import Connection
from moss_agent.engine.backends.remote.kinds import TRANSFORMERS
from moss_agent.engine.backends.remote.served import connect
from moss_agent.messages import Message, MessagePiece, Reasoning, Tool, ToolCall
from moss_agent.session import Generation
from tests.engine.backends.remote.transformers_server import transformers_server
from tests.engine.tiny import make_tokenizer
from tests.engine.writing import write_message

pytestmark = pytest.mark.slow

OLD = tuple(map(int, transformers.__version__.split(".")[:2])) < (5, 20)
CALL = '\n{"name": "add", "arguments": {"numbers": "1,2"}}\n'
WRITES = ["<think>", "Two numbers.", "</think>", "<tool_call>", CALL, "</tool_call>", "<|im_end|>"]
TEMPLATE = """{% for tool in tools %}{{ tool.function.name }}{% endfor %}{% for message in messages -%}
<|im_start|>{{ message.role }}
{{ message.content }}{% for call in message.tool_calls %}{{ call.function.arguments.numbers }}{% endfor %}<|im_end|>
{% endfor %}{{ '<|im_start|>assistant\n' }}"""
ASKED = [Message("user", "What is 1+2?")]
TOOLS = [Tool("add", "Adds numbers.", {"type": "object", "properties": {"numbers": {"type": "string"}}})]


def save_model(folder: Path) -> None:
    """A model whose next token depends on the last alone: whatever ends the prompt, it writes WRITES."""
    tokenizer = make_tokenizer([*WRITES, "<|im_start|>"])
    tokenizer.chat_template, tokenizer.eos_token = TEMPLATE, "<|im_end|>"
    size = len(tokenizer)
    config = Qwen2Config(
        vocab_size=size,
        hidden_size=size + size % 2,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        num_key_value_heads=1,
    )
    model = Qwen2ForCausalLM(config)
    ids = tokenizer.convert_tokens_to_ids(WRITES)
    with torch.no_grad():
        for name in ("self_attn.o_proj", "mlp.down_proj"):
            model.model.layers[0].get_submodule(name).weight.zero_()
        model.model.embed_tokens.weight.copy_(torch.eye(size, config.hidden_size))
        model.lm_head.weight.zero_()
        model.lm_head.weight[ids[0]] = 1
        for before, after in zip(ids, ids[1:], strict=False):
            model.lm_head.weight[after, before] = 2
    model.generation_config = GenerationConfig(eos_token_id=ids[-1], pad_token_id=0)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("model")
    save_model(folder)
    with transformers_server(folder, tmp_path_factory.mktemp("served")) as url:
        yield url


def write(url: str, messages: list[Message], may_call: bool = True, **options) -> tuple[list[MessagePiece], Generation]:
    served = connect(Connection(url))
    assert (served.kind, served.context_length) == (TRANSFORMERS, None)
    settings = {"context_length": 1000, "sampling": {}, "max_new_tokens": 99, "seed": 5, **options}
    session = RemoteChatModel(served, **settings).chat_session(TOOLS)
    return write_message(session, messages, may_call)


def test_thoughts_and_a_call_are_read_and_their_result_is_taken_back(url):
    written, generation = write(url, ASKED)
    thought, call = written
    assert thought == Reasoning("Two numbers.")
    assert isinstance(call, ToolCall) and (call.name, call.arguments) == ("add", '{"numbers": "1,2"}')
    assert (generation.text, generation.finish, generation.generated) == ("", "end", len(WRITES))
    answered = [*ASKED, Message("assistant", "", (call,), thought.text), Message("tool", "3", call_id=call.id)]
    again, longer = write(url, answered, may_call=False, sampling={"temperature": 0.0, "top_k": 1})
    assert again[0] == thought and longer.prefilled > generation.prefilled
    broken = Message("assistant", "", (ToolCall(call.id, "add", '{"numbers": '),))
    assert write(url, [*ASKED, broken, answered[-1]])[0][0] == thought


@pytest.mark.skipif(OLD, reason="`transformers serve` did not keep it before 5.20")
def test_the_limit_is_kept_by_the_server(url):
    written, generation = write(url, ASKED, max_new_tokens=2)
    assert written == [Reasoning("Two numbers.")]
    assert (generation.finish, generation.generated) == ("length", 2)
