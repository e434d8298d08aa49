"""Layers of 4-bit weights compute what the same weights compute unpacked, up to the rounding of 16-bit rows."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from moss_agent.engine import packed
from moss_agent.engine.backends.llama_cpu import LlamaBackend, fits
from moss_agent.engine.packed import FEW, GROUP, HalfLinear, Levels, PackedLinear, pack

ROUNDING = 2 * torch.finfo(torch.bfloat16).eps  # of rows and of scales, relative
pytestmark = pytest.mark.slow


def random_levels(out: int, into: int) -> Levels:
    scales = torch.rand(out, into // GROUP) * 0.01
    return Levels(
        torch.randint(0, 16, (out, into), dtype=torch.uint8),
        scales,
        -8 * scales + torch.randn_like(scales) * 0.01,
        torch.randn(4, into) * 0.1,
        torch.randn(out, 4) * 0.1,
    )


def unpacked(levels: Levels) -> torch.Tensor:
    scales, offsets = (part.repeat_interleave(GROUP, 1) for part in (levels.scales, levels.offsets))
    return levels.levels * scales + offsets + levels.up @ levels.down


@pytest.mark.parametrize("shape", [(1,), (FEW,), (FEW + 1,), (2, 3)])
def test_few_and_many_rows_give_what_the_unpacked_weights_give(shape: tuple[int, ...]) -> None:
    torch.manual_seed(1)
    levels = random_levels(128, 96)
    weight = unpacked(levels)
    x = torch.randn(*shape, 96)
    computed = PackedLinear(levels, weight.bfloat16())(x)
    assert computed.shape == (*shape, 128) and computed.dtype == torch.float32
    assert (computed - x @ weight.T).norm() < ROUNDING * (x @ weight.T).norm()


@pytest.fixture
def llama() -> LlamaForCausalLM:
    torch.manual_seed(1)
    sizes = {"hidden_size": 64, "intermediate_size": 128, "num_attention_heads": 4, "num_key_value_heads": 2}
    return LlamaForCausalLM(LlamaConfig(vocab_size=400, num_hidden_layers=2, tie_word_embeddings=True, **sizes)).eval()


def packed_layers(model: LlamaForCausalLM) -> Iterator[tuple[str, Levels]]:
    """Levels for all linear layers but the head, whose weights become those of the levels."""
    for name, layer in list(model.model.named_modules(prefix="model")):
        if isinstance(layer, torch.nn.Linear):
            levels = random_levels(*layer.weight.shape)
            layer.weight.data = unpacked(levels).to(layer.weight.dtype)
            yield name, levels


@pytest.mark.parametrize("kind", [PackedLinear, HalfLinear])
def test_a_model_computes_with_the_faster_layers_nearly_what_it_computes_in_full_precision(
    llama: LlamaForCausalLM, monkeypatch: pytest.MonkeyPatch, kind: type
) -> None:
    monkeypatch.setattr(packed, "_seconds", lambda layers: float(any(not isinstance(one, kind) for one in layers)))
    layers = list(packed_layers(llama))
    whole = LlamaForCausalLM(llama.config).eval()
    whole.load_state_dict(llama.state_dict())
    pack(llama.bfloat16(), layers)
    assert isinstance(llama.model.layers[1].mlp.up_proj, kind) and isinstance(llama.lm_head, HalfLinear)
    assert fits(llama)
    backend = LlamaBackend(llama)
    cache, ids = backend.new_cache(), torch.randint(1, 400, (40,)).tolist()
    backend.forward([cache], [ids[:30]])
    for token in ids[30:]:
        (logits,) = backend.forward([cache], [[token]])
    with torch.inference_mode():
        want = whole(torch.tensor([ids])).logits[0, -1]
    assert (logits - want).norm() < 8 * ROUNDING * want.norm()


def test_without_packed_layers_weights_of_16_bits_are_computed_with(llama: LlamaForCausalLM) -> None:
    pack(llama.bfloat16(), [])
    assert isinstance(llama.model.layers[1].mlp.up_proj, HalfLinear)
