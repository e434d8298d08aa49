"""Checkpoints that are broken or malicious: refused in one line that names the file, with nothing of them run."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from moss_agent.checkpoints.families import load_family
from moss_agent.errors import CheckpointError
from moss_agent.opening.local import open_local
from moss_agent.settings import Settings
from tests.checkpoints.moss.published import write_checkpoint

FIRST, SECOND = (f"pytorch_model-0000{number}-of-00002.bin" for number in (1, 2))
INDEX = "pytorch_model.bin.index.json"
pytestmark = pytest.mark.slow


class Payload:
    """Pickled, it asks whoever loads it to leave a trace."""

    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return os.putenv, ("PAYLOAD_WAS_RUN", "1")


@pytest.fixture(scope="module")
def intact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("intact"))


@pytest.fixture
def folder(intact: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(intact, tmp_path / "model"))


def load(folder: Path) -> None:
    open_local(Settings(model=str(folder), device="cpu", dtype="fp32"), load_family("moss"))


def refusal(folder: Path) -> str:
    with pytest.raises(CheckpointError) as error:
        load(folder)
    message = str(error.value)
    assert "\n" not in message
    assert "PAYLOAD_WAS_RUN" not in os.popen("env").read()
    assert not hasattr(sys, "code_of_a_checkpoint_was_run")
    return message


def edit(file: Path, **changes: object) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def test_an_intact_one_is_loaded(folder):
    load(folder)


def test_the_payload_works_where_it_is_let_in(tmp_path):
    pickle.loads(pickle.dumps(Payload()))
    assert "PAYLOAD_WAS_RUN" in os.popen("env").read()
    os.unsetenv("PAYLOAD_WAS_RUN")


@pytest.mark.parametrize(
    "write",
    [
        lambda file: torch.save({"transformer.wte.weight": Payload()}, file),
        lambda file: torch.save({**torch.load(file), "more": Payload()}, file),
        lambda file: file.write_bytes(pickle.dumps(Payload())),
    ],
    ids=["alone", "beside weights", "as plain pickle"],
)
def test_code_in_a_weight_file_is_refused(folder, write):
    write(folder / FIRST)
    assert f"{folder / FIRST} holds something else than weights, perhaps code" in refusal(folder)


def test_files_that_are_missing_or_cut_are_named(folder):
    whole = (folder / SECOND).read_bytes()
    (folder / SECOND).write_bytes(whole[: len(whole) // 2])
    assert refusal(folder) == f"{folder / SECOND} is damaged or incomplete: fetch the model again"
    (folder / SECOND).write_bytes(b"")
    assert refusal(folder) == f"{folder / SECOND} is damaged or incomplete: fetch the model again"
    (folder / SECOND).unlink()
    assert refusal(folder) == f"{folder / SECOND} is missing: fetch the model again"
    (folder / INDEX).unlink()
    assert refusal(folder).startswith(f"{folder} has no weights")
    (folder / "config.json").unlink()
    assert refusal(folder).startswith(f"{folder / 'config.json'} is missing")


def test_a_cut_safetensors_file_is_named(folder):
    weights = {**torch.load(folder / FIRST), **torch.load(folder / SECOND)}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    load(folder)
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[:-100])
    assert refusal(folder).startswith(f"{folder / 'model.safetensors'} is damaged")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        pytest.param("[" * 100_000, id="nested"),
        '{"weight_map": {"a": "../../outside.bin"}}',
        '{"weight_map": {"a": 3}}',
    ],
)
def test_an_index_that_is_none_is_refused(folder, content):
    (folder / INDEX).write_text(content)
    assert refusal(folder).startswith(f"{folder / INDEX} is no list of weight files")


def test_weights_of_other_shapes_are_refused(folder):
    edit(folder / "config.json", n_embd=128)
    assert f"{folder / FIRST} is not of this model: transformer.wte.weight is [" in refusal(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_layer": 4}, "lacks weights that its config.json asks for: transformer.h.3.attn.out_proj.weight"),
        ({"model_type": "gpt2"}, "is not of this model|lacks weights"),
        ({"model_type": "sneaky"}, "config.json cannot be used"),
        ({"n_head": 7}, "config.json cannot be used: .*n_head"),
        ({"wbits": 4, "groupsize": 128}, "config.json cannot be used: .*use the plain one, with --quantize"),
        ({"n_layer": 10**9}, "config.json describes no language model that can be built: 1000000000 layers"),
        ({"n_layer": "many"}, "config.json cannot be used: .*n_layer"),
    ],
)
def test_the_config_of_another_model_is_refused(folder, changes, message):
    edit(folder / "config.json", **changes)
    with pytest.raises(CheckpointError, match=message):
        load(folder)
    assert str(folder) in refusal(folder)


def test_an_adapter_beside_the_model_which_would_hide_what_the_model_lacks_is_refused(folder):
    (folder / "adapter_config.json").write_text("{}")
    assert refusal(folder).startswith(f"{folder} has both a model and adapter_config.json: move the adapter")


def test_a_config_that_is_no_json_is_refused(folder):
    (folder / "config.json").write_text("{")
    assert f"{folder / 'config.json'} cannot be used" in refusal(folder)
