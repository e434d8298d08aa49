"""`train` as a user runs it, on a model of two layers: looked at, trained, stopped, merged, asked."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from moss_agent.conversation import Conversation
from moss_agent.protocol import END_MARKERS
from moss_agent.records import Round, Turn
from moss_agent.training.state import holding
from tests.cli.conftest import ROOT, Program
from tests.engine.chat_parts import FORGETS, chat_tokenizer
from tests.engine.tiny import make_model, make_tokenizer
from tests.training.encoded import CHAT, TOOL

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("base")
    make_model().save_pretrained(folder)
    make_tokenizer(list(END_MARKERS)).save_pretrained(folder)
    return str(folder)


@pytest.fixture
def data(tmp_path: Path) -> str:
    """Twelve conversations in MOSS's format, one a line."""
    lines = []
    for number in range(12):
        done = Round(f"I add {number}.", f'Calculate("{number}+1")', f"Calculate(\"{number}+1\") => '{number + 1}'")
        conversation = Conversation("You are MOSS.\n", [Turn(f"{number} and 1?", (done,), f"{number + 1}.")])
        lines.append(json.dumps(conversation.to_training(str(number))))
    path = tmp_path / "data.jsonl"
    path.write_text("\n".join(lines))
    return str(path)


def test_what_is_learned_is_shown_and_nothing_is_trained(command: Program, base: str, data: str) -> None:
    done = command("train", data, "--base", base, "--family", "mini", "--show", "1")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("── 1: ")
    assert '<|Commands|>:« Calculate("0+1")<eoc>»' in done.stdout
    assert "<|Results|>:\nCalculate(\"0+1\") => '1'\n<eor>\n<|MOSS|>:« 1.<eom>»" in done.stdout


def test_a_model_is_tuned_merged_and_asked(
    program: Program, command: Program, base: str, data: str, tmp_path: Path
) -> None:
    options = ("--base", base, "--family", "mini", "--out", "tuned", "--epochs", "2", "--tensorboard")
    done = program("train", data, *options)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert "11 conversations" in done.stdout and "1 held out" in done.stdout
    assert "held out: loss" in done.stdout
    assert done.stdout.rstrip().endswith("use it: moss-agent models merge tuned/adapter tuned/model")
    assert list((tmp_path / "tuned" / "tensorboard").iterdir())
    merged = command("models", "merge", "tuned/adapter", "tuned/model")
    assert (merged.returncode, merged.stderr) == (0, "")
    asked = command("ask", "1 and 1?", "--model", "tuned/model", "--max-new-tokens", "8", "--plugins", "none")
    assert asked.returncode == 0, asked.stderr  # it was told as mini is: the folder says which family it was trained as
    again = command("train", data, *options[:-1], "--rank", "4")
    assert (again.returncode, again.stdout) == (2, "")
    assert again.stderr == "moss-agent: tuned has a run with another --rank: name another folder, or remove it\n"


def test_all_weights_are_tuned(command: Program, base: str, data: str, tmp_path: Path) -> None:
    options = ("--family", "mini", "--out", "t", "--full", "--checkpointing", "--dtype", "bf16")
    done = command("train", data, "--base", base, *options)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.rstrip().endswith("use it: moss-agent chat --model t/model")
    assert {"model.safetensors", "tokenizer.json", "moss_agent.json"} <= {
        p.name for p in (tmp_path / "t/model").iterdir()
    }
    weights = [load_file(Path(folder) / "model.safetensors") for folder in (base, tmp_path / "t/model")]
    assert [{str(each.dtype) for each in found.values()} for found in weights] == [{"torch.float32"}] * 2


def test_signals_stop_after_the_step_and_the_same_command_goes_on(
    program: Program, base: str, data: str, tmp_path: Path
) -> None:
    arguments = ["train", data, "--base", base, "--family", "mini", "--epochs", "40", "--step-tokens", "1"]
    arguments += ["--row-tokens", "1", "--rank", "2"]
    whole = program(*arguments, "--out", "whole")
    for number in (signal.SIGINT, signal.SIGTERM):
        command = [sys.executable, "-m", "moss_agent", *arguments, "--out", "cut"]
        process = subprocess.Popen(
            command,
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},  # as `program` does: sums in another order have other last bits
        )
        assert process.stdout
        for line in process.stdout:
            if line.startswith("time"):
                break
        process.send_signal(number)
        if number == signal.SIGTERM:  # a scheduler and torchrun both send it
            process.send_signal(number)
        _, errors = process.communicate()
        assert process.returncode == 130 and errors.rstrip().endswith("the same command goes on"), errors
    done = program(*arguments, "--out", "cut")
    assert whole.returncode == done.returncode == 0 and "going on after step " in done.stdout
    adapters = [(tmp_path / out / "adapter" / "adapter_model.safetensors").read_bytes() for out in ("whole", "cut")]
    assert adapters[0] == adapters[1]


def test_a_second_start_in_the_folder_of_a_run_is_refused(
    command: Program, base: str, data: str, tmp_path: Path
) -> None:
    with holding(tmp_path / "o"):
        done = command("train", data, "--base", base, "--family", "mini", "--out", "o")
    said = "moss-agent: another process trains in o: let it finish, or name another folder\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", said)
    assert [path.name for path in (tmp_path / "o").iterdir()] == [".lock"]


def test_faulty_records_are_named_and_nothing_is_trained(
    command: Program, base: str, data: str, tmp_path: Path
) -> None:
    with open(data, "a") as file:
        file.write('\n{"chat": {}}\n[1]\n{"messages": [{"role": "user"}]}\n')
    done = command("train", data, "--base", base, "--out", "tuned")
    assert done.returncode == 2 and done.stdout == "" and not (tmp_path / "tuned").exists()
    lines = done.stderr.splitlines()
    assert len(lines) == 4 and all(line.startswith(f"moss-agent: {data}, line 1") for line in lines[:3])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "name the folder of the run (--out DIR), or look at the data first (--show 3)"),
        (("--out", "o", "--full", "--quantize", "int4"), "packed weights cannot be trained"),
        (("--out", "o", "--held-out", "1"), "must be a share from 0 to less than 1"),
        (("--out", "o", "--learning-rate", "0"), "must be above 0"),
        (("--out", "o", "--dtype", "fp16"), "small gradients would become zero"),
        (("--out", "o", "--base", "nowhere/at-all"), "nowhere/at-all"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    command: Program, data: str, options: tuple[str, ...], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    done = command("train", data, *options)
    assert done.returncode in (1, 2) and done.stdout == ""
    assert done.stderr.count("\n") == 1 and said in done.stderr


def test_what_does_not_fit_is_refused_with_options_that_would(command: Program, base: str, data: str) -> None:
    done = command("train", data, "--base", base, "--out", "o", "--row-tokens", "1000000000")
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "training needs about " in done.stderr and "it would fit with --row-tokens 2048" in done.stderr


def test_what_is_longer_than_the_models_window_is_named(command: Program, base: str, data: str, tmp_path: Path) -> None:
    small = shutil.copytree(base, tmp_path / "small")
    config = json.loads((small / "config.json").read_text())
    (small / "config.json").write_text(json.dumps({**config, "max_position_embeddings": 40}))
    done = command("train", data, "--base", str(small), "--family", "mini", "--out", "o")
    assert done.returncode == 2 and done.stdout == "" and not (tmp_path / "o").exists()
    lines = done.stderr.splitlines()
    assert len(lines) == 13 and lines[0].startswith(f"moss-agent: {data}, line 1: it has ")
    assert lines[0].endswith(" tokens, and the model takes 40: shorten it, or leave it out")


def test_a_start_that_failed_does_not_fix_the_options(command: Program, base: str, data: str, tmp_path: Path) -> None:
    broken = shutil.copytree(base, tmp_path / "broken")
    (broken / "model.safetensors").unlink()
    options = ("train", data, "--base", str(broken), "--family", "mini", "--out", "o", "--epochs", "1")
    failed = command(*options)
    assert failed.returncode == 1 and "has no weights" in failed.stderr
    (broken / "model.safetensors").write_bytes(b"cut off")
    failed = command(*options)
    assert failed.returncode == 1 and "cannot load" in failed.stderr
    shutil.copy(Path(base) / "model.safetensors", broken)
    done = command(*options, "--row-tokens", "512")
    assert (done.returncode, done.stderr) == (0, "")
    assert "another --row-tokens" in command(*options).stderr


@pytest.mark.parametrize(
    ("options", "file"),
    [
        ((), "adapter"),
        ((), "adapter/adapter_model.safetensors"),
        (("--full",), "model/model.safetensors"),
        (("--full",), "model/tokenizer.json"),
    ],
)
def test_what_cannot_be_written_in_the_end_is_written_by_the_same_command(
    command: Program, base: str, data: str, tmp_path: Path, options: tuple[str, ...], file: str
) -> None:
    place = tmp_path / "o" / file
    (place / "folder").mkdir(parents=True)  # a file cannot take its place
    if file == "adapter":
        shutil.rmtree(place)
        place.touch()
    arguments = ("train", data, "--base", base, "--family", "mini", "--out", "o", "--epochs", "1", *options)
    failed = command(*arguments)
    assert (failed.returncode, len(failed.stderr.splitlines())) == (2, 1)
    assert failed.stderr.startswith("moss-agent: cannot write o/") and "make room, the same command" in failed.stderr
    place.unlink() if place.is_file() else shutil.rmtree(place)
    done = command(*arguments)
    assert (done.returncode, done.stderr) == (0, "") and " is ready after " in done.stdout


def test_a_conversation_is_counted_once_however_many_sequences_it_is(command: Program, tmp_path: Path) -> None:
    folder = tmp_path / "chat"
    make_model().save_pretrained(folder)
    chat_tokenizer(FORGETS).save_pretrained(folder)
    (tmp_path / "c.jsonl").write_text((json.dumps({"messages": CHAT, "tools": [TOOL]}) + "\n") * 4)  # three sequences
    done = command("train", "c.jsonl", "--base", str(folder), "--out", "o", "--epochs", "1")
    assert (done.returncode, done.stderr) == (0, "")
    assert "3 conversations, " in done.stdout and "; 1 held out" in done.stdout
    assert command("train", "c.jsonl", "--base", str(folder), "--show", "1").stdout.count("── ") == 3


MAIN = """
import os, sys
from accelerate import PartialState
from moss_agent.cli import main
from moss_agent.training import sharding

def shard(*arguments, real=sharding.shard):
    print("shared out", flush=True)
    real(*arguments)

sharding.shard = shard
code = main(sys.argv[1:])
print(f"process of {PartialState().num_processes}", flush=True)
os._exit(code)  # as the command does: what gloo leaves running may abort the end of Python
"""


@pytest.mark.parametrize("options", [(), ("--shard",), ("--shard", "--full")])
def test_several_processes_train_one_model(
    command: Program, base: str, data: str, tmp_path: Path, options: tuple[str, ...]
) -> None:
    (tmp_path / "main.py").write_text(MAIN)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "main.py"]
    train = ["train", data, "--base", base, "--family", "mini", "--dtype", "fp32"]
    train += ["--epochs", "1", "--step-tokens", "300", "--learning-rate", "0.01"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    parts = [*torchrun, *train, *options, "--out", "two"]
    done = subprocess.run(parts, cwd=tmp_path, capture_output=True, text=True, env=environment, timeout=600)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("PLAN") == 1 and done.stdout.count("is ready") == 1
    assert done.stdout.count("process of 2") == 2
    assert done.stdout.count("shared out") == 2 * ("--shard" in options)
    alone = command(*train, *(option for option in options if option != "--shard"), "--out", "one")
    assert alone.returncode == 0, alone.stderr
    (file,) = (tmp_path / "one").rglob("*.safetensors")
    one, two = load_file(file), load_file(tmp_path / "two" / file.relative_to(tmp_path / "one"))
    assert one.keys() == two.keys()
    for name, tensor in one.items():
        torch.testing.assert_close(two[name], tensor, rtol=1e-2, atol=1e-3)


def test_weights_are_shared_out_among_several_processes_only(command: Program, base: str, data: str) -> None:
    done = command("train", data, "--base", base, "--family", "mini", "--out", "one", "--shard")
    assert done.returncode == 2 and "start with torchrun --nproc_per_node N" in done.stderr
    done = command("train", data, "--base", base, "--family", "mini", "--out", "one", "--shard", "--quantize", "int4")
    assert done.returncode == 2 and "packed weights cannot be shared out" in done.stderr
