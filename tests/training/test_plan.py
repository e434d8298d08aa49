"""What training takes, before anything is loaded; what does not fit, and what would."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from transformers import LlamaConfig

from moss_agent import free_memory
from moss_agent.checkpoints import machine
from moss_agent.checkpoints.merge import MEMORY
from moss_agent.checkpoints.needs import needs_of
from moss_agent.errors import CheckpointError, UsageError
from moss_agent.training.plan import Shape, check_loading, check_memory, memory_of, trained_parameters
from moss_agent.training.weights import with_adapter
from tests.training.models import SIZES, gemma2, gpt2, llama

pytestmark = pytest.mark.slow

NEEDS = needs_of(LlamaConfig(**SIZES, num_attention_heads=4, num_key_value_heads=2))
SHAPE = Shape(torch.bfloat16, rank=4)


def test_the_parameters_are_those_that_are_trained():
    adapted = with_adapter(llama(), 4, "base")
    assert trained_parameters(NEEDS, SHAPE) == sum(p.numel() for p in adapted.parameters() if p.requires_grad)
    assert trained_parameters(NEEDS, replace(SHAPE, full=True)) == sum(p.numel() for p in llama().parameters())


def test_layers_of_transposed_weights_are_trained_too():
    adapted = with_adapter(gpt2(), 4, "base")
    assert trained_parameters(needs_of(gpt2().config), SHAPE) == sum(
        p.numel() for p in adapted.parameters() if p.requires_grad
    )


def test_a_conversation_that_is_longer_than_a_row_takes_its_memory():
    long = replace(SHAPE, row=512, longest=1500)
    assert long.at_once == 1500 and replace(SHAPE, longest=1500).at_once == SHAPE.row
    assert memory_of(NEEDS, long) == memory_of(NEEDS, replace(SHAPE, row=1500))
    least = memory_of(NEEDS, replace(long, checkpointing=True)).whole
    with pytest.raises(UsageError, match="it would fit with .*--row-tokens 1024 --checkpointing$"):
        check_memory(NEEDS, replace(long, row=2048), least)


def test_a_row_that_is_shorter_than_those_that_are_tried_may_fit_with_activations_computed_twice():
    short = replace(SHAPE, row=128)
    with pytest.raises(UsageError, match="it would fit with --row-tokens 128 --checkpointing$"):
        check_memory(NEEDS, short, memory_of(NEEDS, replace(short, checkpointing=True)).whole)


def test_scores_that_are_kept_on_cpus_grow_with_the_longest_conversation():
    on_cpu = replace(SHAPE, on_cpu=True)
    rows = [replace(on_cpu, longest=longest) for longest in (0, 512, 1024)]
    whole, some, twice = (memory_of(NEEDS, shape).row - memory_of(NEEDS, SHAPE).row for shape in rows)
    assert whole == 2 * twice == 4 * some == (2 + 2) * 4 * 2048 * 2048 * 2  # layers, heads, rows, columns, bytes
    windowed = needs_of(gemma2().config)  # its attention is not ours
    assert memory_of(windowed, on_cpu) == memory_of(windowed, SHAPE)


def test_what_is_not_packed_of_a_quantised_base_is_in_fp32():
    packed, plain = (memory_of(NEEDS, replace(SHAPE, quantize=kind)).weights for kind in ("int8", ""))
    linear = sum(each.numel() for name, each in llama().named_parameters() if "proj" in name)
    assert packed == 4 * (NEEDS.parameters - linear) + linear and plain == 2 * NEEDS.parameters


@pytest.mark.parametrize(("dtype", "size"), [(torch.float32, 16), (torch.bfloat16, 18)])
def test_all_weights_in_fp32_and_a_copy_in_bf16(dtype, size):
    assert memory_of(NEEDS, Shape(dtype, full=True)).trained == size * NEEDS.parameters


@pytest.mark.parametrize("full", [False, True])
def test_processes_that_share_out_the_model_have_a_part_of_it_each(full):
    shared = replace(SHAPE, full=full, processes=8, shard=True)
    each, alone = memory_of(NEEDS, shared), memory_of(NEEDS, replace(SHAPE, full=full))
    assert each.weights == alone.weights // 8 and each.trained == 16 * trained_parameters(NEEDS, shared) // 8
    layer = sum(each.numel() for each in llama().model.layers[0].parameters())
    outside = NEEDS.parameters - 2 * layer
    assert each.row - alone.row == (outside + 3 * layer) * (6 if full else 2)  # put together to compute, in bf16


def test_the_cpu_has_to_hold_the_model_of_each_process_and_the_whole_state():
    full = replace(SHAPE, full=True, processes=8, shard=True)
    loaded, state = 8 * 4 * NEEDS.parameters, 12 * NEEDS.parameters
    check_loading(NEEDS, full, 8, loaded)
    with pytest.raises(UsageError, match="of the CPU's memory, .* are free: start fewer processes$"):
        check_loading(NEEDS, full, 8, loaded - 1)
    with pytest.raises(UsageError, match="start fewer processes$"):
        check_loading(NEEDS, full, 2, state - 1)


def test_sharing_out_is_named_where_it_makes_a_model_fit():
    sizes = {"vocab_size": 64, "hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 20}
    large = needs_of(LlamaConfig(**sizes, num_attention_heads=8))
    full = replace(SHAPE, full=True, processes=8, row=256)
    with pytest.raises(UsageError, match="it would fit with --full --shard --row-tokens 256$"):
        check_memory(large, full, memory_of(large, replace(full, shard=True)).whole)
    packed = replace(SHAPE, quantize="int8", row=256, checkpointing=True)
    with pytest.raises(UsageError, match="it would fit with --quantize int8 --row-tokens 256 --checkpointing$"):
        check_memory(large, replace(SHAPE, row=256), memory_of(large, packed).whole)


@pytest.mark.parametrize("less", [{"quantize": "int8"}, {"row": 512}, {"checkpointing": True}])
def test_each_option_saves_memory(less):
    assert memory_of(NEEDS, replace(SHAPE, **less)).whole < memory_of(NEEDS, SHAPE).whole


@pytest.mark.parametrize("shape", [SHAPE, replace(SHAPE, full=True)])
def test_what_does_not_fit_is_refused_with_options_that_do(shape):
    fits = memory_of(NEEDS, replace(shape, row=512)).whole
    with pytest.raises(UsageError, match="^training needs about .* are free: it would fit with .*--row-tokens"):
        check_memory(NEEDS, shape, fits)
    with pytest.raises(UsageError, match="none of this program's options would make it fit$"):
        check_memory(NEEDS, shape, 1000)
    assert check_memory(NEEDS, replace(shape, row=512), fits).whole == fits


def test_merging_keeps_to_what_the_container_may_take(tmp_path, monkeypatch):
    (tmp_path / "memory.max").write_text("3000000000\n")
    (tmp_path / "memory.current").write_text("2000000000\n")
    monkeypatch.setattr(free_memory, "CGROUP", tmp_path)
    with pytest.raises(CheckpointError, match="merging needs 1.5 GB of memory, 1.0 GB are free"):
        machine.check_memory(int(MEMORY * 10**9), "merging")
