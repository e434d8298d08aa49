"""What training takes, before anything is loaded; what does not fit, and what would."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from transformers import LlamaConfig

from moss_agent.checkpoints.needs import needs_of
from moss_agent.errors import UsageError
from moss_agent.training.plan import Shape, check_memory, memory_of, trained_parameters
from moss_agent.training.weights import with_adapter
from tests.training.models import SIZES, llama

pytestmark = pytest.mark.slow

NEEDS = needs_of(LlamaConfig(**SIZES, num_attention_heads=4, num_key_value_heads=2))
SHAPE = Shape(torch.bfloat16, rank=4)


def test_the_parameters_are_those_that_are_trained():
    adapted = with_adapter(llama(), 4, "base")
    assert trained_parameters(NEEDS, SHAPE) == sum(p.numel() for p in adapted.parameters() if p.requires_grad)
    assert trained_parameters(NEEDS, replace(SHAPE, full=True)) == sum(p.numel() for p in llama().parameters())


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
