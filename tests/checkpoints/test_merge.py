"""A merged folder computes what base and adapter compute; what is no LoRA adapter of that base is refused."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM, PreTrainedModel

from moss_agent.checkpoints import moss
from moss_agent.checkpoints.convert.source import open_source
from moss_agent.checkpoints.convert.to_gptj import to_gptj
from moss_agent.checkpoints.families import load_family, write_family, written_family
from moss_agent.checkpoints.lora_folder import read_lora
from moss_agent.checkpoints.merge import merge
from moss_agent.errors import CheckpointError, MossAgentError, UsageError
from moss_agent.opening.local import open_local
from moss_agent.settings import Settings
from tests.checkpoints.moss.published import write_checkpoint

pytestmark = pytest.mark.slow

SIZES = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
PROMPT = torch.arange(3, 43)[None]
FINITE_WEIGHT = "base_model.model.model.layers.0.mlp.up_proj.lora_A.weight"


def write_llama(folder: Path, dtype: torch.dtype = torch.float32, **changed: object) -> Path:
    """A tiny random Llama with the tokenizer of the tiny MOSS, whose files name code that must not be run."""
    moss.register()
    torch.manual_seed(1)
    tokens = write_moss(folder.parent / f"{folder.name}-tokens")
    tokenizer = AutoTokenizer.from_pretrained(tokens, trust_remote_code=False)
    config = LlamaConfig(vocab_size=len(tokenizer), **{**SIZES, **changed})
    LlamaForCausalLM(config).to(dtype).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    edit(folder / "config.json", auto_map={"AutoModelForCausalLM": "code.Model"})
    edit(folder / "tokenizer_config.json", auto_map={"AutoTokenizer": ["code.Tokenizer", None]})
    (folder / "code.py").write_text("import sys\nsys.code_of_a_checkpoint_was_run = True\n")
    return folder


def write_adapter(folder: Path, base: Path, **settings: object) -> Path:
    """An adapter as if it were trained: each of its weights is random."""
    torch.manual_seed(2)
    config = LoraConfig(
        **{"r": 4, "lora_alpha": 8, "target_modules": "all-linear", "task_type": "CAUSAL_LM"} | settings
    )
    model = get_peft_model(load(base), config)
    for name, weight in model.named_parameters():
        if weight.requires_grad and "magnitude" not in name:
            weight.data = torch.randn_like(weight) / 10
    model.save_pretrained(folder)
    return folder


def edit(file: Path, **changes: object) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def load(folder: Path) -> PreTrainedModel:
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, trust_remote_code=False).eval()


def adapted(base: Path, adapter: Path) -> torch.Tensor:
    """The logits of the base with the adapter as peft loads it."""
    with torch.no_grad():
        return PeftModel.from_pretrained(load(base), adapter).eval()(PROMPT).logits


def distance(folder: Path, expected: torch.Tensor) -> float:
    """How far the logits of a model are from these."""
    with torch.no_grad():
        return float((load(folder)(PROMPT).logits - expected).norm() / expected.norm())


@pytest.fixture(scope="module", autouse=True)
def moss_is_known() -> None:
    moss.register()


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_llama(tmp_path_factory.mktemp("llama") / "base")


@pytest.fixture(scope="module")
def trained(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_adapter(tmp_path_factory.mktemp("trained") / "adapter", base)


@pytest.fixture
def adapter(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "adapter"))


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"use_rslora": True, "target_modules": r".*\.(q|down)_proj", "init_lora_weights": "gaussian"},
        {"rank_pattern": {"q_proj": 2}, "alpha_pattern": {"^model.layers.1.mlp.up_proj": 32}},
        {"use_dora": True},
        {"modules_to_save": ["lm_head"], "target_modules": ["q_proj"]},
        {"target_modules": ["embed_tokens", "lm_head", "v_proj"]},
        {"bias": "lora_only", "target_modules": ["q_proj"]},
        {"bias": "all", "target_modules": ["down_proj"]},
        {"lora_bias": True, "target_modules": ["q_proj"]},
    ],
    ids=str,
)
@pytest.mark.parametrize("tied", [False, True])
def test_the_merged_model_computes_what_base_and_adapter_compute(
    tmp_path: Path, settings: dict[str, object], tied: bool
) -> None:
    base = write_llama(tmp_path / "base", tie_word_embeddings=tied, attention_bias=True)
    adapter = write_adapter(tmp_path / "adapter", base, **settings)
    merge(read_lora(adapter), None, tmp_path / "out")  # the adapter names its base
    expected = adapted(base, adapter)
    assert distance(tmp_path / "out", expected) < 1e-5
    assert distance(base, expected) > 0.002


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_weights_keep_their_precision_and_are_rounded_once(tmp_path: Path, dtype: torch.dtype) -> None:
    base = write_llama(tmp_path / "base", dtype)
    edit(base / "config.json", dtype="float32")  # the weights count
    adapter = write_adapter(tmp_path / "adapter", base)
    merge(read_lora(adapter), None, tmp_path / "out")
    merged, before = (load_file(folder / "model.safetensors") for folder in (tmp_path / "out", base))
    change = load_file(adapter / "adapter_model.safetensors")
    assert {weight.dtype for weight in merged.values()} == {dtype}
    assert json.loads((tmp_path / "out" / "config.json").read_text())["dtype"] == str(dtype).removeprefix("torch.")
    assert torch.equal(merged["model.embed_tokens.weight"], before["model.embed_tokens.weight"])
    name = "model.layers.1.self_attn.o_proj"
    down, up = (change[f"base_model.model.{name}.lora_{part}.weight"] for part in "AB")
    assert torch.equal(merged[f"{name}.weight"], (before[f"{name}.weight"].float() + 2 * (up @ down)).to(dtype))


def test_the_folder_is_a_checkpoint_without_code_that_the_program_loads(
    base: Path, trained: Path, tmp_path: Path
) -> None:
    merge(read_lora(trained), None, tmp_path / "out")
    assert {"config.json", "generation_config.json", "model.safetensors", "tokenizer.json"} <= {
        file.name for file in (tmp_path / "out").iterdir()
    }
    assert not any("auto_map" in file.read_text() for file in (tmp_path / "out").glob("*.json"))
    assert not hasattr(sys, "code_of_a_checkpoint_was_run")
    text = "Think, call, answer. 你好"
    ids = [AutoTokenizer.from_pretrained(folder)(text)["input_ids"] for folder in (base, tmp_path / "out")]
    assert ids[0] == ids[1]
    open_local(Settings(model=str(tmp_path / "out"), device="cpu", dtype="fp32"), load_family("moss"))


def test_a_moss_is_merged_and_then_converted(tmp_path: Path) -> None:
    (tmp_path / "moss").mkdir()
    base = write_checkpoint(tmp_path / "moss")
    adapter = write_adapter(tmp_path / "adapter", base)
    merge(read_lora(adapter), str(base), tmp_path / "out")
    assert distance(tmp_path / "out", adapted(base, adapter)) < 1e-5
    assert to_gptj(open_source(str(tmp_path / "out")), tmp_path / "gptj") < 1e-4
    assert not hasattr(sys, "code_of_a_checkpoint_was_run")


@pytest.mark.parametrize(("noted", "kept"), [("mini", "mini"), ("of nobody", "")])
def test_the_family_goes_with_the_model(adapter: Path, tmp_path: Path, noted: str, kept: str) -> None:
    write_family(adapter, noted)
    merge(read_lora(adapter), None, tmp_path / "out")
    assert written_family(tmp_path / "out") == kept


def test_the_family_of_the_base_goes_with_the_model_if_the_adapter_names_none(adapter: Path, tmp_path: Path) -> None:
    base = write_llama(tmp_path / "base")
    write_family(base, "mini")
    merge(read_lora(adapter), str(base), tmp_path / "out")
    assert written_family(tmp_path / "out") == "mini"


def reconfigure(**changes: object) -> Callable[[Path], None]:
    return lambda folder: edit(folder / "adapter_config.json", **changes)


def rewrite(text: str | bytes) -> Callable[[Path], None]:
    content = text.encode() if isinstance(text, str) else text
    return lambda folder: bool((folder / "adapter_config.json").write_bytes(content)) and None


def reweigh(change: Callable[[dict[str, torch.Tensor]], object]) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        weights = load_file(folder / "adapter_model.safetensors")
        change(weights)
        save_file(weights, folder / "adapter_model.safetensors")

    return write


CASES = {
    "no folder": (shutil.rmtree, "has no adapter_config.json: name the folder of a LoRA adapter"),
    "no weights": (lambda folder: (folder / "adapter_model.safetensors").unlink(), "safetensors is missing"),
    "cut": (lambda folder: (folder / "adapter_model.safetensors").write_bytes(b"x" * 99), "damaged or incomplete"),
    "not LoRA": (reconfigure(peft_type="IA3"), "is of type IA3: only LORA is merged"),
    "no JSON": (rewrite("{"), "adapter_config.json is no adapter's"),
    "a list": (rewrite("[]"), "Expected `object`, got `array`"),
    "no UTF-8": (rewrite(b'{"peft_type": "\xff"}'), "adapter_config.json is no adapter's"),
    "nested": (rewrite('{"peft_type": "LORA", "x": ' + "[" * 100_000), "adapter_config.json is no adapter's"),
    "a rank as text": (reconfigure(r="4"), "Expected `int`, got `str` - at `$.r`"),
    "a huge rank": (reconfigure(r=10**12), "adapter_config.json is no adapter's"),
    "no number": (reconfigure(lora_alpha=float("nan")), "adapter_config.json is no adapter's"),
    "another rank": (reconfigure(r=8), "lora_A.weight is [4, 32], not [8, 32]"),
    "a slow pattern": (reconfigure(alpha_pattern={"(.*.*)*x": 1}), "is no module's name"),
    "an odd bias": (reconfigure(bias="__import__"), "bias is none, all or lora_only"),
    "bases that move": (reconfigure(init_lora_weights="pissa_niter_4"), "path_initial_model_for_weight_conversion"),
    "other modules": (reconfigure(layer_replication=[[0, 1]]), "sets layer_replication, which cannot be merged"),
    "bias on none": (reconfigure(lora_bias=True), "has no bias to add it to: train without lora_bias"),
    "DoRA without": (reconfigure(use_dora=True), "lacks base_model.model.model.layers.0."),
    "no base": (reconfigure(base_model_name_or_path=None), "does not say what its base is: name it with --base"),
    "base gone": (reconfigure(base_model_name_or_path="/gone/away"), "or name another place of it with --base"),
    "not finite": (
        reweigh(lambda weights: weights[FINITE_WEIGHT].fill_(float("inf"))),
        "lora_A.weight is not finite",
    ),
    "surplus": (reweigh(lambda weights: weights.update(more=torch.zeros(2))), "such as more: train without them"),
    "steering": (reweigh(lambda weights: weights.update({"a\n" * 500: torch.zeros(2)})), "such as a a a"),
    "half": (reweigh(lambda weights: weights.pop(FINITE_WEIGHT)), f"lacks {FINITE_WEIGHT}"),
    "no LoRA inside": (
        reweigh(lambda weights: (weights.clear(), weights.update(more=torch.zeros(2)))),
        "has no weights of LoRA",
    ),
}


@pytest.mark.parametrize(("spoil", "said"), CASES.values(), ids=CASES)
def test_what_is_no_adapter_to_merge_is_refused_in_one_line(
    adapter: Path, tmp_path: Path, spoil: Callable[[Path], object], said: str
) -> None:
    spoil(adapter)
    with pytest.raises(MossAgentError) as refused:
        merge(read_lora(adapter), None, tmp_path / "out")
    assert said in str(refused.value) and "\n" not in str(refused.value)
    assert not (tmp_path / "out").exists() and not (tmp_path / "out.part").exists()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"hidden_size": 64}, "the adapter is not of the sizes of"),
        ({"num_hidden_layers": 1}, "has no model.layers.1.mlp.down_proj: name with --base"),
    ],
)
def test_a_base_of_another_size_is_refused(
    trained: Path, tmp_path: Path, changed: dict[str, object], said: str
) -> None:
    other = write_llama(tmp_path / "other", **changed)
    with pytest.raises(CheckpointError, match=said):
        merge(read_lora(trained), str(other), tmp_path / "out")


def test_a_base_that_cannot_be_loaded_or_merged_is_refused(base: Path, trained: Path, tmp_path: Path) -> None:
    adapter, broken = read_lora(trained), Path(shutil.copytree(base, tmp_path / "broken"))
    for name, said in [
        (str(tmp_path / "nothing"), "is no folder here"),
        (str(write_moss(tmp_path / "moss")), "the adapter is of another model"),
    ]:
        with pytest.raises(MossAgentError, match=said):
            merge(adapter, name, tmp_path / "out")
    edit(broken / "config.json", quantization_config={"quant_method": "fp8"})
    with pytest.raises(CheckpointError, match="is stored quantised"):
        merge(adapter, str(broken), tmp_path / "out")
    shutil.copy(base / "config.json", broken)
    shutil.copy(adapter.folder / "adapter_config.json", broken)
    with pytest.raises(CheckpointError, match="move the adapter to a folder of its own"):
        merge(adapter, str(broken), tmp_path / "out")
    (broken / "adapter_config.json").unlink()
    (broken / "model.safetensors").write_bytes(b"")
    with pytest.raises(CheckpointError, match="model.safetensors is damaged"):
        merge(adapter, str(broken), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def write_moss(folder: Path) -> Path:
    folder.mkdir()
    return write_checkpoint(folder)


def test_what_is_there_is_kept(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(UsageError, match="is there already"):
        merge(read_lora(trained), None, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="limits the size of files as Linux does")
def test_a_full_disk_is_told_and_leaves_nothing(trained: Path, tmp_path: Path) -> None:
    import resource
    import signal

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        with pytest.raises(CheckpointError, match="make room there"):
            merge(read_lora(trained), None, tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert list(tmp_path.iterdir()) == []


def test_a_merge_that_computes_something_else_is_not_kept(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PeftModel, "merge_and_unload", lambda self: self.unload(), raising=False)
    with pytest.raises(CheckpointError, match="merged, computes something else than base and adapter"):
        merge(read_lora(trained), None, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_what_peft_cannot_merge_is_told_in_one_line(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: PeftModel) -> None:
        raise RuntimeError("no\nway")

    monkeypatch.setattr(PeftModel, "merge_and_unload", refuse, raising=False)
    with pytest.raises(CheckpointError, match="cannot be merged by peft: no way$"):
        merge(read_lora(trained), None, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_base_that_is_too_large_for_the_memory_is_refused_before_it_is_loaded(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("moss_agent.checkpoints.merge.MEMORY", 1e12)
    with pytest.raises(CheckpointError, match="GB of memory, .* GB are free: close what else runs"):
        merge(read_lora(trained), None, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
