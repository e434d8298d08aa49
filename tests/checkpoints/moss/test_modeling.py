"""MOSS computes what transformers' CodeGen computes with the same weights, however it is run."""

from __future__ import annotations

import re

import pytest
import torch
from transformers import ContinuousBatchingConfig, GenerationConfig

from moss_agent.checkpoints.moss.configuration import MossConfig
from moss_agent.checkpoints.moss.modeling import MossForCausalLM, eager_attention_forward
from tests.checkpoints.moss.published import SIZES, make_moss

IDS = torch.randint(2, 320, (3, 40), generator=torch.Generator().manual_seed(1))
LEFT_PADDED = torch.ones_like(IDS).index_put((torch.tensor([0]), torch.arange(13)[:, None]), torch.tensor(0))
NEW = 16
WAYS = {
    "greedy": {},
    "without a cache": {"use_cache": False},
    "beams": {"num_beams": 3},
    "left-padded": {"attention_mask": LEFT_PADDED},
    "left-padded beams": {"attention_mask": LEFT_PADDED, "num_beams": 2},
}
pytestmark = pytest.mark.slow


def generate(model, ids=IDS, **options) -> list[list[int]]:
    chosen = {"attention_mask": torch.ones_like(ids), "max_new_tokens": NEW, "do_sample": False, "pad_token_id": 0}
    return model.generate(ids, **{**chosen, **options}).tolist()


def largest_difference(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one - other).detach().abs().max())


def test_logits_are_those_of_the_reference(moss, reference):
    with torch.no_grad():
        assert largest_difference(moss(IDS).logits, reference(IDS).logits) < 1e-5
        positions = (LEFT_PADDED.cumsum(-1) - 1).clamp(min=0)
        padded = {"input_ids": IDS, "attention_mask": LEFT_PADDED, "position_ids": positions}
        got, want = (model(**padded).logits[LEFT_PADDED.bool()] for model in (moss, reference))
        assert largest_difference(got, want) < 1e-5
        assert want.abs().max() > 1


@pytest.mark.parametrize("way", WAYS)
def test_generation_gives_the_tokens_of_the_reference(moss, reference, way):
    assert generate(moss, **WAYS[way]) == generate(reference, **WAYS[way])


def test_other_ways_to_decode_greedily_give_the_same_tokens(reference):
    moss, one = make_moss(reference), IDS[:1].repeat(1, 2)  # the prompt says everything twice: lookup finds something
    want = generate(reference, one)
    assert generate(moss, one, cache_implementation="static", disable_compile=True) == want
    assert generate(moss, one, prompt_lookup_num_tokens=3) == want
    assert generate(moss, one, assistant_model=make_moss(reference)) == want


def test_a_static_cache_can_be_compiled_whole(reference):
    moss = make_moss(reference)
    moss.forward = torch.compile(moss.forward, fullgraph=True, backend="eager")
    assert generate(moss, cache_implementation="static", disable_compile=True) == generate(reference)


def test_continuous_batching_gives_the_same_tokens(reference):
    prompts = [IDS[0, :9].tolist(), IDS[1, :30].tolist(), IDS[2, :17].tolist()]
    want = [generate(reference, torch.tensor([prompt]))[0][len(prompt) :] for prompt in prompts]
    found = make_moss(reference).generate_batch(
        prompts,
        generation_config=GenerationConfig(max_new_tokens=NEW, do_sample=False, eos_token_id=1, pad_token_id=0),
        # Without these it takes 60% of the machine's free memory.
        continuous_batching_config=ContinuousBatchingConfig(num_blocks=16, max_batch_tokens=64),
        progress_bar=False,
    )
    assert [request.generated_tokens for request in found.values()] == want


def test_gradients_are_the_same_with_and_without_checkpointing(reference):
    plain, checkpointed = make_moss(reference).train(), make_moss(reference).train()
    checkpointed.gradient_checkpointing_enable()
    losses = [model(IDS, labels=IDS).loss for model in (plain, checkpointed)]
    for loss in losses:
        loss.backward()
    assert largest_difference(losses[0], reference(IDS, labels=IDS).loss) < 1e-5
    for (name, one), other in zip(plain.named_parameters(), checkpointed.parameters(), strict=True):
        assert one.grad is not None and largest_difference(one.grad, other.grad) < 1e-6, name


def test_hidden_states_and_attentions_can_be_had(reference):
    options = {"output_hidden_states": True, "output_attentions": True}
    with torch.no_grad():
        got, want = make_moss(reference, "eager")(IDS, **options), reference(IDS, **options)
    for name in ("hidden_states", "attentions"):
        assert len(got[name]) == len(want[name])
        assert all(largest_difference(*pair) < 1e-5 for pair in zip(got[name], want[name], strict=True))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_half_precision_stays_close_and_keeps_keys_in_it(reference, attention, dtype):
    moss = make_moss(reference, attention).to(dtype)
    with torch.no_grad():
        output, want = moss(IDS), reference(IDS).logits
    assert float((output.logits.float() - want).norm() / want.norm()) < 0.03
    assert {layer.keys.dtype for layer in output.past_key_values.layers} == {dtype}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_positions_are_as_exact_in_any_precision_that_is_loaded(tmp_path, reference, dtype):
    """Frequencies in 16 bits would turn far places by another angle altogether."""
    moss = make_moss(reference)
    moss.save_pretrained(tmp_path)
    loaded = MossForCausalLM.from_pretrained(tmp_path, dtype=dtype)
    assert loaded.dtype == dtype
    places = torch.arange(2048)[None]
    for one, other in zip(moss.transformer.rotary_emb(places), loaded.transformer.rotary_emb(places), strict=True):
        assert torch.equal(one, other)


def test_eager_scores_are_computed_in_fp32(reference):
    query = torch.full((1, 1, 3, 256), 100.0, dtype=torch.float16)  # their products overflow fp16
    value = torch.randn(1, 1, 3, 256, dtype=torch.float16)
    output, weights = eager_attention_forward(make_moss(reference), query, query, value, None, scaling=256**-0.5)
    assert weights.dtype == torch.float16 and torch.allclose(weights.float(), torch.full((3, 3), 1 / 3), atol=1e-3)
    assert torch.isfinite(output).all()


def test_plans_for_several_devices_name_modules_that_exist(reference):
    moss = make_moss(reference)
    for plan in (moss._tp_plan, moss._pp_plan):
        assert plan
        for pattern in plan:
            expression = pattern.replace(".", r"\.").replace("*", r"\d+")
            assert any(re.fullmatch(expression, name) for name, _ in moss.named_modules()), pattern


@pytest.mark.parametrize(
    "sizes", [{"n_head": 6}, {"n_embd": 65}, {"rotary_dim": 3}, {"rotary_dim": 10}, {"n_layer": "3"}]
)
def test_sizes_that_cannot_be_are_refused(sizes):
    with pytest.raises(Exception, match=next(iter(sizes))):
        MossForCausalLM(MossConfig(**{**SIZES, **sizes}))
