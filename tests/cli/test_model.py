"""`ask` and `chat` as a user runs them, on a real but tiny random model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from transformers import LlamaConfig, LlamaForCausalLM

from tests.cli.conftest import Program
from tests.engine.tiny import make_tokenizer

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def flags(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The options for a model whose answers mean nothing."""
    folder = tmp_path_factory.mktemp("model")
    tokenizer = make_tokenizer([])
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), **sizes)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return ["--model", str(folder), "--family", "mini", "--max-new-tokens", "5", "--device", "cpu"]


def test_ask_prints_events_and_no_chatter(program: Program, flags: list[str]) -> None:
    done = program("ask", "--json", *flags, "What", "is", "moss?")
    answer = json.loads(done.stdout.splitlines()[-1])
    assert answer["type"] == "answer"
    assert answer["usage"]["prefilled_tokens"] > 0
    assert (done.returncode, done.stderr) == (0, "")


def test_the_same_seed_gives_the_same_answer(command: Program, flags: list[str]) -> None:
    asked = ["ask", *flags, "--temperature", "1", "--seed", "7", "--plugins", "none", "What is moss?"]
    first, second = (command(*asked) for _ in range(2))
    assert first.stdout.strip()
    assert (first.stdout, first.stderr) == (second.stdout, second.stderr)


def test_chat_reads_a_pipe(program: Program, flags: list[str], tmp_path: Path) -> None:
    done = program("chat", *flags, stdin="Hi\nAnd?\n/save chat.json\nstop\n")
    assert (done.returncode, "> " in done.stdout) == (0, False)
    assert len(json.loads((tmp_path / "chat.json").read_text("utf-8"))["turns"]) == 2
