"""A real vLLM on this machine's CPU: the same tokens as here, what its prefix cache saves, many at once, sudden ends.

    PYTHONPATH=. python bench/vllm.py [--environment ~/.cache/moss_agent/vllm | --python vllm-env/bin/python]
        [--agents 1 4 16 64]

Builds the environment, unless --python names the interpreter of one: 2.3 GB, Linux on x86-64. Greedy, in fp32. Exit
code 1 if tokens differ, 3 with the reason if the environment cannot be built.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx2
import torch
from transformers import AutoModelForCausalLM, CodeGenConfig, CodeGenForCausalLM
from transformers.utils.logging import disable_progress_bar
from vllm_server import ROOT, NotInstalled, Server, environment, serving

from moss_agent import Agent
from moss_agent.checkpoints import moss
from moss_agent.checkpoints.convert.source import open_source
from moss_agent.checkpoints.convert.to_gptj import to_gptj
from moss_agent.checkpoints.mini import prepare
from moss_agent.errors import ServerError
from moss_agent.resources import cache_dir
from tests.checkpoints.moss.published import write_checkpoint

SIZES = {"n_embd": 768, "n_layer": 3, "n_head": 24, "rotary_dim": 8}  # 24 heads, a quarter of each turned, as in MOSS
PROMPTS, WRITTEN = 12, 48
QUESTIONS = ("What is 37*89?", "一个笼子里有鸡和兔共35只，脚94只，鸡兔各几只？")  # noqa: RUF001
PLUGINS = ["calculator", "equation_solver"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--environment", type=Path, default=cache_dir() / "vllm", help="built if it is not there")
    parser.add_argument("--python", type=Path, help="the interpreter of an environment that has vLLM and this package")
    parser.add_argument("--agents", type=int, nargs="*", default=[1, 4, 16, 64], help="conversations at once")
    arguments = parser.parse_args()
    disable_progress_bar()
    try:
        python = arguments.python or environment(arguments.environment.absolute())
    except NotInstalled as error:
        print(f"vLLM does not install here: {error}", file=sys.stderr)
        raise SystemExit(3) from None
    with tempfile.TemporaryDirectory() as name:
        same = compare_moss(python.absolute(), Path(name)) & compare_mini(
            python.absolute(), Path(name), arguments.agents
        )
    raise SystemExit(not same)


def row(name: str, value: str) -> None:
    print(f"{name:46} {value}", flush=True)


def compare_moss(python: Path, folder: Path) -> bool:
    """A random MOSS, as it is published and as GPT-J."""
    published, converted = folder / "moss", folder / "gptj"
    write_moss(published)
    to_gptj(open_source(str(published)), converted)
    same = True
    for name, path in (("MOSS through the plugin", published), ("MOSS as GPT-J", converted)):
        with serving(python, path) as server:
            same &= compare_ids(f"{name}, started in {server.start:.0f} s", server, published)
    return same


def write_moss(folder: Path) -> None:
    folder.mkdir()
    write_checkpoint(folder)  # for the size of its vocabulary
    file = folder / "config.json"
    torch.manual_seed(7)
    vocabulary = json.loads(file.read_text())["vocab_size"]
    model = CodeGenForCausalLM(CodeGenConfig(vocab_size=vocabulary, bos_token_id=0, eos_token_id=1, **SIZES)).eval()
    for parameter in model.parameters():  # sharper than freshly initialised, so that ties do not occur
        parameter.data.mul_(2)
    model.lm_head.bias.data.normal_()
    write_checkpoint(folder, model)
    file.write_text(json.dumps(json.loads(file.read_text()) | SIZES))


def compare_ids(name: str, server: Server, folder: Path) -> bool:
    """Compare greedy tokens after random ones with those of the model here."""
    moss.register()
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    numbers, same, apart = random.Random(5), 0, 0.0
    for _ in range(PROMPTS):
        prompt = [numbers.randrange(3, model.config.vocab_size) for _ in range(numbers.randint(3, 200))]
        there, their = complete(server.url, prompt)
        here, our = write(model, prompt)
        same += there == here
        apart = max([apart, *(abs(one - other) for one, other in zip(their, our, strict=False) if there == here)])
    row(name, f"{same}/{PROMPTS} prompts with the same {WRITTEN} tokens, log-probabilities within {apart:.0e}")
    return same == PROMPTS


def complete(url: str, prompt: list[int]) -> tuple[list[int], list[float]]:
    """Token ids and log-probabilities from the server."""
    body: dict[str, Any] = {"model": "moss", "prompt": prompt, "max_tokens": WRITTEN, "temperature": 0, "logprobs": 1}
    body |= {"ignore_eos": True, "return_token_ids": True, "skip_special_tokens": False}
    answer = httpx2.post(f"{url}/v1/completions", json=body, timeout=300, trust_env=False).raise_for_status().json()
    choice = answer["choices"][0]
    return choice["token_ids"], choice["logprobs"]["token_logprobs"]


@torch.inference_mode()
def write(model: Any, prompt: list[int]) -> tuple[list[int], list[float]]:
    """The same from the model here."""
    written: list[int] = []
    chances: list[float] = []
    ids, cache = torch.tensor([prompt]), None
    for _ in range(WRITTEN):
        out = model(ids, past_key_values=cache, use_cache=True)
        cache, logits = out.past_key_values, out.logits[0, -1].float()
        written.append(int(logits.argmax()))
        chances.append(float(logits.log_softmax(-1).max()))
        ids = torch.tensor([written[-1:]])
    return written, chances


def compare_mini(python: Path, folder: Path, agents: Sequence[int]) -> bool:
    mini = folder / "mini"
    mini.symlink_to(prepare())
    with serving(python, mini) as server:
        same = compare_ids(f"mini, started in {server.start:.0f} s", server, mini)
        same &= compare_turns(server)
        if agents:
            crowd(server.url, agents)
    for sign in ("SIGTERM", "SIGKILL"):
        with serving(python, mini) as server:
            end_in_the_middle(server, sign)
    return same


def compare_turns(server: Server) -> bool:
    """Two turns with plugins, here and there; what the prefix cache had of the second conversation of that kind."""
    told = []
    for settings in ({"model": "mini", "dtype": "fp32", "device": "cpu"}, {"server": server.url, "family": "mini"}):
        with Agent.from_pretrained(**settings, plugins=PLUGINS) as agent:
            asked, found = server.metric("prefix_cache_queries_total"), server.metric("prefix_cache_hits_total")
            replies = [agent.ask(question) for question in QUESTIONS]
            told.append(
                [
                    (reply.thoughts, reply.text, [call.result for call in reply.calls], reply.usage.generated_tokens)
                    for reply in replies
                ]
            )
    asked = server.metric("prefix_cache_queries_total") - asked
    found = server.metric("prefix_cache_hits_total") - found
    tokens = sum(turn[-1] for turn in told[0])
    is_same = told[0] == told[1]
    row(
        "mini, two turns with plugins",
        f"{'the same' if is_same else 'NOT the same'} texts, results and {tokens} tokens",
    )
    row("prefix cache in these turns", f"{found:.0f} of {asked:.0f} prompt tokens found ({found / asked:.0%})")
    return is_same


def crowd(url: str, agents: Sequence[int]) -> None:
    command = [sys.executable, str(ROOT / "bench/crowd.py"), "--server", url, "--family", "mini"]
    command += ["--plugins", "calculator", "--agents", *map(str, agents)]
    subprocess.run(command, check=True)


def end_in_the_middle(server: Server, sign: str) -> None:
    """End the server while it writes the second answer of a conversation."""
    with Agent.from_pretrained(server=server.url, family="mini", plugins=PLUGINS) as agent:
        agent.ask(QUESTIONS[0])
        ended = 0.0

        def end() -> None:
            nonlocal ended
            ended = time.monotonic()
            subprocess.run(["kill", f"-{sign.removeprefix('SIG')}", str(server.process.pid)], check=True)

        events = agent.stream("Tell me a long story about a fox and a bear.")
        try:
            next(events)
            threading.Timer(0.2, end).start()
            for _ in events:
                pass
            line = "the answer was complete before"
        except ServerError as error:
            line = f"after {time.monotonic() - ended:.1f} s: {error}; turns kept: {len(agent.conversation.turns)}"
    row(f"{sign} in the middle of an answer", line)


if __name__ == "__main__":
    main()
