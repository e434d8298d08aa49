"""What the real MOSS needs, from its config alone, and where it goes on machines of many kinds."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import (
    GraniteMoeHybridConfig,
    Lfm2Config,
    LlamaConfig,
    MambaConfig,
    MiniMaxConfig,
    PretrainedConfig,
    Qwen3NextConfig,
    RwkvConfig,
)

from moss_agent.checkpoints import mini
from moss_agent.checkpoints.families import load_family
from moss_agent.checkpoints.machine import Machine, this_machine
from moss_agent.checkpoints.moss import register
from moss_agent.checkpoints.moss.configuration import MossConfig
from moss_agent.checkpoints.needs import needs_of
from moss_agent.checkpoints.placement import WORKING_MEMORY, Request, cache_room, sizes_of
from moss_agent.checkpoints.plan import device_name, make_plan, memory_limits, parse_size, size_text
from moss_agent.errors import CheckpointError, UsageError
from moss_agent.opening.local import open_local
from moss_agent.settings import Settings

GB = 10**9
WANTED = Request(torch.float16, 2048)
SMALL = {"num_hidden_layers": 2, "hidden_size": 64, "num_attention_heads": 8, "num_key_value_heads": 2, "vocab_size": 9}
pytestmark = pytest.mark.slow


def machine(*gpus: float, ram: float = 64) -> Machine:
    return Machine(tuple(int(gpu * GB) for gpu in gpus), int(ram * GB), 500 * GB)


@pytest.fixture(scope="module")
def moss():
    register()
    return needs_of(MossConfig(n_embd=6144, n_layer=34, n_head=24))


def test_needs_are_those_of_the_published_model(moss):
    assert moss.parameters == 16_717_980_160
    assert sum(moss.weights(torch.float16).values()) == 2 * moss.parameters
    assert moss.cache(1, torch.float16) == 835_584
    embedding = 107_008 * 6144
    linear = 34 * (4 + 8) * 6144**2
    rest = moss.parameters - linear
    assert 2 * embedding < rest < 2.01 * embedding
    assert sum(moss.weights(torch.float16, "int8").values()) == linear + 2 * rest
    assert sum(moss.weights(torch.float16, "int4").values()) == linear * 9 // 16 + 2 * rest


def test_grouped_heads_make_a_smaller_cache():
    assert needs_of(LlamaConfig(**SMALL)).cache(10, torch.float32) == 10 * 4 * 2 * 2 * 2 * 8


@pytest.mark.parametrize(
    ("where", "wanted", "devices"),
    [
        (machine(80), WANTED, [0]),
        (machine(24, 80), WANTED, [1]),
        (machine(24, 24), WANTED, [0, 1]),
        (machine(24), WANTED, [0, "cpu"]),
        (machine(24), replace(WANTED, quantize="int8"), [0]),
        (machine(16, ram=8), replace(WANTED, quantize="int4"), [0]),
        (machine(24, 24), replace(WANTED, tp=2), [0, 1]),
        (machine(), WANTED, ["cpu"]),
        (machine(80), replace(WANTED, device="cpu"), ["cpu"]),
        (machine(ram=20), replace(WANTED, offload_folder="there"), ["cpu", "disk"]),
        (machine(24, ram=8), replace(WANTED, offload_folder="there"), [0, "cpu", "disk"]),
        (machine(24, 24), replace(WANTED, max_memory={1: 20 * GB, "cpu": 30 * GB}), [1, "cpu"]),
        (machine(80), replace(WANTED, max_memory={0: 60 * GB}, device="cuda"), [0]),
    ],
)
def test_it_goes_where_it_fits(moss, where, wanted, devices):
    plan = make_plan(moss, where, wanted)
    assert list(plan.shares) == devices
    room = {**dict(enumerate(where.gpus)), "cpu": where.ram, "disk": where.disk}
    assert all(share <= room[device] - (device != "disk") * WORKING_MEMORY for device, share in plan.shares.items())
    if wanted.tp == 1:
        assert sum(plan.shares.values()) == pytest.approx(sum(sizes_of(moss, wanted)), rel=1e-6)
        blocks = {f"transformer.h.{layer}" for layer in range(34)}
        assert plan.device_map.keys() == {""} or blocks < plan.device_map.keys()


@pytest.mark.parametrize(
    ("where", "wanted", "left", "room"),
    [
        (machine(80, 60), WANTED, machine(45, 59, ram=9), 45),
        (machine(80, 60), replace(WANTED, device="cuda:1"), machine(79, 25, ram=9), 25),
        (machine(24, 24, 80), replace(WANTED, tp=2), machine(6, 4, 79, ram=9), 2 * 4),
        (machine(80), replace(WANTED, max_memory={"cpu": 60 * GB}), machine(79, ram=30), 60 - 33.436),
        (machine(80), replace(WANTED, max_memory={"cpu": 60 * GB}), machine(79, ram=20), 20),
        (machine(80), replace(WANTED, device="cpu"), machine(79, ram=30), 30),
        (machine(24), WANTED, machine(3, ram=50), 3),
        (machine(ram=20), replace(WANTED, offload_folder="there"), machine(ram=7), 7),
    ],
)
def test_caches_may_grow_where_the_model_is(moss, where, wanted, left, room):
    assert cache_room(make_plan(moss, where, wanted), left, wanted) == pytest.approx(room * GB, rel=1e-4)


def test_caches_of_a_model_on_two_gpus_overfill_neither(moss):
    plan, left = make_plan(moss, machine(24, 24), WANTED), machine(3, 10)
    assert sum(plan.caches.values()) == pytest.approx(sizes_of(moss, WANTED)[1], rel=1e-4)
    share = plan.caches[0] / sum(plan.caches.values())
    assert 0.5 < share < 0.7
    assert cache_room(plan, left, WANTED) == pytest.approx(3 * GB / share, rel=1e-4)


@pytest.mark.parametrize(
    ("where", "wanted", "remedy"),
    [
        (machine(ram=16), WANTED, "--quantize int4"),
        (machine(ram=64), replace(WANTED, dtype=torch.float32), "--dtype bf16"),
        (machine(24), replace(WANTED, device="cuda:0"), "--quantize int8"),
        (machine(ram=6), WANTED, "--offload-folder DIR"),
        (machine(24), replace(WANTED, tp=2), "leaving out --tp"),
        (machine(80), replace(WANTED, max_memory={0: 2 * GB}), "a larger --max-memory"),
    ],
)
def test_what_does_not_fit_is_told_with_the_flag_that_helps(moss, where, wanted, remedy):
    with pytest.raises(CheckpointError, match=f"the model does not fit: .*: {remedy} would make it fit$"):
        make_plan(moss, where, wanted)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (replace(WANTED, quantize="int3"), "use int8 or int4"),
        (replace(WANTED, tp=3), "use a divisor of 4"),
        (replace(WANTED, tp=2, quantize="int8"), "--tp cannot be combined"),
        (replace(WANTED, max_memory={1: GB}), "this machine has 1"),
        (replace(WANTED, max_memory={"cpu": GB}, device="cuda:0"), "--max-memory .* --device cuda:0: leave out one"),
        (replace(WANTED, max_memory={0: GB, "cpu": GB}, device="cpu"), "--max-memory .* --device cpu: leave out one"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(moss, wanted, message):
    with pytest.raises(UsageError, match=message):
        make_plan(moss, machine(80), wanted)


def test_memory_limits_are_read_as_accelerate_writes_them():
    assert memory_limits({}) is None
    assert memory_limits({"0": "20GB", "cuda:1": "1GiB", "cpu": "512MB"}) == {
        0: 20 * GB,
        1: 1 << 30,
        "cpu": 512 * 10**6,
    }
    for wrong in ({"gpu": "1GB"}, {"0": "much"}, {"0": 20}):
        with pytest.raises(UsageError, match="max_memory"):
            memory_limits(wrong)


def test_sizes_are_read_without_accelerate_which_mini_does_not_have(monkeypatch):
    from accelerate.utils import convert_file_size_to_int as expected

    sizes = ["4GB", "20gB", "0.5 GB", ".5MB", "3700kB", "8GiB", "8gib", "7MiB", "1KIB", " 2.GB"]
    want = [expected(size) for size in sizes]
    monkeypatch.setitem(sys.modules, "accelerate.utils", None)
    assert [parse_size("cache_memory", size) for size in sizes] == want
    assert parse_size("cache_memory", "4gb") == 4 * GB  # and not bits
    assert (parse_size("cache_memory", "2TB"), parse_size("cache_memory", "1.5TiB")) == (2 * 10**12, 3 << 39)
    for wrong in (
        "",
        "4",
        "GB",
        "-1GB",
        "4 B",
        "1e9",
        "infGB",
        "nanGB",
        "9" * 400 + "GB",
        "4GB more",
        "4G",
        "4\N{KELVIN SIGN}B",
    ):
        with pytest.raises(UsageError, match=r"^cache_memory: .* is no size: write it like 20GB$"):
            parse_size("cache_memory", wrong)


@pytest.mark.parametrize("name", ["mini", "no/model"])
def test_a_cache_memory_that_is_no_size_is_refused_before_anything_is_loaded(monkeypatch, name):
    monkeypatch.setattr(mini, "prepare_onnx", lambda: pytest.fail("it is prepared"))
    with pytest.raises(UsageError, match="^cache_memory: 'much' is no size"):
        open_local(Settings(model=name, cache_memory="much"), load_family("mini"))


@pytest.mark.parametrize(
    ("config", "kinds"),
    [
        (
            Qwen3NextConfig(**SMALL, num_experts=4, layer_types=["linear_attention", "full_attention"]),
            "linear_attention",
        ),
        (Lfm2Config(**SMALL, layer_types=["conv", "full_attention"]), "conv"),
        (MiniMaxConfig(**SMALL, num_local_experts=2, layer_types=["linear_attention"] * 2), "linear_attention"),
        (GraniteMoeHybridConfig(**SMALL, mamba_n_heads=8), "linear_attention"),
    ],
)
def test_layers_that_no_cache_of_ours_keeps_are_refused(config: PretrainedConfig, kinds: str) -> None:
    refusal = rf"^this model has layers that our caches cannot keep \({kinds}\): use it through a server$"
    with pytest.raises(CheckpointError, match=refusal):
        make_plan(needs_of(config), machine(80), WANTED)


@pytest.mark.parametrize("config", [MambaConfig(num_hidden_layers=2), RwkvConfig(num_hidden_layers=2)])
def test_models_without_attention_are_refused(config: PretrainedConfig) -> None:
    with pytest.raises(CheckpointError, match="no attention heads: use a recurrent model through a server$"):
        needs_of(config)


def test_a_hybrid_family_without_such_layers_is_taken():
    config = GraniteMoeHybridConfig(**SMALL, mamba_n_heads=8, layer_types=["attention"] * 2)
    assert make_plan(needs_of(config), machine(80), WANTED).device_map == {"": 0}


def test_such_a_model_is_refused_before_its_weights_are_looked_for(tmp_path):
    layers = {"layer_types": ["conv", "full_attention"]}
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "lfm2", **SMALL, **layers}))
    with pytest.raises(CheckpointError, match="use it through a server$"):
        open_local(Settings(model=str(tmp_path), device="cpu", dtype="fp32"), load_family("mini"))


@pytest.mark.parametrize("sizes", [{"n_layer": 10**9}, {"vocab_size": -1}, {"activation_function": "__import__"}])
def test_configs_that_describe_no_model_are_refused(sizes):
    register()
    with pytest.raises(CheckpointError, match=r"^config\.json describes no language model"):
        needs_of(MossConfig(**sizes))


def test_this_machine_has_memory_and_a_disk(tmp_path):
    found = this_machine(tmp_path / "not" / "made" / "yet")
    assert found.ram > 0 and found.disk > 0


def test_the_page_about_moss_says_what_the_plan_says(moss):
    page = (Path(__file__).parents[2] / "docs" / "moss.md").read_text("utf-8")
    machines = {
        "80 GB GPU": machine(80),
        "2 x 24 GB GPU": machine(24, 24),
        "24 GB GPU": machine(24),
        "24 GB GPU, 64 GB memory": machine(24),
        "64 GB memory": machine(ram=64),
        "32 GB memory": machine(ram=32),
        "16 GB memory": machine(ram=16),
    }
    rows = [
        [cell.strip(" `") for cell in line.split("|")[1:-1]]
        for line in page.splitlines()
        if re.match(r"\| [\dx ]+ GB", line)
    ]
    assert len(rows) == 8
    for name, flags, told in rows:
        changes = {"quantize": flags.partition("--quantize ")[2], "offload_folder": "there" * ("DIR" in flags)}
        plan = make_plan(moss, machines[name], replace(WANTED, **changes))
        assert told == ", ".join(f"{device_name(device)} {size_text(size)}" for device, size in plan.shares.items())
    assert f"{moss.parameters:,} parameters" in page
    two = make_plan(moss, machine(24, 24), replace(WANTED, tp=2))
    assert f"at most {size_text(two.shares[0])} on each of two" in page
