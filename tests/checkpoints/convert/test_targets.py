"""Each shape computes what its source computes, by the code of those who read it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GPTJForCausalLM

from moss_agent import free_memory
from moss_agent.checkpoints.convert.checking import check_logits, moss_logits, random_prompt
from moss_agent.checkpoints.convert.source import Source, open_source
from moss_agent.checkpoints.convert.tensors import Tensors
from moss_agent.checkpoints.convert.to_ctranslate2 import to_ctranslate2
from moss_agent.checkpoints.convert.to_gptj import to_gptj
from moss_agent.checkpoints.convert.to_safetensors import to_safetensors
from moss_agent.checkpoints.families import write_family, written_family
from moss_agent.checkpoints.moss.split import split_qkv
from moss_agent.errors import CheckpointError
from tests.checkpoints.moss.published import TEXT

PROMPTS = torch.randint(300, (2, 40), generator=torch.Generator().manual_seed(1))
pytestmark = pytest.mark.slow


def logits(model: torch.nn.Module) -> torch.Tensor:
    with torch.inference_mode():
        return model.eval()(PROMPTS).logits


@pytest.fixture(scope="module")
def expected(published: Path, source: Source) -> torch.Tensor:
    return logits(AutoModelForCausalLM.from_pretrained(published))


def test_the_check_computes_what_the_model_computes(source: Source, published: Path) -> None:
    ids = random_prompt(source.config.vocab_size)
    with torch.inference_mode():
        whole = AutoModelForCausalLM.from_pretrained(published)(ids[None]).logits[0]
    assert torch.allclose(moss_logits(source.tensors, source.config, ids), whole, atol=1e-4)


def test_safetensors_are_the_same_checkpoint(
    source: Source, expected: torch.Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("moss_agent.checkpoints.convert.tensors.LARGEST_FILE", 100_000)
    target = tmp_path / "out"
    assert to_safetensors(source, target) == 0
    assert len(list(target.glob("model-*-of-*.safetensors"))) > 3
    written = Tensors(target)
    assert set(written) == set(source.tensors) and not any("causal_mask" in name for name in written)
    assert all(torch.equal(written[name], source.tensors[name]) for name in written)
    assert torch.equal(logits(AutoModelForCausalLM.from_pretrained(target)), expected)
    assert "auto_map" not in (target / "config.json").read_text() + (target / "tokenizer_config.json").read_text()
    assert not list(target.glob("*.py"))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_gptj_is_exact(source: Source, expected: torch.Tensor, tmp_path: Path, dtype: torch.dtype) -> None:
    if dtype is torch.float16:
        AutoModelForCausalLM.from_pretrained(source.folder, dtype=dtype).save_pretrained(tmp_path / "half")
        source.tokenizer.save_pretrained(tmp_path / "half")
        source = replace(source, tensors=Tensors(tmp_path / "half"))
    target = tmp_path / "out"
    assert to_gptj(source, target) < 1e-6
    model = AutoModelForCausalLM.from_pretrained(target)
    assert type(model) is GPTJForCausalLM and model.dtype is dtype
    if dtype is torch.float32:
        assert torch.allclose(logits(model), expected, atol=1e-4)
        start = PROMPTS[:, :10]
        moss = AutoModelForCausalLM.from_pretrained(source.folder)
        options = {"max_new_tokens": 20, "do_sample": False, "attention_mask": torch.ones_like(start)}
        assert torch.equal(model.generate(start, **options), moss.generate(start, **options))


def test_the_plain_tokenizer_gives_the_same_ids(source: Source, tmp_path: Path) -> None:
    to_gptj(source, tmp_path / "out")
    assert (
        json.loads((tmp_path / "out/tokenizer_config.json").read_text())["tokenizer_class"] == "PreTrainedTokenizerFast"
    )
    plain = AutoTokenizer.from_pretrained(tmp_path / "out")
    assert (plain.eos_token, plain.bos_token) == ("<eom>", "<|endoftext|>")
    for text in [*TEXT, "a <eoh>\n<eot>  b", "x        y<|endoftext|>"]:
        for options in ({}, {"split_special_tokens": True}):
            ids = plain.encode(text, add_special_tokens=False, **options)
            assert ids == source.tokenizer.encode(text, add_special_tokens=False, **options)
            assert plain.decode(ids) == source.tokenizer.decode(ids)


@pytest.mark.parametrize(("quantize", "least", "most"), [("", 0, 1e-5), ("int8", 1e-3, 0.3)])
def test_ctranslate2_computes_the_same(
    source: Source, tmp_path: Path, quantize: str, least: float, most: float
) -> None:
    ctranslate2 = pytest.importorskip("ctranslate2")
    assert least <= to_ctranslate2(source, tmp_path / "out", quantize) <= most
    generator = ctranslate2.Generator(str(tmp_path / "out"))
    start = [source.tokenizer.convert_ids_to_tokens(PROMPTS[0, :10].tolist())]
    found = generator.generate_batch(start, max_length=8, include_prompt_in_result=False, end_token=[])
    if not quantize:
        moss = AutoModelForCausalLM.from_pretrained(source.folder)
        want = moss.generate(PROMPTS[:1, :10], max_new_tokens=8, do_sample=False, eos_token_id=-1)[0, 10:]
        assert found[0].sequences_ids[0] == want.tolist()


def test_a_stored_head_dim_does_not_mislead_ctranslate2(published: Path, tmp_path: Path) -> None:
    """Its converter takes 128 or 256 for a sign of eight groups of heads."""
    pytest.importorskip("ctranslate2")
    folder = shutil.copytree(published, tmp_path / "in")
    config = json.loads((folder / "config.json").read_text()) | {"head_dim": 256}
    (folder / "config.json").write_text(json.dumps(config))
    assert to_ctranslate2(open_source(str(folder)), tmp_path / "out") < 1e-5


def test_ctranslate2_keeps_to_what_the_container_may_take(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ctranslate2")
    (tmp_path / "memory.max").write_text("3000000\n")
    (tmp_path / "memory.current").write_text("2000000\n")
    monkeypatch.setattr(free_memory, "CGROUP", tmp_path)
    with pytest.raises(CheckpointError, match="needs .* GB of memory, 0.0 GB are free: close what else runs"):
        to_ctranslate2(source, tmp_path / "out")


@pytest.mark.parametrize("convert", [to_safetensors, to_gptj, to_ctranslate2])
def test_family_and_generation_settings_go_with_the_model(
    published: Path, tmp_path: Path, convert: Callable[[Source, Path], float]
) -> None:
    if convert is to_ctranslate2:
        pytest.importorskip("ctranslate2")
    folder = shutil.copytree(published, tmp_path / "in")
    write_family(folder, "mini")
    (folder / "generation_config.json").write_text('{"temperature": 0.5}')
    convert(open_source(str(folder)), tmp_path / "out")
    assert written_family(tmp_path / "out") == "mini"
    assert (tmp_path / "out" / "generation_config.json").read_text() == '{"temperature": 0.5}'


def swapped(name: str, weight: torch.Tensor) -> Iterator[tuple[str, torch.Tensor]]:
    """A wrong order of q and k."""
    names = {"q_proj": "k_proj", "k_proj": "q_proj"}
    for new_name, tensor in split_qkv(name, weight):
        part = new_name.split(".")[-2]
        yield new_name.replace(part, names.get(part, part)), tensor


def test_a_wrong_conversion_is_found(source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("moss_agent.checkpoints.convert.to_gptj.split_qkv", swapped)
    with pytest.raises(CheckpointError, match="computes other logits than its source"):
        to_gptj(source, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(CheckpointError):
        check_logits(torch.tensor([float("nan")]), torch.ones(1), 1.0)
