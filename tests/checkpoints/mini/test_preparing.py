"""The mini model from base and adapter to a folder that loads, once."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from moss_agent.checkpoints import mini
from moss_agent.errors import CheckpointError
from tests.checkpoints.mini.tiny import TEXTS, names

pytestmark = pytest.mark.slow


def test_the_base_is_what_transformers_reads(wheel: Path) -> None:
    import torch
    import transformers
    from transformers import AutoModelForCausalLM, AutoTokenizer

    if not hasattr(transformers, "GgufConfig"):
        pytest.skip("transformers before 5.18 cannot be told to unpack")
    place = {"pretrained_model_name_or_path": wheel.parent, "gguf_file": mini.GGUF}
    dense = transformers.GgufConfig(dequantize=True)
    reference = AutoModelForCausalLM.from_pretrained(**place, dtype=torch.bfloat16, quantization_config=dense)
    model, tokenizer = mini._load(wheel.with_name(mini.GGUF))
    weights, expected = model.state_dict(), reference.state_dict()
    assert weights.keys() == expected.keys()
    assert all(torch.equal(weights[name], expected[name]) for name in expected)
    assert model.config.to_diff_dict() == reference.config.to_diff_dict()
    assert model.generation_config == reference.generation_config
    reference_tokenizer = AutoTokenizer.from_pretrained(**place)
    assert tokenizer.backend_tokenizer.to_str() == reference_tokenizer.backend_tokenizer.to_str()
    assert tokenizer.special_tokens_map == reference_tokenizer.special_tokens_map


def test_parts_for_onnx_runtime_are_prepared_once_and_again_if_one_is_gone(
    brought: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = mini.prepare_onnx()
    assert "part-02.onnx" in os.listdir(folder) and folder.parent == brought
    assert mini.prepare_onnx() == folder
    assert capfd.readouterr().err == "Preparing the mini model (once)...\n"
    (folder / "part-01.onnx").unlink()
    assert mini.prepare_onnx() == folder and (folder / "part-01.onnx").is_file()
    assert capfd.readouterr().err == "Preparing the mini model (once)...\n"
    for damaged in ("", "{}", "[]", '{"files": 0}'):
        (folder / mini.ONNX_MANIFEST).write_text(damaged)
        assert mini.prepare_onnx() == folder and "part-01.onnx" in (folder / mini.ONNX_MANIFEST).read_text()
    assert mini.prepare() != folder and folder.is_dir()


def test_prepared_is_base_plus_adapter(brought: Path, capfd: pytest.CaptureFixture[str]) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = mini.prepare()
    assert capfd.readouterr().err == "Preparing the mini model (once)...\n"
    assert len({file.stat().st_mode for file in folder.iterdir()}) == 1
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    base, base_tokenizer = mini.load_base()
    for text in TEXTS:
        ids = tokenizer(text).input_ids
        assert ids == base_tokenizer(text).input_ids == tokenizer.encode(text, add_special_tokens=False)
        assert tokenizer.decode(ids) == text
    ids = tokenizer(TEXTS[0], return_tensors="pt").input_ids
    with torch.inference_mode():
        prepared, before = model(ids).logits, base(ids).logits
        merged = PeftModel.from_pretrained(base, str(mini.ADAPTER)).merge_and_unload()
        assert torch.equal(prepared, merged(ids).logits)
    assert not torch.allclose(prepared, before)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.bfloat16}
    assert not hasattr(model.config, "quantization_config")


def test_prepared_once_and_offline(brought: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = mini.prepare(progress=False)
    monkeypatch.delenv("MOSS_AGENT_MINI_WHEEL")
    monkeypatch.setattr(mini, "_load", None)
    assert mini.prepare(progress=False) == folder
    assert folder.name == f"mini-{mini._fingerprint()}"


def test_another_adapter_is_another_folder(
    brought: Path, adapters: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    old = mini.prepare(progress=False)
    monkeypatch.setattr(mini, "ADAPTER", adapters[1])
    new = mini.prepare(progress=False)
    assert new != old
    assert names(brought) == sorted([mini.GGUF, new.name])


def test_a_folder_with_a_file_missing_is_made_anew(brought: Path) -> None:
    folder = mini.prepare(progress=False)
    (folder / "tokenizer.json").unlink()
    mini.prepare(progress=False)
    assert (folder / "tokenizer.json").is_file()


@pytest.mark.parametrize(
    ("module", "name"),
    [("transformers", "LlamaForCausalLM.save_pretrained"), ("os", "rename"), ("shutil", "rmtree")],
)
def test_stopped_midway_and_done_again(brought: Path, monkeypatch: pytest.MonkeyPatch, module: str, name: str) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(f"{module}.{name}", stop)
        with pytest.raises(KeyboardInterrupt):
            mini.prepare(progress=False)
    assert all(folder.suffix == ".part" for folder in brought.glob("mini-*"))
    folder = mini.prepare(progress=False)
    assert names(brought) == sorted([mini.GGUF, folder.name])


@pytest.mark.parametrize(
    ("prepare", "limit"),
    [
        (mini.prepare, 50_000),
        (mini.prepare_onnx, 1000),  # for the tokenizer, which is written first
        (mini.prepare_onnx, 80_000),  # for the embedding, the largest file
    ],
)
def test_a_full_disk_while_preparing_is_one_line(brought: Path, prepare: Callable[[bool], Path], limit: int) -> None:
    resource = importlib.import_module("resource")
    mini.base_gguf(progress=False)
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, unlimited[1]))
        with pytest.raises(CheckpointError, match="^mini model: cannot write .*make room there") as caught:
            prepare(False)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    assert "\n" not in str(caught.value)
    assert names(brought) == [mini.GGUF]


def test_a_missing_adapter_says_so(brought: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mini, "ADAPTER", tmp_path / "nowhere")
    with pytest.raises(CheckpointError, match="adapter_config.json is missing: reinstall moss-agent"):
        mini.prepare(progress=False)
