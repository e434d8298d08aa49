"""What of a model is put together at once. That a shared-out model learns what a whole one does: test_run.py."""

from __future__ import annotations

import pytest
from transformers import MambaConfig, MambaForCausalLM

from moss_agent.training.sharding import layers_of
from tests.training.models import llama, moss

pytestmark = pytest.mark.slow  # importing torch takes seconds


def test_layers_are_put_together_one_by_one():
    model = llama()
    assert layers_of(model) == list(model.model.layers)
    assert [type(each).__name__ for each in layers_of(moss())] == ["MossBlock"] * 2


def test_a_layer_is_put_together_with_the_layers_inside_of_it():
    model = MambaForCausalLM(MambaConfig(vocab_size=64, hidden_size=32, num_hidden_layers=2, state_size=4))
    model._no_split_modules = ["MambaBlock", "MambaMixer"]
    assert layers_of(model) == list(model.backbone.layers)


def test_a_model_that_says_nothing_is_put_together_whole():
    model = llama()
    model._no_split_modules = None
    assert layers_of(model) == []
