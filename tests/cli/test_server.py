"""`ask --server` as a user runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import ROOT, Program
from tests.engine.backends.remote.model_server import ModelServer
from tests.engine.backends.remote.raw_server import RawServer, page, serving, stream
from tests.engine.tiny import make_model, make_tokenizer

FLAGS = ["--family", "mini", "--plugins", "none", "--max-new-tokens", "5"]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    make_model().save_pretrained(folder)
    make_tokenizer([]).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    with serving(server := ModelServer(make_model(), make_tokenizer([]), "vllm")):
        yield server


def test_the_answer_is_that_of_the_local_model(program: Program, server: ModelServer, folder: Path) -> None:
    asked = ["ask", "--json", *FLAGS, "What is moss?"]
    remote = program(*asked, MOSS_AGENT_SERVER=server.url)
    local = program(*asked, "--model", str(folder), "--device", "cpu", "--dtype", "fp32")
    assert (remote.returncode, remote.stderr) == (0, "")
    answers = [json.loads(done.stdout.splitlines()[-1]) for done in (remote, local)]
    assert answers[0]["text"] and answers[0]["text"] == answers[1]["text"]
    assert answers[0]["usage"]["generated_tokens"] == answers[1]["usage"]["generated_tokens"] > 0


def test_nothing_of_torch_is_loaded_on_the_way(server: ModelServer) -> None:
    arguments = ["ask", "--server", server.url, *FLAGS, "Hi"]
    code = f"import sys; from moss_agent.cli import main; main({arguments!r})"
    code += "; print(sorted({'torch', 'transformers', 'huggingface_hub', 'sympy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.endswith("[]\n"), done.stderr


def test_the_key_comes_from_the_environment(program: Program) -> None:
    with serving(server := RawServer({"/v1/models": [page(401, b"{}")]})):
        done = program("ask", "--server", server.url, "Hi", MOSS_AGENT_API_KEY="secret")
    assert "Authorization: Bearer secret" in server.requests[0]
    assert done.returncode == 1
    assert done.stderr.startswith("moss-agent: 127.0.0.1:") and "refuses the key in MOSS_AGENT_API_KEY" in done.stderr


def test_a_server_that_is_not_there_is_one_line(program: Program) -> None:
    done = program("ask", "--server", "http://127.0.0.1:9", "Hi")
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1)
    assert "no answer from the server 127.0.0.1:9: nothing listens there; is it running?" in done.stderr
    assert program("ask", "--server", "127.0.0.1", "Hi").returncode == 2


def test_a_server_cannot_steer_the_terminal(program: Program) -> None:
    text = json.dumps({"choices": [{"text": " \x1b]0;owned\x07\x1b[2Jred\u202e", "finish_reason": "stop"}]}).encode()
    good, bad = stream(b"data: " + text + b"\n\n"), stream(b'data: {"error": "\\u001b[31mno\\nmemory"}\n\n')
    with serving(server := RawServer({"/v1/completions": [good] * 3 + [bad]})):
        done = [program("ask", "--server", server.url, *FLAGS, "Hi") for _ in range(2)]
    assert (done[0].stdout, done[0].returncode, done[1].returncode) == ("red\n", 0, 1)
    assert done[1].stderr == "moss-agent: the server failed: no memory\n"
    assert not {"\x1b", "\x07", "\u202e"} & set("".join(one.stdout + one.stderr for one in done))
