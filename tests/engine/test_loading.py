"""Loading real checkpoints from folders, and what is refused."""

from __future__ import annotations

import json
import sys

import pytest
import torch
from tokenizers.processors import TemplateProcessing

from moss_agent.checkpoints.families import load_family
from moss_agent.engine.loading import choose_device, choose_dtype, load
from moss_agent.errors import CheckpointError, UsageError
from moss_agent.opening.local import open_local
from moss_agent.settings import Settings
from tests.engine.tiny import llama, make_tokenizer

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(model, tokenizer, tmp_path):
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    return tmp_path


def test_a_saved_model_comes_back_with_the_same_logits(model, folder):
    loaded, tokenizer = load(str(folder), device="cpu", dtype="fp32")
    ids = torch.tensor([tokenizer.encode("Hello 你好")])
    with torch.inference_mode():
        assert torch.equal(loaded(ids).logits, model(ids).logits)


def test_precision_can_be_chosen(folder):
    assert load(str(folder), device="cpu", dtype="bf16")[0].dtype == torch.bfloat16


def test_what_is_not_there_is_refused_in_one_line(tmp_path, monkeypatch):
    with pytest.raises(CheckpointError) as error:
        load(str(tmp_path / "nothing"), device="cpu")
    assert "is no folder here" in str(error.value) and "\n" not in str(error.value)
    with pytest.raises(CheckpointError, match="cannot load"):
        load(str(tmp_path), device="cpu")


def test_a_truncated_checkpoint_is_refused(folder):
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="cannot load"):
        load(str(folder), device="cpu")


def test_code_of_a_checkpoint_is_never_run(folder):
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "sneaky", "auto_map": {"AutoConfig": "sneaky.C", "AutoModelForCausalLM": "sneaky.M"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "sneaky.py").write_text("import sys; sys.sneaky_was_run = True\nclass C: pass\nclass M: pass\n")
    with pytest.raises(CheckpointError):
        load(str(folder), device="cpu")
    assert not hasattr(sys, "sneaky_was_run")


def test_devices_and_precisions_are_checked(folder):
    with pytest.raises(UsageError, match="no dtype 'int3'"):
        load(str(folder), device="cpu", dtype="int3")
    assert choose_device("cpu").type == "cpu"
    for name in ("tpu9", "cuda:99", "xyz", "xpu", "meta"):
        with pytest.raises(UsageError, match="device"):
            choose_device(name)
    with pytest.raises(UsageError, match="no dtype 'int3': use auto, fp32, fp16, bf16"):
        choose_dtype("int3", torch.device("cpu"))


@pytest.mark.parametrize(("family", "first"), [("shown", ["<bos>"]), ("moss", [])])
def test_a_model_of_others_reads_the_token_that_all_its_texts_began_with(tmp_path, family, first):
    tokenizer = make_tokenizer(["<bos>"])
    tokenizer.bos_token = "<bos>"
    ids = [("<bos>", tokenizer.convert_tokens_to_ids("<bos>"))]
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(single="<bos> $A", special_tokens=ids)
    tokenizer.save_pretrained(tmp_path)
    llama().save_pretrained(tmp_path)
    model = open_local(Settings(model=str(tmp_path), device="cpu"), load_family(family))
    session = model.session("a")
    assert model.codec.decode(session._sequence.ids) == "".join([*first, "a"])
