"""What cannot be converted is refused in one line that names the file, and nothing of it is run."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
import torch

from moss_agent.checkpoints.convert.source import open_source
from moss_agent.errors import CheckpointError

SHARDS = ["pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin"]
pytestmark = pytest.mark.slow


class Payload:
    def __reduce__(self):
        return exec, ("import sys; sys.payload_was_run = True",)


def cut(folder: Path) -> None:
    file = folder / SHARDS[1]
    file.write_bytes(file.read_bytes()[:-1000])


def poison(folder: Path) -> None:
    torch.save({"lm_head.weight": Payload()}, folder / SHARDS[1])


def poison_old(folder: Path) -> None:
    torch.save({"lm_head.weight": Payload()}, folder / SHARDS[1], _use_new_zipfile_serialization=False)


def replace_weights(**changed: torch.Tensor | None):
    def change(folder: Path) -> None:
        weights = {**torch.load(folder / SHARDS[1]), **{f"lm_head.{name}": tensor for name, tensor in changed.items()}}
        torch.save({name: tensor for name, tensor in weights.items() if tensor is not None}, folder / SHARDS[1])

    return change


def reconfigure(**changed: object):
    def change(folder: Path) -> None:
        config = json.loads((folder / "config.json").read_text()) | changed
        (folder / "config.json").write_text(json.dumps(config))

    return change


CASES = [
    (lambda folder: (folder / SHARDS[0]).unlink(), SHARDS[0]),
    (cut, SHARDS[1]),
    (lambda folder: (folder / SHARDS[1]).write_bytes(b""), SHARDS[1]),
    (poison, SHARDS[1]),
    (poison_old, SHARDS[1]),
    (replace_weights(bias=torch.zeros(3)), SHARDS[1]),
    (replace_weights(bias=None), "lacks 1 weights, lm_head.bias among them"),
    (replace_weights(extra=torch.zeros(3)), "lm_head.extra"),
    (reconfigure(model_type="llama"), "model_type llama: only moss is converted"),
    (reconfigure(n_layer=4), "lacks 8 weights"),
    (reconfigure(n_embd=128), "is not of this model"),
    (reconfigure(n_head=7), "config.json"),
    (lambda folder: (folder / "config.json").unlink(), "config.json"),
    (
        lambda folder: (folder / "pytorch_model.bin.index.json").write_text('{"weight_map": {"a": "../b"}}'),
        "index.json",
    ),
    (lambda folder: (folder / "vocab.json").write_text("{"), "tokenizer"),
]


@pytest.mark.parametrize(("spoil", "named"), CASES)
def test_what_is_broken_or_malicious_is_refused(published: Path, tmp_path: Path, spoil, named: str) -> None:
    folder = shutil.copytree(published, tmp_path / "copy")
    spoil(folder)
    with pytest.raises(CheckpointError) as error:
        open_source(str(folder))
    assert named in str(error.value) and "\n" not in str(error.value)
    assert not hasattr(sys, "payload_was_run") and not hasattr(sys, "code_of_a_checkpoint_was_run")
