"""The real mini model: fetched, prepared, asked. What it must be able to do, and that the cache changes nothing."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from moss_agent import Agent
from moss_agent.cancellation import Cancellation
from moss_agent.checkpoints.mini import prepare_onnx
from moss_agent.events import CallStarted, Reply
from tests.engine.tiny import own_attention

ROOT = Path(__file__).parents[1]
ROUNDING = 16 * torch.finfo(torch.float32).eps  # relative, in one layer: some roundings in a row
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]  # the first test may have to fetch the model


@pytest.fixture(scope="module")
def agent() -> Agent:
    made = Agent.from_pretrained("mini", dtype="fp32")
    yield made
    made.close()


@pytest.fixture(autouse=True)
def fresh(agent: Agent) -> None:
    agent.reset()


@pytest.mark.parametrize(
    ("question", "plugin", "answer"),
    [
        ("What is 37*89?", "Calculate", "3293"),
        ("帮我算一下 125×8", "Calculate", "1000"),
        ("Solve x + 7 = 12.", "Solve", "5"),
        ("I have 12 coins of 5 or 10 cents, together 90 cents. How many of each?", "Solve", "6"),
    ],
)
def test_it_computes_and_solves_through_the_plugins(agent, question, plugin, answer):
    reply = agent.ask(question)
    assert [call.name for call in reply.calls] == [plugin]
    assert reply.calls[0].ok
    assert answer in reply.text.replace(",", "")


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("Who invented the telephone?", "Search"),
        ("泰山的海拔是多少？", "Search"),
        ("Draw a red fox in the snow.", "Text2Image"),
        ("画一幅海边的日落", "Text2Image"),
        ("What is 15% of 80?", "Calculate"),
        ("鸡兔同笼，共有35个头，94只脚，鸡和兔各有几只？", "Solve"),
    ],
)
def test_it_reaches_for_the_right_plugin(agent, question, name):
    """Whatever it then writes: word problems are often beyond it."""
    for event in agent.stream(question):
        if isinstance(event, CallStarted):
            assert event.name == name
            return
    pytest.fail("no plugin was called")


def test_it_greets_without_plugins(agent):
    assert agent.ask("Hello!").calls == ()


def test_its_memory_is_what_plugins_give_back(agent):
    release = agent.runtime._dialect.model.scheduler._release
    assert list(release.args[0]) == [agent.runtime._runner]


def test_a_second_turn_computes_only_what_is_new(agent):
    first = agent.ask("What is 37*89?")
    second = agent.ask("And what is 12*12?")
    assert second.usage.cached_tokens > first.usage.prompt_tokens
    assert second.usage.prefilled_tokens < second.usage.prompt_tokens / 2


def test_cached_turns_equal_a_recomputation_of_the_whole_conversation(agent):
    """The logits after two turns, from the growing cache and from scratch, agree up to rounding."""
    agent.ask("What is 37*89?")
    agent.ask("Solve x + 7 = 12.")
    session, model = agent.chat._dialect._session, agent.runtime._dialect.model
    ids = session._sequence.ids
    with torch.inference_mode(), own_attention(model.scheduler._backend._model):
        whole = model.scheduler._backend._model(torch.tensor([ids]), use_cache=False).logits[0, -1].float()
    (cached,), _ = model.scheduler.logits(session._sequence, Cancellation())
    assert int(cached.argmax()) == int(whole.argmax())
    assert (
        float((torch.from_numpy(cached) - whole).norm() / whole.norm())
        < ROUNDING * model.scheduler._backend._model.config.num_hidden_layers
    )


def test_on_onnx_runtime_it_computes_what_it_was_trained_to(agent):
    """The way in which it is computed unless something else is asked for; fp32 is what the other tests ask for."""
    question = "I have 12 coins of 5 or 10 cents, together 90 cents. How many of each?"
    with Agent.from_pretrained("mini", plugins=["calculator", "equation_solver"]) as small:
        replies = [one.ask(question) for one in (small, agent)]
    assert [reply.calls[0].argument for reply in replies] == ["x+y=12;5*x+10*y=90"] * 2


def test_on_onnx_runtime_it_needs_no_torch():
    prepare_onnx()  # which needs more
    code = """
import sys
from moss_agent import Agent
with Agent.from_pretrained("mini", plugins=["calculator"]) as agent:
    print(agent.ask("What is 37*89?").text)
print({"torch", "transformers", "peft", "onnx"} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    answer, imported = done.stdout.splitlines()
    assert "3293" in answer.replace(",", "") and imported == "set()"


def test_the_command_line_prints_the_answer_alone_into_a_pipe():
    done = subprocess.run([sys.executable, "-m", "moss_agent", "ask", "What is 37*89?"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "3293" in done.stdout.replace(",", "") and "\x1b" not in done.stdout + done.stderr


def test_the_command_line_prints_events_as_json():
    command = [sys.executable, "-m", "moss_agent", "ask", "--json", "--plugins", "calculator", "What is 37*89?"]
    done = subprocess.run(command, capture_output=True, text=True)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["type"] for event in events if event["type"] in ("call", "result", "answer")] == [
        "call",
        "result",
        "answer",
    ]
    answer = events[-1]
    assert answer.keys() >= {"type", "text", "calls", "citations", "images", "usage", "seconds"}
    assert answer["calls"][0].keys() >= {"name", "argument", "result", "ok", "seconds"}
    assert answer["calls"][0]["result"] == "3293"
    assert list(answer["usage"]) == ["prompt_tokens", "prefilled_tokens", "cached_tokens", "generated_tokens"]


@pytest.mark.parametrize("example", sorted((ROOT / "examples").glob("*.py")), ids=lambda path: path.name)
def test_examples_run(example, capsys):
    """In this process, which has imported already what takes long."""
    runpy.run_path(str(example), run_name="__main__")
    assert capsys.readouterr().out.strip()


def test_a_users_plugin_is_called(agent):
    command = [sys.executable, "-m", "moss_agent", "ask", "--json", "--plugin-dir", str(ROOT / "examples/plugins")]
    done = subprocess.run([*command, "What's the weather like in Paris?"], capture_output=True, text=True)
    answer = json.loads(done.stdout.splitlines()[-1])
    assert [call["name"] for call in answer["calls"]] == ["Weather"], done.stderr


def test_the_stream_ends_with_the_reply(agent):
    assert isinstance(list(agent.stream("Hi"))[-1], Reply)
